"""Pure: the formats of Galera and MariaDB: state files, recovery log, options, versions, certificates."""
