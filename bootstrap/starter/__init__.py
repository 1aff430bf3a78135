"""`on-start` and `start`: report the datadir, wait for permission, become the server."""
