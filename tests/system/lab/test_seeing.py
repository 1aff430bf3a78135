"""Metrics, status and events of real pods tell the truth through a first start, a power cut, a wait and a recovery."""

import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab import machine, report
from tests.lab.lab import Lab
from tests.lab.layout import HEALTH_PORT
from tests.lab.slow import slow_sst, undo_slow_sst
from tests.paths import ROOT

pytestmark = pytest.mark.galera

Metrics = dict[tuple[str, ...], float]
"""(name, values of the labels) -> value."""


def metrics(lab: Lab, ordinal: int) -> Metrics:
    """What Prometheus would read of a pod; nothing while nobody listens."""
    connection = http.client.HTTPConnection(lab.pod(ordinal).ip, HEALTH_PORT, timeout=60)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (ConnectionRefusedError, ConnectionResetError):  # it may end with the question in its hands
            return {}
    return {
        (sample.name.removeprefix("galera_bootstrap_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def asked(lab: Lab, ordinal: int, command: str) -> dict[str, Any]:
    """A command's JSON, which must be of its schema."""
    told: dict[str, Any] = json.loads(report.run(lab.pod(ordinal), "galera-bootstrap", command, "-o", "json"))
    schema = json.loads((ROOT / "docs" / "schemas" / f"{command}-v1.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(told)
    return told


def kinds(lab: Lab) -> list[list[str]]:
    """The kinds of each pod's events, the oldest first; they are numbered without a gap."""
    logs = [asked(lab, ordinal, "events")["events"] for ordinal in lab.pods]
    assert all([event["n"] for event in log] == list(range(1, len(log) + 1)) for log in logs)
    return [[event["kind"] for event in log] for log in logs]


def uuid(lab: Lab) -> str:
    """The cluster's, by a server's own word."""
    (told,) = {server.uuid for server in lab.read_servers().values() if server is not None}
    return told


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    machine.check()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(env={"GALERA_BOOTSTRAP_METRICS": "full"}) as made:
        made.up()
        made.wait_synced(3)
        yield made


def test_metrics_status_and_events_tell_what_happens(lab: Lab) -> None:
    lab.wait("the agents have seen it", lambda: all(metrics(lab, k).get(("cluster_size",)) == 3 for k in lab.pods))
    first = metrics(lab, 0)
    assert first["cluster_info", uuid(lab)] == first["phase", "running"] == first["decision", "none"] == 1
    assert first["exchange_up", "mysql-1"] == first["exchange_up", "mysql-2"] == 1
    assert not [key for key in first if key[0] in ("waiting_seconds", "datadir_class")]
    assert [(told.count("bootstrap"), told.count("join")) for told in kinds(lab)] == [(1, 0), (0, 1), (0, 1)]
    assert asked(lab, 1, "status")["helps"] == ""

    before = uuid(lab)
    lab.query(0, "CREATE TABLE app.seen (id INT PRIMARY KEY)", "INSERT INTO app.seen VALUES (1), (2)")
    lab.kill_everything()
    lab.start_all([0, 1])
    lab.wait("both wait for the third", lambda: all(("waiting_seconds", "mysql-2") in metrics(lab, k) for k in (0, 1)))
    waiting = metrics(lab, 0)
    assert waiting["decision_info", "wait", "all-heard"] == waiting["phase", "frozen"] == 1
    assert waiting["datadir_class", "CRASHED"] == waiting["cluster_info", before] == 1
    assert waiting["position_seqno",] > 0
    assert (waiting["exchange_up", "mysql-1"], waiting["exchange_up", "mysql-2"]) == (1, 0)
    assert 0 < waiting["exchange_failures_total", "mysql-2"] <= waiting["exchange_requests_total", "mysql-2"]
    later = {("waiting_seconds", "mysql-2"), ("decision_seconds",)}
    lab.wait("its time goes on", lambda: all(metrics(lab, 0)[key] > waiting[key] + 1 for key in later))

    for command in ("status", "explain"):
        told = asked(lab, 1, command)
        assert [one["name"] for one in told["missing"]] == [one["name"] for one in told["waiting"]] == ["mysql-2"]
        assert told["waiting"][0]["seconds"] > 1
        assert told["ahead"]["uuid"] == before
        assert set(told["ahead"]["names"]) <= {"mysql-0", "mysql-1"}
        assert (told["ahead"]["primary"], told["ahead"]["sure"]) == (False, False)
        assert "kubectl describe pod mysql-2" in told["helps"]
        assert "galera-bootstrap force" in told["helps"]

    lab.start_all([2])
    lab.wait_synced(3)
    lab.wait("the agents have seen it", lambda: all(metrics(lab, k).get(("cluster_size",)) == 3 for k in lab.pods))
    assert uuid(lab) == before
    assert not [key for key in metrics(lab, 0) if key[0] == "waiting_seconds"]
    assert asked(lab, 0, "status")["missing"] == []
    logs = kinds(lab)
    assert [told.count("bootstrap") + told.count("join") for told in logs] == [2, 2, 2]
    assert sum(told.count("bootstrap") for told in logs) == 2
    assert [told.count("agent") for told in logs] == [2, 2, 2]
    nothing_secret(lab, 0)


def nothing_secret(lab: Lab, ordinal: int) -> None:
    """No word of the Secret is in anything that a pod tells or keeps."""
    hidden = [word for path in lab.layout.secrets.iterdir() if len(word := path.read_text().strip()) > 8]
    told = [str(metrics(lab, ordinal)), *(str(asked(lab, ordinal, c)) for c in ("status", "explain", "events"))]
    kept = (lab.pod(ordinal).folders.volume / "meta" / "events.json").read_text()
    assert hidden
    assert not [word for word in hidden if word in kept + "".join(told)]


@pytest.mark.skipif(
    "E2E_FULL" not in os.environ, reason="NOT TESTED: progress of a real state transfer; set E2E_FULL=1"
)
def test_a_state_transfer_can_be_seen_to_grow_and_to_end(lab: Lab) -> None:
    for donor in (0, 1):
        slow_sst(lab.pod(donor), 2000)
    lab.pod(2).power_off()
    lab.pod(2).wipe_volume()
    lab.pod(2).start()
    seen: list[float] = []

    def grows() -> bool:
        seen.append(metrics(lab, 2).get(("join_written_bytes",), 0))
        return len({value for value in seen if value}) > 1

    lab.wait("it grows", grows)
    assert seen == sorted(seen)
    assert asked(lab, 2, "status")["join_written_bytes"] >= seen[-1]
    for donor in (0, 1):
        undo_slow_sst(lab.pod(donor))
    lab.wait_synced(3)
    lab.wait("the join is over", lambda: ("join_written_bytes",) not in metrics(lab, 2))
