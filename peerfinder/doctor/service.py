"""The Service: whether it can have peers."""

from collections.abc import Iterator

from peerfinder.core.observations import Observations
from peerfinder.doctor.finding import Finding, problem

ANSWERED = ("NOERROR", "NXDOMAIN")
"""The status of a server that knows the zone; for a port that does not exist it is NXDOMAIN."""


def check_exists(observations: Observations) -> Iterator[Finding]:
    """Find a Service without records and addresses."""
    for server in observations.servers:
        reply = server.peers[0]
        if reply.status in ANSWERED and not (reply.records or server.addresses.records):
            yield problem(
                "no-service",
                f"{server.name} knows no peers of {observations.names.suffix}",
                "there is no such Service in this namespace, it selects no pod, or no pod is ready and it does not "
                "publish pods that are not ready",
                # A Service has no such label; only its EndpointSlices have it.
                f"compare with: kubectl -n {observations.names.namespace} get service {observations.names.service}; "
                f"kubectl -n {observations.names.namespace} get endpointslices "
                f"-l kubernetes.io/service-name={observations.names.service}; set publishNotReadyAddresses: true",
            )


def check_ports(observations: Observations) -> Iterator[Finding]:
    """Find a Service with addresses and without SRV records."""
    for server in observations.servers:
        reply = server.peers[0]
        if reply.status in ANSWERED and not reply.records and server.addresses.records:
            yield problem(
                "no-ports",
                f"{server.name} gives addresses of {observations.names.suffix} and no SRV record",
                "the Service has no port, or -port-name is not one of its ports",
                "give the Service a named port; any will do",
            )


def check_headless(observations: Observations) -> Iterator[Finding]:
    """Find a Service that is not headless."""
    for server in observations.servers:
        if observations.names.suffix in server.targets:
            yield problem(
                "not-headless",
                f"{server.name} gives the Service itself as its only peer",
                "the Service has a cluster IP, so its pods have no names",
                "make a Service with clusterIP: None (the field cannot be changed: delete and create), and name it in "
                "-service and in the StatefulSet's serviceName",
            )
