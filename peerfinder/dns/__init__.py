"""I/O: which name servers to ask, one DNS question, the peers of a Service."""
