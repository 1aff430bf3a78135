"""Where no agent answers, `kubectl galera` shows what Kubernetes says of each pod, in the words of kubectl get pods."""

import copy

from tests.support.kubectl.api import Api, Ended, Object
from tests.support.kubectl.objects import (
    DONE,
    NOT_YET,
    RUNNING,
    container,
    crashed,
    pod,
    stateful_set,
    waiting,
    warning,
)
from tests.system.plugin.conftest import Galera

INSTALLED = container("install", DONE)
AGENT = container("agent", RUNNING, ready=True)
WAITS = container("mysql", NOT_YET)
NO_ROOM = "0/3 nodes are available: 3 Insufficient cpu."
TAG = 'Back-off pulling image "example/mysql-galera:no-such-tag"'


def starting(*init: Object, main: Object = WAITS, **more: object) -> Object:
    """A pod that is not ready, with these init containers."""
    return pod("mysql-0", phase="Pending", ready=False, init=init, main=main, **more)  # type: ignore[arg-type]


def running(main: Object, **more: object) -> Object:
    """A pod whose init containers have ended, with this server."""
    return pod("mysql-0", ready=False, main=main, **more)  # type: ignore[arg-type]


STATES: dict[str, tuple[Object, str, str]] = {
    "it waits or holds": (
        starting(INSTALLED, AGENT, container("bootstrap", RUNNING)),
        "Init:2/3",
        "container bootstrap runs: it reads the datadir, waits or holds",
    ),
    "the tools are copied": (
        starting(container("install", RUNNING), container("agent", NOT_YET), container("bootstrap", NOT_YET)),
        "Init:0/3",
        "container install runs",
    ),
    "bootstrap fails": (
        starting(
            INSTALLED,
            AGENT,
            container(
                "bootstrap", waiting("CrashLoopBackOff", "back-off 40s restarting failed container"), restarts=4,
                last=crashed(12, "cannot run mariadbd\nlook at the image\n"),
            ),
        ),
        "Init:CrashLoopBackOff",
        "container bootstrap, started again 4 times, exit code 12: cannot run mariadbd look at the image",
    ),
    "bootstrap has failed": (
        starting(INSTALLED, AGENT, container("bootstrap", crashed(15, "REPLICAS 'many' is | no number"))),
        "Init:Error",
        "container bootstrap, exit code 15: REPLICAS 'many' is | no number",
    ),
    "no such image of the tools": (
        starting(
            container("install", waiting("ImagePullBackOff", TAG)),
            container("agent", NOT_YET),
            container("bootstrap", NOT_YET),
        ),
        "Init:ImagePullBackOff",
        f"container install: {TAG}",
    ),
    "the server ends again and again": (
        running(
            container(
                "mysql", waiting("CrashLoopBackOff", "back-off 5m0s"), restarts=7,
                last=crashed(1, "[ERROR] unknown variable 'innodb_bufer'\t\\ \"x\""),
            )
        ),
        "CrashLoopBackOff",
        "container mysql, started again 7 times, exit code 1: [ERROR] unknown variable 'innodb_bufer' \\ \"x\"",
    ),
    "the server was killed for its memory": (
        running(container("mysql", crashed(137, reason="OOMKilled"), restarts=1)),
        "OOMKilled",
        "container mysql, started again 1 times, exit code 137",
    ),
    "the server waits for its turn": (
        running(container("mysql", RUNNING)),
        "Running",
        "container mysql runs and is not ready",
    ),
    "no node has room": (
        pod(
            "mysql-0", phase="Pending", ready=False, init=(), main=container("mysql", NOT_YET),
            conditions=[{"type": "PodScheduled", "status": "False", "message": NO_ROOM}],
        ),
        "Pending",
        NO_ROOM,
    ),
    "its node is gone": (
        running(container("mysql", RUNNING, ready=True), metadata={"deletionTimestamp": "2026-11-30T01:02:03Z"}),
        "Terminating",
        "",
    ),
    "it was evicted": (
        running(container("mysql", crashed(137)), reason="Evicted"),
        "Evicted",
        "",
    ),
}  # fmt: skip
"""What is wrong -> a pod, and its STATUS and WHY."""


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Read the table: pod -> STATUS and WHY."""
    lines = text.split("POD                    STATUS               WHY\n")[1].splitlines()
    cells = (line.split(maxsplit=2) for line in lines if line.startswith("mysql-"))
    return {row[0]: (row[1], row[2] if len(row) > 2 else "") for row in cells}


def test_each_state_of_kubernetes_is_shown_with_its_reason(api: Api, galera: Galera, shell: str) -> None:
    """One pod for each of them, so that one call shows them all."""
    api.objects["statefulsets"] = [stateful_set(replicas=len(STATES))]
    api.objects["pods"] = []
    for ordinal, (one, _, _) in enumerate(STATES.values()):
        renamed = copy.deepcopy(one)
        renamed["metadata"]["name"] = f"mysql-{ordinal}"
        api.objects["pods"].append(renamed)
    api.run = lambda _: Ended("", "", 17)
    done = galera("status", shell=shell)
    assert done.returncode == 69
    assert done.stderr.startswith("kubectl galera: no agent of mysql answers; ")
    assert rows(done.stderr) == {f"mysql-{n}": (status, why) for n, (_, status, why) in enumerate(STATES.values())}


def test_the_newest_warning_says_why_a_pod_is_not_started(api: Api, galera: Galera) -> None:
    waits = tuple(container(name, NOT_YET) for name in ("install", "agent", "bootstrap"))
    api.objects["pods"] = [pod("mysql-0", phase="Pending", ready=False, init=waits, main=WAITS)]
    api.objects["statefulsets"] = [stateful_set(replicas=1)]
    api.objects["events"] = [
        warning("mysql-0", "FailedMount", 'SetUp failed: secret "galera" not found', at="2026-11-30T03:00:00Z"),
        warning("mysql-0", "FailedScheduling", "old", at="2026-11-30T01:00:00Z"),
        warning("mysql-1", "FailedMount", "of another pod", at="2026-11-30T04:00:00Z"),
    ]
    shown = galera("status").stderr
    assert rows(shown) == {"mysql-0": ("Init:0/3", 'FailedMount: SetUp failed: secret "galera" not found')}


def test_a_pod_that_does_not_exist_is_missing_with_the_reason_of_its_set(api: Api, galera: Galera) -> None:
    api.objects["pods"] = [pod("mysql-0", ready=False, main=container("mysql", crashed(1)))]
    api.objects["statefulsets"] = [stateful_set(replicas=2)]
    api.objects["events"] = [warning("mysql", "FailedCreate", "violates PodSecurity")]
    api.run = lambda _: Ended("", "", 17)
    assert rows(galera("status").stderr)["mysql-1"] == ("-", "no such pod; FailedCreate: violates PodSecurity")


def test_a_status_is_followed_by_what_no_agent_can_know(api: Api, galera: Galera) -> None:
    api.objects["pods"][2] = STATES["the server ends again and again"][0]
    api.objects["pods"][2]["metadata"]["name"] = "mysql-2"
    api.run = lambda _: Ended("DEGRADED\n")
    done = galera("status")
    assert done.returncode == 0
    assert done.stdout.startswith("DEGRADED\n\nPOD ")
    assert rows(done.stdout)["mysql-2"][0] == "CrashLoopBackOff"
    for words in (("-o", "json"), ("-ojson",), ("--output=json",)):
        assert galera("status", *words).stdout == "DEGRADED\n"


def test_a_named_pod_without_an_agent_is_shown_and_not_asked(api: Api, galera: Galera) -> None:
    api.objects["pods"][1] = STATES["no such image of the tools"][0]
    api.objects["pods"][1]["metadata"]["name"] = "mysql-1"
    done = galera("explain", "mysql-1")
    assert (done.returncode, api.calls) == (69, [])
    assert rows(done.stderr)["mysql-1"][0] == "Init:ImagePullBackOff"


def test_nothing_that_a_container_has_written_reaches_the_terminal_as_a_command(api: Api, galera: Galera) -> None:
    evil = crashed(1, "\x1b]0;owned\x07\x1b[2J $(touch x) `id`")
    api.objects["pods"] = [pod("mysql-0", ready=False, main=container("mysql", evil))]
    api.run = lambda _: Ended("", "", 17)
    shown = galera("status").stderr
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "$(touch x) `id`" in shown
