"""Entry point of `peer-finder`: chooses the command.

If the first word is the name of a command, click runs it. Everything else is the drop-in form with Go's flags.
Each command is imported only when it runs, and signals are blocked before all else: a PID 1 would lose those that come
before it handles them. That is also why there are so few imports here.
"""

import gc
import os
import signal
import sys

from peerfinder.commands.listed import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import NoReturn

PEER_LIST = {
    "PEERFINDER_NO_REQUIRE_SELF": "true",
    "PEERFINDER_MIN_GAP": "30s",
    "PEERFINDER_REMOVE_AFTER": "0",
    "PEERFINDER_REPEAT_AFTER_GONE": "true",
}
"""Percona's `peer-list` runs in pods that are not peers. It hands a change over at once, but leaves 30 s between two.
It has no patience with a missing peer, and forgets its peers when there are no records."""

BLOCKED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""All signals that `hooks.signals` handles; they wait until it is ready."""


def main() -> "NoReturn":
    """Run `peer-finder` with the arguments and environment of this process, and end the process."""
    if (sys.argv[1:2] and sys.argv[1] in COMMANDS) or "_PEER_FINDER_COMPLETE" in os.environ:
        _run_command()
    # Nothing is buffered and no thread needs to end: shutting the interpreter down would take a sixth of a whole run.
    os._exit(run_drop_in())


def run_drop_in() -> int:
    """Run the form with Go's flags and return the exit code."""
    # The kernel drops a signal that a PID 1 does not handle, but keeps one that it blocks (kernel/signal.c,
    # sig_ignored): it is handled as soon as `Signals` unblocks it.
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
    # `imports_stay` enables it again. The import of that alone would start a collection, which takes 1 ms.
    gc.disable()
    from peerfinder.environment import restore_locale  # noqa: PLC0415 - after the signals
    from peerfinder.imports import imports_stay, stub_dns_features, without_openssl  # noqa: PLC0415 - after the signals

    restore_locale()
    with imports_stay(), without_openssl():
        from peerfinder.hooks.signals import Signals  # noqa: PLC0415 - after the signals

        _open_standard_streams()
        # The STOPSIGNAL of Percona's HAProxy image is SIGUSR1, and its program ends with 0 then.
        signals = Signals(frozenset({signal.SIGUSR1}) if _is_peer_list(sys.argv[0]) else frozenset())
        signals.install()
        stub_dns_features()
        from peerfinder.commands import find  # noqa: PLC0415 - after the stub
    return find.main(sys.argv[1:], build_environment(sys.argv[0]), os.uname().nodename, signals)


def build_environment(program: str) -> dict[str, str]:
    """Return the environment; under the name of Percona's program, its defaults are added."""
    return (PEER_LIST if _is_peer_list(program) else {}) | os.environ


def _is_peer_list(program: str) -> bool:
    return os.path.basename(program) == "peer-list"  # noqa: PTH119 - pathlib is slow


def _open_standard_streams() -> None:
    """Open closed descriptors from 0 to 2 as /dev/null, so that no socket gets such a number and is written to."""
    try:
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(opened, True)  # noqa: FBT003 - the signature is Python's
        os.close(opened)
    except OSError:
        return  # In a container without /dev/null the three are usually open, so nothing is missing.


def _run_command() -> "NoReturn":
    from importlib import import_module  # noqa: PLC0415 - after the signals of the other form

    import click  # noqa: PLC0415 - its import would double the start of the drop-in form

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    def group() -> None:
        """Find the peers of a pod by the SRV records of its headless Service."""

    # A command needs no imports of the others: a probe runs every few seconds.  Completion offers all.
    for name in COMMANDS if "_PEER_FINDER_COMPLETE" in os.environ else sys.argv[1:2]:
        group.add_command(getattr(import_module(f"peerfinder.commands.{name}"), name))
    if "_PEER_FINDER_COMPLETE" in os.environ:
        group.params += import_module("peerfinder.commands.completion").make_options()
        group.main(prog_name="peer-finder")
    command = group.commands[sys.argv[1]]
    several = command.commands.values() if isinstance(command, click.Group) else [command]
    names = {name for one in several for option in one.params for name in option.opts} | {"--help"}
    group.main([sys.argv[1], *double_dashes(sys.argv[2:], names)], prog_name="peer-finder")


def double_dashes(words: "Sequence[str]", options: "Container[str]") -> "list[str]":
    """Write the options of a command with two dashes, as click reads them; flags have one dash or two."""
    doubled = [f"-{word}" if f"-{word.partition('=')[0]}" in options else word for word in words]
    end = words.index("--") if "--" in words else len(words)
    return [*doubled[:end], *words[end:]]
