"""Pure values: a disk, a server, a pod, a peer; "unknown" is a value, too."""
