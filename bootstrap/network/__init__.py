"""I/O: the other pods: their addresses by DNS, and authenticated requests over HTTP."""
