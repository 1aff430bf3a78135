"""`python -m bootstrap`."""

from bootstrap.main import main

main()
