"""manifests/components/dual-stack, on a cluster of its own with both families of addresses."""

import ipaddress
from collections.abc import Iterator

import pytest

from bootstrap.mariadb.config import GROUP_PORT
from images.running import BuildError
from tests.kubernetes.cluster import Cluster, NotHereError, check, our_images
from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.shared import full, run_cluster
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1500), full]

ESTABLISHED = "01"
MAPPED = "0000000000000000FFFF0000"
"""A state, and the beginning of an IPv4 address, in /proc/net/tcp6 (proc(5))."""

ONLY_SIX = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "galera"},
    "spec": {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"]},
}
"""The members' names have only IPv6 addresses, so all connections between members use IPv6."""


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster with addresses of both families."""
    try:
        check()
        images = our_images("galera-install", "mysql-galera")
    except (NotHereError, BuildError) as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with run_cluster(Cluster(dual=True), request.config) as cluster:
        cluster.load(images)
        yield cluster


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster) -> Kubectl:
    """Kubectl for this cluster instead of the one for all tests."""
    return cluster.kubectl


def families(addresses: list[str]) -> set[int]:
    return {ipaddress.ip_address(address).version for address in addresses}


def replication_families(database: Database, pod: str) -> set[int]:
    """The families of the connections between the Galera of a pod and that of others, in both directions."""
    listing = database.kubectl("exec", pod, "--container=mysql", "--", "cat", "/proc/net/tcp", "/proc/net/tcp6")
    found = set()
    for line in listing.splitlines():
        _, local, remote, state, *_ = line.split()
        if state == ESTABLISHED and {local[-4:], remote[-4:]} & {f"{GROUP_PORT:04X}"}:
            found.add(4 if len(remote) == len("0100007F:0000") or MAPPED in remote else 6)
    return found


def assert_recovers(database: Database) -> None:
    """Delete all pods by force while a client writes, and check that nothing is lost."""
    with database.writer():
        database.wait_acknowledged(30)
        database.delete_all_pods()
        database.wait_synced(3)
        database.wait_acknowledged(10)
    verdict = database.judge()
    assert verdict.complaints == []
    assert verdict.expected >= 40


def test_services_and_members_have_both_families_and_recover(overlay: Overlay, times: Times) -> None:
    database = overlay.database
    with times.measure("components/dual-stack: apply to 3 members Synced"):
        overlay.apply(components=("dual-stack",))
        database.wait_synced(3)
    spec = database.kubectl.get("service", "mysql")["spec"]
    assert families(spec["clusterIPs"]) == {4, 6}
    for pod in database.pods():
        assert families([ip["ip"] for ip in pod["status"]["podIPs"]]) == {4, 6}
    six = next(ip for ip in spec["clusterIPs"] if ":" in ip)
    ask = ("mariadb", "--no-defaults", "--protocol=tcp", f"--host={six}", "--connect-timeout=9", "--user=nobody-here")
    # A server answers at the Service's IPv6 address.
    with pytest.raises(ClusterError, match="Access denied"):
        database.kubectl("exec", "mysql-0", "--container=mysql", "--", *ask)

    assert_recovers(database)


def test_members_whose_names_have_only_ipv6_addresses_replicate_over_ipv6(overlay: Overlay) -> None:
    database = overlay.database
    overlay.apply(ONLY_SIX, components=("dual-stack",))
    database.wait_synced(3)
    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        assert replication_families(database, pod) == {6}

    assert_recovers(database)
