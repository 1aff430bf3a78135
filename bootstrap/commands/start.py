"""`galera-bootstrap start -- COMMAND...`: the entrypoint of the server's container."""

import sys
from pathlib import Path

import click

from bootstrap import lock, supervise
from bootstrap.lean import without_openssl
from bootstrap.log import die_by_signal, logger

with without_openssl():
    from bootstrap.settings import current
    from bootstrap.start import start, starter


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--with-agent", is_flag=True, help="Run the agent, too: for a pod without a sidecar.")
@click.argument("server", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(*, with_agent: bool, server: tuple[str, ...]) -> None:
    """Wait for the permission to start, then become COMMAND (mariadbd --defaults-file=...)."""
    if with_agent:
        sys.exit(beside_an_agent(server))
    die_by_signal()
    start(starter(current(), logger("start")), server)


def beside_an_agent(server: tuple[str, ...]) -> int:
    """Run agent and server as children of one process; returns the server's exit code.

    The volume may be mounted above the data, as at /var/lib in 2017; the agent makes what is missing, and must not have
    to be quicker than the server's starter, which makes nothing where there may be no volume.
    Raises JournalUnwritableError.
    """
    lock.make_folder(current().lock.parent, parents=True)
    me = this_program()
    return supervise.run((*me, "agent"), (*me, "start", "--", *server), logger("start"))


def this_program() -> tuple[str, ...]:
    """How to call this program again: the self-contained one is told by its name which command it is."""
    if getattr(sys, "frozen", False):
        return (str(Path(sys.executable).with_name("galera-bootstrap")),)
    return (sys.executable, "-m", "bootstrap")
