"""`python -m bootstrap` is `galera-bootstrap`."""

from bootstrap.cli import main

main()
