"""I/O: which servers to ask, one question, the peers of a Service."""
