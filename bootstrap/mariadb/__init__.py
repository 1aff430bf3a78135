"""I/O: MariaDB's programs and its SQL: configure, initialise, recover, ask, stop."""
