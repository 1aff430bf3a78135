"""How a cluster is, in one word and one line."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.status.health import Health, describe_health
from tests.support.bootstrap.records import B, blank, busy, frozen, running, seen_by


def with_server(pod: PodState, **changes: object) -> PodState:
    assert pod.server is not None
    return replace(pod, server=replace(pod.server, **changes))  # type: ignore[arg-type]


DONOR = with_server(running(1), local_state="Donor/Desynced")
SIZE_ONE = [with_server(running(o), size=1) for o in range(3)]

CLUSTERS: dict[str, tuple[Facts, Health, str]] = {
    "all are Synced": (seen_by(running(0), running(1), running(2)), Health.HEALTHY, "3 of 3 Synced"),
    "a donor": (
        seen_by(running(0), DONOR, running(2)),
        Health.DEGRADED,
        "2 of 3 Synced; galera-1 is Donor/Desynced",
    ),
    "one is silent": (seen_by(running(0), running(1), 2), Health.DEGRADED, "2 of 3 Synced; galera-2 does not answer"),
    "one joins, asked there": (
        seen_by(busy(0, Phase.JOINING), running(1), running(2)),
        Health.DEGRADED,
        "2 of 3 Synced; galera-0 is joining",
    ),
    "a server hangs": (
        seen_by(running(0), busy(1, Phase.UNKNOWN), running(2)),
        Health.DEGRADED,
        "2 of 3 Synced; the server of galera-1 does not answer",
    ),
    "one holds": (
        seen_by(running(0), frozen(1, 50), running(2)),
        Health.DEGRADED,
        "2 of 3 Synced; galera-1 is stopped",
    ),
    "another history lives": (
        seen_by(running(0), running(1, uuid=B), 2),
        Health.SPLIT,
        "galera-0, galera-1 are Primary in different components",
    ),
    "the same history lives three times": (
        seen_by(*SIZE_ONE),
        Health.SPLIT,
        "galera-0, galera-1, galera-2 are Primary in different components",
    ),
    "all are stopped, and this one is not the candidate": (
        seen_by(frozen(0, 5), frozen(1, 9), frozen(2, 5)),
        Health.DOWN,
        "no pod is Primary; galera-0 waits for galera-1",
    ),
    "the candidate": (seen_by(frozen(0), frozen(1), frozen(2)), Health.DOWN, "no pod is Primary; galera-0 goes on"),
    "this one reads its disk": (
        seen_by(busy(0, Phase.RECOVERING), frozen(1), frozen(2)),
        Health.DOWN,
        "no pod is Primary; galera-0: recovering",
    ),
    "a pod that is not heard may be Primary": (
        seen_by(frozen(0), frozen(1), 2),
        Health.UNCERTAIN,
        "no pod that answers is Primary; galera-0 waits for galera-2",
    ),
    "this one holds": (
        seen_by(frozen(0), frozen(1, uuid=B), frozen(2)),
        Health.DOWN,
        "no pod is Primary; galera-0 holds",
    ),
    "nothing is there yet": (seen_by(blank(0), blank(1), 2), Health.UNCERTAIN, "galera-0 waits for galera-2"),
}


@pytest.mark.parametrize(("facts", "health", "line"), CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_cluster_is_described(facts: Facts, health: Health, line: str) -> None:
    found = describe_health(facts, decide(facts))
    assert found.health is health
    assert found.line.endswith(line)
