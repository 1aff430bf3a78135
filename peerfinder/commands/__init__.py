"""One file a command of `peer-finder`."""
