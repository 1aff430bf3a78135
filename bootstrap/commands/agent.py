"""`galera-bootstrap agent`: the sidecar."""

import sys

import click

from bootstrap.lean import without_openssl
from bootstrap.log import die_by_signal, logger

with without_openssl():
    from bootstrap.serve import serve
    from bootstrap.settings import current


@click.command()
def command() -> None:
    """Answer the peers' agents, decide, and give permissions; runs until it is stopped."""
    # A thread that starves another one behind the interpreter's lock would cost the peers a deadline.
    sys.setswitchinterval(0.001)
    die_by_signal()
    serve(current(), logger("agent"))
