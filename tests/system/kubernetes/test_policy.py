"""Which connections manifests/base/network-policy.yaml allows, by attempts to connect in a real cluster.

test_database.py shows that members find each other and recover under it, because its cluster enforces policies, too.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dns.message
import pytest

from tests.kubernetes.cluster import Cluster, why_unavailable
from tests.kubernetes.database import SET, Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.machines.network import API_SERVICE, CONTROL, node_address
from tests.kubernetes.pods.policy_attempts import PORT, address_of, find_reachable, listener, open_ports, strip_metadata
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images]

CLIENT, OTHER, FOREIGN = "policy-client", "policy-other", "policy-foreign"
"""Pods: with the clients' label, without a label, and with the clients' label in another namespace."""

PORTS = {"mysql": 3306, "sst": 4444, "galera": 4567, "ist": 4568, "bootstrap": 4569, "health": 8080}
TRANSFERS = (PORTS["sst"], PORTS["ist"])
"""Ports that are open only while a member joins; the tests listen there."""

MAY_REACH = {
    CLIENT: {"mysql", "Service mysql"},
    OTHER: set(),
    FOREIGN: set(),
    "mysql-0": {"sst", "galera", "ist", "bootstrap"},
}

NAME = "galera.galera-lab.svc.cluster.local."


@dataclass(frozen=True)
class Lab:
    """Three Synced members under the policy, and pods that try to connect."""

    inside: Kubectl
    """The members' namespace."""
    outside: Kubectl
    places: Mapping[str, Mapping[str, str]]
    """Where each pod tries to connect to, as HOST:PORT by name; a program listens at each of them."""

    def find_reachable(self) -> dict[str, set[str]]:
        """The places that each pod can connect to."""
        return {
            pod: find_reachable(self.outside if pod == FOREIGN else self.inside, pod, places)
            for pod, places in self.places.items()
        }


@pytest.fixture
def _enforced(own_cluster: Cluster) -> None:
    if not own_cluster.policies:
        pytest.skip(f"NOT TESTED: the denials of the network policy: {why_unavailable(policies=True)}")


@pytest.fixture
def lab(own_cluster: Cluster, database: Database, _enforced: None) -> Iterator[Lab]:
    inside, outside = database.kubectl, own_cluster.kubectl
    inside.apply(listener(CLIENT, {"mysql-client": "true"}), listener(OTHER, {}))
    outside.apply(listener(FOREIGN, {"mysql-client": "true"}))
    pods = {CLIENT: inside, OTHER: inside, FOREIGN: outside}
    for pod, where in pods.items():
        where.wait(f"pod/{pod}", "condition=Ready", seconds=120)
    member = address_of(inside, "mysql-1")
    of_member = {name: f"{member}:{port}" for name, port in PORTS.items()}
    of_client = {**of_member, "Service mysql": "mysql.galera-lab.svc.cluster.local:3306"}
    elsewhere = {
        "API server": f"{CONTROL}:6443",
        "API server, by its Service": f"{API_SERVICE}:443",
        "kubelet": f"{node_address(1)}:10250",
        **{pod: f"{address_of(where, pod)}:{PORT}" for pod, where in pods.items()},
    }
    places = {CLIENT: of_client, OTHER: of_client, FOREIGN: of_client, "mysql-0": {**of_member, **elsewhere}}
    with open_ports(inside, "mysql-1", TRANSFERS):
        yield Lab(inside, outside, places)
    for pod, where in pods.items():
        where("delete", "pod", pod, "--wait=false")


def test_every_pod_reaches_only_allowed_places_and_without_the_policy_all_places(lab: Lab) -> None:
    """The test without the policy shows that the policy denied a place, and that a program listened there."""
    policy = lab.inside.get("networkpolicy", "mysql")
    everything = {pod: set(places) for pod, places in lab.places.items()}

    # The pods are new, and the program that enforces policies must notice them first.
    wait("the policy in force", lambda: lab.find_reachable() == MAY_REACH, seconds=180)

    lab.inside("delete", "networkpolicy", "mysql")
    try:
        wait("a cluster without the policy", lambda: lab.find_reachable() == everything, seconds=180)
    finally:
        lab.inside.apply(strip_metadata(policy))
    wait("the policy in force again", lambda: lab.find_reachable() == MAY_REACH, seconds=180)


@pytest.mark.usefixtures("_enforced")
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_a_member_gets_answers_from_the_name_server(database: Database, protocol: str) -> None:
    question = dns.message.make_query(NAME, "A").to_wire()
    # Over TCP, the length comes before a message: RFC 1035, 4.2.2.
    length = b"" if protocol == "UDP" else len(question).to_bytes(2, "big")
    message = base64.b64encode(length + question).decode()
    ask = f"echo {message} | base64 --decode | socat -t 5 - {protocol}:{CONTROL}:53 | base64"

    output = database.kubectl("exec", "mysql-0", "--", "sh", "-c", ask)

    answer = dns.message.from_wire(base64.b64decode(output)[len(length) :])
    assert answer.answer, "the answer has no addresses"


@pytest.mark.usefixtures("_enforced")
def test_probes_of_the_kubelet_are_allowed(database: Database) -> None:
    """Every pod is denied the port `health`, see above, but the kubelet gets answers."""
    count = ("get", SET, "--output=jsonpath={.status.readyReplicas}")
    wait("three ready members", lambda: database.kubectl(*count) == "3", seconds=60)
