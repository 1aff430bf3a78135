"""`galera-bootstrap render`: my-galera.cnf without writing it."""

import difflib
import re
import sys

import click

from bootstrap.mariadb import pod_config
from bootstrap.mariadb.config import render, without_fingerprint
from bootstrap.network.directory import Directory
from bootstrap.secret_files import read_secret
from bootstrap.settings import current


@click.command()
@click.option(
    "--diff", is_flag=True, help="Show what would change in the file that is there; exit code 1 if anything would."
)
def command(*, diff: bool) -> None:
    """Show my-galera.cnf as it would be written for the configured number of replicas; its password is hidden."""
    settings = current()
    members = Directory.open(settings).members(settings.configured_ordinals)
    text = render(pod_config.build_cnf(settings, read_secret(settings.secrets, "cluster-id"), members))
    if not diff:
        click.echo(hide_password(text), nl=False)
        return
    old = without_fingerprint(settings.cnf.read_text()) if settings.cnf.exists() else ""
    lines = list(difflib.unified_diff(old.splitlines(), text.splitlines(), "now", "new", lineterm=""))
    click.echo(hide_password("\n".join(lines)))
    sys.exit(1 if lines else 0)


def hide_password(text: str) -> str:
    """Return the text without the password of state transfers: people copy this output into tickets."""
    return re.sub(r'(?m)(wsrep_sst_auth = "\w+:).*"$', r'\1********"', text)
