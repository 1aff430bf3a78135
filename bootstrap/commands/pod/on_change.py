"""`galera-bootstrap on-change`: the hook for a changed set of peers."""

import click

from bootstrap.control import channel
from bootstrap.control.pod_messages import ExpectedPods
from bootstrap.errors import AgentUnreachableError
from bootstrap.mariadb import pod_config
from bootstrap.process.log import logger
from bootstrap.settings import current
from bootstrap.starter.pod import read_pod
from bootstrap.starter.stdin import read_peers


@click.command()
def command() -> None:
    """Read peers on stdin and write my-galera.cnf with them and the expected members; a live server is not touched."""
    pod = read_pod(current(), logger("on-change"), read_peers())
    ordinals = pod.ordinals | pod.settings.configured_ordinals
    try:
        ordinals |= channel.Client(pod.settings.agent_socket).ask(ExpectedPods()).ordinals
    except AgentUnreachableError as exc:
        pod.log(f"{exc}; using REPLICAS and stdin")
    changed = pod_config.write(pod.settings, pod.secrets.cluster_id, pod.directory, ordinals)
    pod.log(f"{pod.settings.cnf} {'written' if changed else 'is up to date'}: pods {sorted(ordinals)}")
