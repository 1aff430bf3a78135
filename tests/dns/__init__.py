"""Name servers for tests: a real one, and one that lies."""
