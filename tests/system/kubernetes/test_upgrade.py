"""From MariaDB 10.11 to 11.8 by one rolling update under a client, and back out in the middle of one.

Not repeated from the lab: a controller replaces the pods, each with its own image, and a kubelet runs what `start`
leaves beside the server.
"""

import json

import pytest

from images.build import ensure_image
from images.inputs import DEFAULT_SERIES, RECIPES, name_server_image, version
from images.running import BuildError
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import SET, UNNOTICED, Database
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError, wait

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800), full]

OLD, NEW = "10.11", DEFAULT_SERIES

PODS = ("mysql-0", "mysql-1", "mysql-2")

FULL_COPY = "SST completed on joiner"
"""In a server's line after it received a full copy of the data, by whichever method."""


def tag_of(series: str) -> str:
    """The name of the server image of a series."""
    return RECIPES[name_server_image(series)].tag(version())


@pytest.fixture
def old(own_cluster: Cluster, overlay: Overlay) -> Database:
    """Three Synced members of the old series, and the image of the new one is on the node."""
    try:
        own_cluster.load({tag_of(series): ensure_image(name_server_image(series)).id for series in (OLD, NEW)})
    except BuildError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    bootstrap, mysql = ({"name": name, "image": tag_of(OLD)} for name in ("bootstrap", "mysql"))
    # All three in this order: kustomize puts those that a patch names before the others.
    first = [{"name": "install"}, {"name": "agent"}, bootstrap]
    template = {"spec": {"initContainers": first, "containers": [mysql]}}
    overlay.apply(
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "mysql"}, "spec": {"template": template}},
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "galera-settings"},
            "data": {"GALERA_BOOTSTRAP_UPGRADE_FROM": OLD},
        },
    )  # fmt: skip
    database = overlay.database
    database.wait_synced(3)
    assert series_of(database) == [OLD] * 3
    return database


def series_of(database: Database) -> list[str]:
    """The series of each member's server."""
    return [".".join(database.sql(pod, "SELECT VERSION()")[0][0].split(".")[:2]) for pod in PODS]


def tables_of(database: Database, pod: str) -> tuple[str, str]:
    """What a member says of its system tables: the series and the stage; `silent` while its agent does not answer."""
    try:
        show = ("/work-dir/galera-bootstrap", "status", "--output=json")
        status = json.loads(database.kubectl("exec", pod, "--container=agent", "--", *show))
    except ClusterError:
        return "", "silent"
    own = next(member for member in status["members"] if member["name"] == pod)
    return str(own["tables"]), str(status["tables"]["stage"])


def upgrades_of(database: Database, pod: str) -> list[str]:
    """The events about upgrades of a member's system tables."""
    show = ("/work-dir/galera-bootstrap", "events", "--output=json")
    events = json.loads(database.kubectl("exec", pod, "--container=agent", "--", *show))["events"]
    return [event["text"] for event in events if event["kind"] == "upgrade"]


def change_image(database: Database, series: str) -> None:
    """Order a rolling update to the server image of a series."""
    database.kubectl("set", "image", SET, f"bootstrap={tag_of(series)}", f"mysql={tag_of(series)}")


def test_one_rolling_update_and_no_human(old: Database, times: Times) -> None:
    with old.writer():
        old.wait_acknowledged(50)
        with times.measure(f"rolling update of 3 members from MariaDB {OLD} to {NEW}"):
            change_image(old, NEW)
            old.kubectl("rollout", "status", SET, "--timeout=600s", seconds=600)
            old.wait_synced(3)
        with times.measure("the system tables of 3 members upgraded"):
            wait("system tables", lambda: [tables_of(old, p) for p in PODS] == [(NEW, "current")] * 3, seconds=300)
        old.wait_acknowledged(20)
    times.note(f"rolling update from MariaDB {OLD} to {NEW}: a client had no row acknowledged", old.longest_gap())

    assert old.longest_gap() < UNNOTICED
    assert series_of(old) == [NEW] * 3
    for pod in PODS:
        assert upgrades_of(old, pod) == [
            f"upgrading the system tables from MariaDB {OLD} to MariaDB {NEW}",
            "the system tables are upgraded",
        ]
        assert FULL_COPY not in old.kubectl("logs", pod, "--container=mysql", "--tail=-1")
    assert old.restarted_containers() == []
    assert old.judge().complaints == []


def test_back_out_in_the_middle(old: Database, times: Times) -> None:
    """The member that has run the new series cannot go back with its own data: it gets a copy from the others."""
    with old.writer():
        old.wait_acknowledged(50)
        only_last = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}}
        old.kubectl("patch", SET, "--patch", json.dumps(only_last))
        change_image(old, NEW)
        old.kubectl("rollout", "status", SET, "--timeout=300s", seconds=300)
        old.wait_synced(3)
        assert series_of(old) == [OLD, OLD, NEW]
        wait("its reason", lambda: tables_of(old, "mysql-2") == (OLD, "waiting"), seconds=60)
        with times.measure(f"one member back from MariaDB {NEW} to {OLD}, with a copy of all data"):
            old.kubectl("rollout", "undo", SET)
            old.wait_log("mysql-2", "bootstrap", f"hold: .*use the image of {NEW}")
            old.kubectl(
                "exec", "mysql-2", "--container=agent", "--", "/work-dir/galera-bootstrap", "discard", seconds=60
            )
            old.wait_synced(3)
        old.wait_acknowledged(20)
    times.note(f"back from MariaDB {NEW} to {OLD}: a client had no row acknowledged", old.longest_gap())

    assert old.longest_gap() < UNNOTICED
    assert series_of(old) == [OLD] * 3
    assert [tables_of(old, pod) for pod in PODS] == [(OLD, "current")] * 3
    assert [upgrades_of(old, pod) for pod in PODS] == [[]] * 3
    assert old.judge().complaints == []
