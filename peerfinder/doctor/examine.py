"""What is wrong with the discovery of peers: findings, each with its cause and its cure, from what DNS was seen to say.

Pure: `commands/doctor.py` asks each name server and shows the findings; this page only draws conclusions.
A rule speaks when it has seen something; what is unknown leads to no finding but its own.
"""

from peerfinder.core.observations import Observed
from peerfinder.doctor import names, pods, servers, service
from peerfinder.doctor.finding import Finding

RULES = (
    names.domain_unknown,
    servers.server_fails,
    servers.tcp_blocked,
    names.domain_wrong,
    service.no_service,
    service.no_ports,
    service.cluster_ip,
    pods.dashed,
    pods.foreign,
    pods.own_missing,
    servers.disagreement,
    pods.addresses_differ,
    servers.remembered,
    servers.slow,
    names.amplification,
)
"""Each looks for one kind of mistake."""


def examine(observed: Observed) -> tuple[Finding, ...]:
    """Give the findings, problems first."""
    found = [finding for rule in RULES for finding in rule(observed)]
    return tuple(sorted(found, key=lambda finding: not finding.problem))
