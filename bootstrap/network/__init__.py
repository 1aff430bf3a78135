"""I/O: the other pods: their addresses by DNS, authenticated requests over HTTP."""
