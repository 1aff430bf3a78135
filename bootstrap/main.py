"""The program `galera-bootstrap`: a pod's containers start straight, all else goes through the command line (`cli`).

click is a quarter of a starter's start, and every pod has three of them, one after the other: what has no options to be
understood does without.
"""

import sys
from collections.abc import Callable
from functools import partial

from bootstrap import entrypoints
from bootstrap.errors import BootstrapError
from peerfinder.imports import imports_stay, stub_dns_features


def main() -> None:
    """Run a command; an expected fault ends in one line on stderr and its own exit code."""
    stub_dns_features()
    run = straight(tuple(sys.argv[1:])) or by_command_line
    try:
        run()
    except BootstrapError as exc:
        print(f"galera-bootstrap: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)


def straight(words: tuple[str, ...]) -> Callable[[], None] | None:
    """What these words start where they are just those of the manifests; None = they want to be looked at."""
    match words:
        case ("agent",):
            return entrypoints.agent
        case ("on-start",):
            return entrypoints.on_start
        case ("start", "--", server, *options) if server != "--":
            return partial(entrypoints.start, (server, *options))
    return None


def by_command_line() -> None:
    """Understand options, give help, complete a shell's line."""
    with imports_stay():
        from bootstrap.cli import group  # noqa: PLC0415  # see above

    group()
