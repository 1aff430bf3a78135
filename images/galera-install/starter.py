"""The first code that the program runs, instead of cx_Freeze's: `freeze.py` puts it into the program.

cx_Freeze's own imports `string`, `importlib.util` and `typing` to find the name of the module that it runs, at each
start.  It also finds extension modules inside of packages, which our dependencies do not have.
"""

import os
import sys

MISSING = (
    "{0}: the folder lib is not beside {1}: it was copied as one file. Run `galera-bootstrap install "
    "--work-dir=/work-dir` in an init container with the image galera-install: it puts peer-finder, peer-list and "
    "galera-bootstrap into that volume. Or copy the whole folder: cp -a /opt/galera-tools /work-dir/, and call "
    "/work-dir/galera-tools/peer-finder\n"
)
"""Installers of other projects copy one file."""


ENTRY = "__main__galera_tools"
"""cx_Freeze's name for `entry.py` in a program of this name."""


def init() -> None:
    """Do nothing; the program calls it before `run`."""


def run() -> None:
    """Run `entry.py`, or end with status 127 as ld.so for a missing library."""
    if not os.path.exists(sys.prefix + "/lib/library.zip"):  # noqa: PTH110 - pathlib is slow
        os.write(2, MISSING.format(os.path.basename(sys.argv[0]), sys.executable).encode())  # noqa: PTH119
        os._exit(127)
    sys.frozen = True  # type: ignore[attr-defined]  # what freezes a program sets it
    __import__(ENTRY).main()
