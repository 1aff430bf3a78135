"""I/O: our own files on the volume and in the run folder; knows nothing of a datadir's content."""
