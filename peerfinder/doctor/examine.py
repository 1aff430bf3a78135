"""What is wrong with the discovery of peers: draws findings, each with its cause and its cure, from observations.

Pure: `commands/doctor.py` asks each name server and shows the findings.
A rule makes a finding only from an observation. An unanswered question leads to no finding except its own.
"""

from peerfinder.core.observations import Observations
from peerfinder.doctor import names, pods, servers, service
from peerfinder.doctor.finding import Finding

RULES = (
    names.check_domain_known,
    servers.check_settings,
    servers.check_failures,
    servers.check_tcp,
    names.check_domain_served,
    service.check_exists,
    service.check_ports,
    service.check_headless,
    pods.check_host_names,
    pods.check_foreign_names,
    pods.check_own_name,
    servers.check_agreement,
    pods.check_addresses,
    servers.check_negative_cache,
    servers.check_speed,
)
"""Each checks for one kind of mistake."""


def examine(observations: Observations, *, all_hints: bool = False) -> tuple[Finding, ...]:
    """Return the findings, problems first.

    Outside of a pod all else follows from that. The hint about the search list is true in nearly all pods, so it is
    only made if there is nothing else, or with *all_hints*.
    """
    if outside := tuple(names.check_pod(observations)):
        return outside
    findings = [finding for rule in RULES for finding in rule(observations)]
    if all_hints or not findings:
        findings += names.check_search_list(observations)
    return tuple(sorted(findings, key=lambda finding: not finding.problem))
