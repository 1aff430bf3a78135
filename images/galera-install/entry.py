"""All commands as one program. It is called by a symbolic link for each command, and runs the one with that name."""

import os
import sys
from importlib import import_module

MODULES = {"peer-finder": "peerfinder.cli", "peer-list": "peerfinder.cli", "galera-bootstrap": "bootstrap.main"}
"""Command -> the module whose `main` it runs; `peer-list` is the name of Percona's program."""


def main() -> None:
    """Run the command by whose name the program was called."""
    called = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib is slow
    module = MODULES.get(called)
    if module is None:
        sys.exit(f"{called}: call this program by one of its links: {', '.join(MODULES)}")
    import_module(module).main()


if __name__ == "__main__":
    main()
