"""The binary log of the cluster in a repository: sent continuously, and replayed on a restored backup."""
