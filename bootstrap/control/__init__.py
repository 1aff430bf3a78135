"""I/O: the agent's unix socket, both ends, and its messages."""
