"""`python -m bootstrap` is the program `galera-bootstrap`, wherever that is not installed."""

from bootstrap.main import main

main()
