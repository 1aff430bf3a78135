"""I/O: what a datadir holds, and how it is made ready for a start."""
