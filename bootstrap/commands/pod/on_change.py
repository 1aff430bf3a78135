"""`galera-bootstrap on-change`: the hook for a changed set of peers."""

import click

from bootstrap.control import channel
from bootstrap.errors import AgentUnreachableError
from bootstrap.mariadb import pod_config
from bootstrap.process.log import logger
from bootstrap.settings import current
from bootstrap.starter.session import ordinals_in, starter
from bootstrap.starter.stdin import from_stdin


@click.command()
def command() -> None:
    """Read peers on stdin and write my-galera.cnf with them and the expected members; a live server is not touched."""
    say = logger("on-change")
    it = starter(current(), say, from_stdin())
    ordinals = it.shown | frozenset(range(it.settings.replicas))
    try:
        ordinals |= ordinals_in(channel.Client(it.settings.agent_socket).ask("members"))
    except AgentUnreachableError as exc:
        say(f"{exc}; using REPLICAS and stdin")
    changed = pod_config.write(it.settings, it.secrets.cluster_id, it.directory, ordinals)
    say(f"{it.settings.cnf} {'written' if changed else 'is up to date'}: pods {sorted(ordinals)}")
