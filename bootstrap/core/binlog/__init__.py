"""Pure: what a file of MariaDB's binary log holds, and how pieces of the log make one chain."""
