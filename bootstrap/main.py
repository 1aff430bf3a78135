"""The program `galera-bootstrap`: a pod's containers start directly, all else goes through the command line (`cli`).

The import of click is a quarter of a starter's start, and every pod has three of them, one after the other.  A command
without options does not need it.
"""

import sys
from collections.abc import Callable
from functools import partial

from bootstrap import entrypoints
from bootstrap.errors import BootstrapError
from bootstrap.process.log import escape
from peerfinder.environment import restore_locale
from peerfinder.imports import imports_stay, stub_dns_features


def main() -> None:
    """Run a command; an expected fault ends in one line on stderr and its own exit code."""
    restore_locale()
    stub_dns_features()
    run = find_entrypoint(tuple(sys.argv[1:])) or run_command_line
    try:
        run()
    except BootstrapError as exc:
        print(f"galera-bootstrap: {escape(str(exc))}", file=sys.stderr)
        sys.exit(exc.exit_code)


def find_entrypoint(words: tuple[str, ...]) -> Callable[[], None] | None:
    """Return what these words start: those of the manifests, and our own; None = they need the command line."""
    match words:
        case ("agent",):
            return entrypoints.run_agent
        case ("on-start",):
            return entrypoints.run_on_start
        case ("upgrade", "--server", server) if server.isascii() and server.isdigit():
            return partial(entrypoints.run_upgrade_tables, int(server))
        case ("start", "--", server, *options) if server != "--":
            return partial(entrypoints.run_start, (server, *options))
        case ("start", "--again", *_):
            return partial(entrypoints.run_start_again, words)
        case ("keep", *_):
            return partial(entrypoints.run_keeper, words)
    return None


def run_command_line() -> None:
    """Parse options, print help, complete a shell's line."""
    with imports_stay():
        from bootstrap.cli import group  # noqa: PLC0415  # it imports click

    group()
