"""manifests/components/writer-haproxy on a real Kubernetes: `mysql-writer` fails over while a client writes."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.kubernetes.cluster import Cluster, our_images, why_unavailable
from tests.kubernetes.database import UNNOTICED, Database, is_ready
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, OVERLAY
from tests.kubernetes.pods.policy_attempts import address_of, find_reachable, listener, strip_metadata
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait
from tests.support.manifests.built import relative

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800)]

COMPONENT = OVERLAY.parents[1] / "components/writer-haproxy"

SERVICE = "mysql-writer"
PROXIES = ("mysql-writer-0", "mysql-writer-1")

MAY_REACH = {
    "writer-client": {"mysql"},
    "writer-other": set(),
    "mysql-0": set(),
    PROXIES[0]: {"proxies", "member's mysql", "member's health"},
}
"""Pods, and the places that the network policies let them connect to."""

ASK = "echo '@1 show table writer' | socat -t 5 - UNIX-CONNECT:/run/haproxy/master.sock"


@pytest.fixture(scope="module")
def _image(request: pytest.FixtureRequest) -> None:
    """Load the image into the node."""
    if "E2E_CONTEXT" not in os.environ:
        cluster: Cluster = request.getfixturevalue("own_cluster")
        cluster.load(our_images("haproxy"))


@pytest.fixture
def proxies(_image: None, database: Database, times: Times, tmp_path: Path) -> Iterator[Database]:
    """Two proxies in front of the running members; during a test none of their containers may be started again."""
    proxies = Database(database.kubectl, members="app.kubernetes.io/name=mysql-writer")
    before = set(proxies.restarted_containers())
    if not proxies.pods():
        with times.measure("two proxies before a running cluster: apply to ready"):
            database.apply(write_overlay(tmp_path))
            wait_ready(proxies)
    else:
        wait_ready(proxies)
    yield proxies
    # The logs show which member was marked as down, when and why; pytest prints them only for a failed test.
    for pod in PROXIES:
        print(proxies.kubectl("logs", pod, "--all-containers", "--prefix", "--timestamps"))
    assert set(proxies.restarted_containers()) <= before


def write_overlay(folder: Path) -> Path:
    """Write an overlay: overlays/lab with the component, as its page says; returns its folder."""
    lab, component = relative(OVERLAY, folder), relative(COMPONENT, folder)
    lines = (f"namespace: {NAMESPACE}", "resources:", f"- {lab}", "components:", f"- {component}")
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return folder


def wait_ready(proxies: Database) -> None:
    """Wait until both proxies are ready."""
    wait("two proxies", lambda: [is_ready(pod) for pod in proxies.pods()] == [True, True], seconds=120)


def writers(proxies: Database) -> set[str]:
    """The members to which the proxies send new clients."""
    answers = [proxies.kubectl("exec", pod, "--container=members", "--", "sh", "-c", ASK) for pod in PROXIES]
    return {name for text in answers for name in re.findall(r"server_key=(\S+)", text)}


def test_the_pod_of_the_writer_is_deleted_by_force_until_no_member_has_its_old_address(
    database: Database, proxies: Database, times: Times
) -> None:
    with database.writer(SERVICE):
        for _ in range(4):
            database.wait_acknowledged(50)
            before = wait_agreed(proxies)
            began = datetime.now(UTC)
            database.kubectl("delete", "pod", before, "--force", "--grace-period=0", "--wait=false")
            database.wait_acknowledged(30)
            wait("another writer", partial(has_moved, proxies, before), seconds=120)
            after = wait_agreed(proxies)
            database.wait_synced(3)
            database.wait_acknowledged(30)

            # A writer that fails five checks is replaced, which may happen on a busy machine. A member that returns is
            # no reason to replace the writer.
            assert wait_agreed(proxies) == after or was_down(proxies, after, began)
    times.note(
        "the writer's pod deleted by force: a client of mysql-writer had no row acknowledged", database.longest_gap()
    )

    assert database.longest_gap() < UNNOTICED
    assert database.judge().complaints == []


def wait_agreed(proxies: Database) -> str:
    """Wait until all proxies have the same writer, which they send to each other; returns its name."""

    def common_writer() -> str:
        names = writers(proxies)
        return names.pop() if len(names) == 1 else ""

    return wait("one writer", common_writer, seconds=60)


def was_down(proxies: Database, member: str, since: datetime) -> bool:
    """Whether a proxy has marked this member as down."""
    logs = [proxies.kubectl("logs", pod, "--container=haproxy", f"--since-time={since:%FT%TZ}") for pod in PROXIES]
    return any(f"Server writer/{member} is DOWN" in text for text in logs)


def has_moved(proxies: Database, before: str) -> bool:
    """Whether all proxies have the same new writer."""
    found = writers(proxies)
    return len(found) == 1 and before not in found


@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: the end of a proxy; takes long: set E2E_FULL=1")
def test_when_a_proxy_is_deleted_its_clients_use_the_other(database: Database, proxies: Database, times: Times) -> None:
    with database.writer(SERVICE):
        database.wait_acknowledged(30)
        # Before the first client there is no writer.
        before = writers(proxies)
        proxies.kubectl("delete", "pod", PROXIES[0], "--timeout=180s", seconds=180)
        wait_ready(proxies)
        database.wait_acknowledged(30)
    times.note("a proxy deleted: a client of mysql-writer had no row acknowledged", database.longest_gap())

    # It has received the name of the writer from the other proxy.
    assert writers(proxies) == before
    assert database.longest_gap() < UNNOTICED
    assert database.judge().complaints == []


@pytest.mark.usefixtures("proxies")
@pytest.mark.skipif(
    "E2E_FULL" not in os.environ, reason="NOT TESTED: access to the proxies; takes long: set E2E_FULL=1"
)
def test_the_ports_of_a_proxy_are_open_only_to_the_pods_that_need_them(
    own_cluster: Cluster, database: Database
) -> None:
    """The test without the policies, where all pods can connect, shows that the policies denied the others."""
    if not own_cluster.policies:
        pytest.skip(f"NOT TESTED: the denials of the proxies' network policy: {why_unavailable(policies=True)}")
    kubectl = database.kubectl
    kubectl.apply(listener("writer-client", {"mysql-client": "true"}), listener("writer-other", {}))
    for pod in ("writer-client", "writer-other"):
        kubectl.wait(f"pod/{pod}", "condition=Ready", seconds=120)
    places = attempts(kubectl)
    everything = {pod: set(theirs) for pod, theirs in places.items()}

    def find_all_reachable() -> dict[str, set[str]]:
        return {pod: find_reachable(kubectl, pod, theirs) for pod, theirs in places.items()}

    wait("the policies in force", lambda: find_all_reachable() == MAY_REACH, seconds=120)
    policies = [strip_metadata(kubectl.get("networkpolicy", name)) for name in ("mysql", SERVICE)]
    kubectl("delete", "networkpolicy", "mysql", SERVICE)
    try:
        wait("proxies without the policies", lambda: find_all_reachable() == everything, seconds=180)
    finally:
        kubectl.apply(*policies)
    wait("the policies in force again", lambda: find_all_reachable() == MAY_REACH, seconds=180)
    kubectl("delete", "pod", "writer-client", "writer-other", "--wait=false")


def attempts(kubectl: Kubectl) -> dict[str, dict[str, str]]:
    """Where each pod tries to connect to: the ports of one proxy; the other proxy also tries those of a member."""
    proxy, member = address_of(kubectl, PROXIES[1]), address_of(kubectl, "mysql-1")
    of_proxy = {"mysql": f"{proxy}:3306", "metrics": f"{proxy}:8404", "proxies": f"{proxy}:10000"}
    of_member = {
        "member's mysql": f"{member}:3306",
        "member's health": f"{member}:8080",
        "member's galera": f"{member}:4567",
        "member's bootstrap": f"{member}:4569",
    }
    return {pod: of_proxy | (of_member if pod == PROXIES[0] else {}) for pod in MAY_REACH}
