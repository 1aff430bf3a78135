"""Decide, safely and without an operator, whether a Galera node bootstraps, joins, waits or holds."""
