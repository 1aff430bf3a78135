"""One file a command of `galera-bootstrap`."""
