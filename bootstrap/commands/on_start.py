"""`galera-bootstrap on-start`: the hook of the init container."""

import click

from bootstrap.commands.peers import from_stdin
from bootstrap.lean import without_openssl
from bootstrap.log import die_by_signal, logger

with without_openssl():
    from bootstrap.settings import current
    from bootstrap.start import on_start, starter


@click.command()
def command() -> None:
    """Read peers on stdin, write my-galera.cnf, report the datadir, and end when it is decided who starts first.

    The peers only add to the expected members in my-galera.cnf: they never decide anything.
    """
    die_by_signal()
    on_start(starter(current(), logger("on-start"), from_stdin()))
