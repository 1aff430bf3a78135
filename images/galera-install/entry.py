"""Both commands as one program: the name by which it is called says which (a symbolic link for each)."""

import os
import sys
from importlib import import_module

PACKAGES = {"peer-finder": "peerfinder", "galera-bootstrap": "bootstrap"}
"""Command -> the package whose `cli.main` it runs."""


def main() -> None:
    """Run the command that the program was called as."""
    called = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib is slow
    package = PACKAGES.get(called)
    if package is None:
        sys.exit(f"{called}: call this program by one of its links: {', '.join(PACKAGES)}")
    import_module(f"{package}.cli").main()


if __name__ == "__main__":
    main()
