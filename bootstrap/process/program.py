"""How to call this program again."""

import sys
from pathlib import Path

NAME = "galera-bootstrap"


def own_command() -> tuple[str, ...]:
    """Return how to call this program again: the self-contained one finds its command by the name of its file."""
    if getattr(sys, "frozen", False):
        return (str(Path(sys.executable).with_name(NAME)),)
    if Path(sys.argv[0]).name == NAME:
        return (str(Path(sys.argv[0]).absolute()),)
    return (sys.executable, "-m", "bootstrap")
