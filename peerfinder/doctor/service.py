"""The Service: whether it is one that has peers."""

from collections.abc import Iterator

from peerfinder.core.observations import Observed
from peerfinder.doctor.finding import Finding, problem

ANSWERED = ("NOERROR", "NXDOMAIN")
"""A server says so when it knows what there is; the name of a port that does not exist is NXDOMAIN."""


def no_service(seen: Observed) -> Iterator[Finding]:
    """DNS has neither records nor addresses."""
    for server in seen.servers:
        reply = server.peers[0]
        if reply.status in ANSWERED and not (reply.records or server.addresses.records):
            yield problem(
                "no-service",
                f"{server.name} knows no peers of {seen.names.suffix}",
                "there is no such Service in this namespace, it selects no pod, or no pod is ready and it does not "
                "publish those that are not",
                f"compare with: kubectl -n {seen.names.namespace} get service,endpointslices "
                f"-l kubernetes.io/service-name={seen.names.service}; set publishNotReadyAddresses: true",
            )


def no_ports(seen: Observed) -> Iterator[Finding]:
    """There are addresses and no SRV records."""
    for server in seen.servers:
        reply = server.peers[0]
        if reply.status in ANSWERED and not reply.records and server.addresses.records:
            yield problem(
                "no-ports",
                f"{server.name} gives addresses of {seen.names.suffix} and no SRV record",
                "the Service has no port, or -port-name is none of its ports",
                "give the Service a named port; any will do",
            )


def cluster_ip(seen: Observed) -> Iterator[Finding]:
    """The Service is not headless."""
    for server in seen.servers:
        if seen.names.suffix in server.targets:
            yield problem(
                "not-headless",
                f"{server.name} gives the Service itself as its only peer",
                "the Service has a cluster IP, so its pods have no names",
                "make a Service with clusterIP: None (the field cannot be changed: delete and create), and name it in "
                "-service and in the StatefulSet's serviceName",
            )
