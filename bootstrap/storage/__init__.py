"""I/O: our own files on the volume and in the run folder, and where all files of a pod lie."""
