"""I/O: a hook's process and output, and the signals of this process."""
