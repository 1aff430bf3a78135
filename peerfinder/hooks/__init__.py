"""I/O: a hook's process, its output, this process's signals."""
