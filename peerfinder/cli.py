"""Entry point of `peer-finder`: which command is meant.

A first word that is a command's name leads to click, everything else is the drop-in form with Go's flags.
Each command is imported when it is meant, and signals are kept before all else: a PID 1 would lose those that come
before it handles them. That is also why there are so few imports here.
"""

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

COMMANDS = ("peers", "doctor", "healthz")
"""Commands of our own, each a module of that name in `commands` with a click command of that name."""

PEER_LIST = {"PEERFINDER_NO_REQUIRE_SELF": "true", "PEERFINDER_SETTLE": "30s:2m"}
"""Percona's `peer-list` runs in pods that are no peers, and leaves 30 s between two changes."""

KEPT = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""All that `signals` handles; they wait for it."""


def main() -> "NoReturn":
    """Run `peer-finder` with the arguments and environment of this process, and end it."""
    if (sys.argv[1:2] and sys.argv[1] in COMMANDS) or "_PEER_FINDER_COMPLETE" in os.environ:
        _command()
    # Nothing is buffered and no thread runs: to take the interpreter apart would be a sixth of a whole run.
    os._exit(drop_in())


def drop_in() -> int:
    """Run the form with Go's flags and return the exit code."""
    # The kernel drops a signal that a PID 1 does not handle, but keeps one that it blocks (kernel/signal.c,
    # sig_ignored): it is handled as soon as `Signals` unblocks it.
    signal.pthread_sigmask(signal.SIG_BLOCK, KEPT)
    from peerfinder.imports import imports_stay, stub_dns_features, without_openssl  # noqa: PLC0415 - after the signals

    with imports_stay(), without_openssl():
        from peerfinder.hooks.signals import Signals  # noqa: PLC0415 - after the signals

        _open_standard_streams()
        signals = Signals()
        signals.install()
        stub_dns_features()
        from peerfinder.commands import find  # noqa: PLC0415 - after the stub
    return find.main(sys.argv[1:], environment(sys.argv[0]), os.uname().nodename, signals)


def environment(called: str) -> dict[str, str]:
    """Give the environment; a program that is called as Percona's has its defaults."""
    return (PEER_LIST if os.path.basename(called) == "peer-list" else {}) | os.environ  # noqa: PTH119 - pathlib is slow


def _open_standard_streams() -> None:
    """Open what is closed of descriptors 0 to 2 as /dev/null, lest a socket takes its place and is written to."""
    try:
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(opened, True)  # noqa: FBT003 - the signature is Python's
        os.close(opened)
    except OSError:
        return  # A container without /dev/null mostly has the three open, and needs no other.


def _command() -> "NoReturn":
    from importlib import import_module  # noqa: PLC0415 - after the signals of the other form

    import click  # noqa: PLC0415 - its import would double the start of the drop-in form

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    def group() -> None:
        """Find the peers of a pod by the SRV records of its headless Service."""

    # A probe is run every few seconds and needs neither the others nor their imports.
    for name in sys.argv[1:2] if sys.argv[1:2] == ["healthz"] else COMMANDS:
        group.add_command(getattr(import_module(f"peerfinder.commands.{name}"), name))
    if "_PEER_FINDER_COMPLETE" in os.environ:
        group.params += import_module("peerfinder.commands.completion").options()
    group.main(prog_name="peer-finder")
