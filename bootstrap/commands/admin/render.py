"""`galera-bootstrap render`: my-galera.cnf without writing it."""

import difflib
import re
import sys

import click

from bootstrap.mariadb import pod_config
from bootstrap.mariadb.config import render, without_fingerprint
from bootstrap.process.log import logger
from bootstrap.settings import current
from bootstrap.starter.pod import read_pod


@click.command()
@click.option(
    "--diff", is_flag=True, help="Show what would change in the file that is there; exit code 1 if anything would."
)
def command(*, diff: bool) -> None:
    """Show my-galera.cnf as it would be written for the configured number of replicas; its password is hidden."""
    pod = read_pod(current(), logger("render"))
    members = pod.directory.members(pod.settings.configured_ordinals)
    text = render(pod_config.build_cnf(pod.settings, pod.secrets.cluster_id, members))
    if not diff:
        click.echo(hide_password(text), nl=False)
        return
    old = without_fingerprint(pod.settings.cnf.read_text()) if pod.settings.cnf.exists() else ""
    lines = list(difflib.unified_diff(old.splitlines(), text.splitlines(), "now", "new", lineterm=""))
    click.echo(hide_password("\n".join(lines)))
    sys.exit(1 if lines else 0)


def hide_password(text: str) -> str:
    """Return the text without the password of state transfers: people copy this output into tickets."""
    return re.sub(r'(?m)(wsrep_sst_auth = "\w+:).*"$', r'\1********"', text)
