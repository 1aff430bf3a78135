"""The commands of `peer-finder`, one file each."""
