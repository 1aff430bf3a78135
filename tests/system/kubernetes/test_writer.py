"""manifests/components/writer-haproxy on a real Kubernetes: the Service `mysql-writer` fails over under a client."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from images.build import ensure
from images.debian import image_id
from tests.kubernetes.cluster import Cluster, why_not
from tests.kubernetes.database import UNNOTICED, Database, is_ready
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, OVERLAY
from tests.kubernetes.policy_attempts import address_of, as_it_was_applied, listener, reached
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
    """The node has it."""
    if "E2E_CONTEXT" not in os.environ:
        cluster: Cluster = request.getfixturevalue("own_cluster")
        image = ensure("haproxy")
        cluster.load({image: image_id(image)})


@pytest.fixture
def proxies(_image: None, database: Database, times: Times, tmp_path: Path) -> Iterator[Database]:
    """Two proxies before the members that run already."""
    found = Database(database.kubectl, members="app.kubernetes.io/name=mysql-writer")
    if not found.pods():
        with times.of("two proxies before a running cluster: apply to ready"):
            database.apply(overlay(tmp_path))
            wait_ready(found)
    yield found
    # Who was taken for dead, when, and why; only a failed test shows it.
    for pod in PROXIES:
        print(found.kubectl("logs", pod, "--all-containers", "--prefix", "--timestamps"))


def overlay(folder: Path) -> Path:
    """overlays/lab with the component, as its page says."""
    lab, component = relative(OVERLAY, folder), relative(COMPONENT, folder)
    lines = (f"namespace: {NAMESPACE}", "resources:", f"- {lab}", "components:", f"- {component}")
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return folder


def wait_ready(proxies: Database) -> None:
    """Until both are."""
    wait("two proxies", lambda: [is_ready(pod) for pod in proxies.pods()] == [True, True], seconds=120)


def writers(proxies: Database) -> set[str]:
    """Whom the proxies send new clients to."""
    told = [proxies.kubectl("exec", pod, "--container=members", "--", "sh", "-c", ASK) for pod in PROXIES]
    return {name for text in told for name in re.findall(r"server_key=(\S+)", text)}


def test_the_writers_pod_is_deleted_by_force_until_nobody_has_his_old_address(
    database: Database, proxies: Database, times: Times
) -> None:
    with database.writer(SERVICE):
        for _ in range(4):
            database.wait_acknowledged(50)
            before = agreed(proxies)
            began = datetime.now(UTC)
            database.kubectl("delete", "pod", before, "--force", "--grace-period=0", "--wait=false")
            database.wait_acknowledged(30)
            wait("another writer", partial(moved, proxies, before), seconds=120)
            after = agreed(proxies)
            database.wait_synced(3)
            database.wait_acknowledged(30)

            # Who fails five checks is left, which a machine with too much to do may bring about; a return is no reason.
            assert agreed(proxies) == after or was_down(proxies, after, began)
    times.note(
        "the writer's pod deleted by force: a client of mysql-writer had no row acknowledged", database.silence()
    )

    assert database.silence() < UNNOTICED
    assert database.judge().complaints == []


def agreed(proxies: Database) -> str:
    """The one writer that all proxies send new clients to; they tell each other."""

    def one() -> str:
        names = writers(proxies)
        return names.pop() if len(names) == 1 else ""

    return wait("one writer", one, seconds=60)


def was_down(proxies: Database, member: str, since: datetime) -> bool:
    """Whether a proxy took that member for dead."""
    told = [proxies.kubectl("logs", pod, "--container=haproxy", f"--since-time={since:%FT%TZ}") for pod in PROXIES]
    return any(f"Server writer/{member} is DOWN" in text for text in told)


def moved(proxies: Database, before: str) -> bool:
    """Whether all proxies have one other writer."""
    found = writers(proxies)
    return len(found) == 1 and before not in found


@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: a proxy that goes; takes long: set E2E_FULL=1")
def test_a_proxy_goes_and_its_clients_go_to_the_other(database: Database, proxies: Database, times: Times) -> None:
    with database.writer(SERVICE):
        database.wait_acknowledged(30)
        # Before the first client there is none.
        before = writers(proxies)
        proxies.kubectl("delete", "pod", PROXIES[0], "--timeout=180s", seconds=180)
        wait_ready(proxies)
        database.wait_acknowledged(30)
    times.note("a proxy deleted: a client of mysql-writer had no row acknowledged", database.silence())

    # It has heard from the other one who the writer is.
    assert writers(proxies) == before
    assert database.silence() < UNNOTICED
    assert database.judge().complaints == []


@pytest.mark.usefixtures("proxies")
@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: whom the proxies let in; set E2E_FULL=1")
def test_the_ports_of_a_proxy_are_open_to_those_whom_they_are_for(own_cluster: Cluster, database: Database) -> None:
    """And without the policies to everybody: so that a denial is theirs."""
    if not own_cluster.policies:
        pytest.skip(f"NOT TESTED: what the proxies' network policy denies: {why_not(policies=True)}")
    within = database.kubectl
    within.apply(listener("writer-client", {"mysql-client": "true"}), listener("writer-other", {}))
    for pod in ("writer-client", "writer-other"):
        within.wait(f"pod/{pod}", "condition=Ready", seconds=120)
    places = attempts(within)
    everything = {pod: set(theirs) for pod, theirs in places.items()}

    def found() -> dict[str, set[str]]:
        return {pod: reached(within, pod, theirs) for pod, theirs in places.items()}

    wait("the policies in force", lambda: found() == MAY_REACH, seconds=120)
    policies = [as_it_was_applied(within.get("networkpolicy", name)) for name in ("mysql", SERVICE)]
    within("delete", "networkpolicy", "mysql", SERVICE)
    try:
        wait("proxies without the policies", lambda: found() == everything, seconds=180)
    finally:
        within.apply(*policies)
    wait("the policies in force again", lambda: found() == MAY_REACH, seconds=180)
    within("delete", "pod", "writer-client", "writer-other", "--wait=false")


def attempts(within: Kubectl) -> dict[str, dict[str, str]]:
    """Where each pod tries to connect to: one proxy's ports; and the other proxy to a member's, too."""
    proxy, member = address_of(within, PROXIES[1]), address_of(within, "mysql-1")
    of_proxy = {"mysql": f"{proxy}:3306", "metrics": f"{proxy}:8404", "proxies": f"{proxy}:10000"}
    of_member = {
        "member's mysql": f"{member}:3306",
        "member's health": f"{member}:8080",
        "member's galera": f"{member}:4567",
        "member's bootstrap": f"{member}:4569",
    }
    return {pod: of_proxy | (of_member if pod == PROXIES[0] else {}) for pod in MAY_REACH}


def test_no_container_of_a_proxy_was_started_twice(proxies: Database) -> None:
    assert proxies.ended() == []
