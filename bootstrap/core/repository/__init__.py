"""Pure: what a repository of restic is asked for, what it holds, and what its errors mean."""
