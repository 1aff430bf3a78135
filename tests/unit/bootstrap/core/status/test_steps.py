"""What a human is shown in each situation: the right next command, no other one that would do harm."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Facts, Phase, Promise
from bootstrap.core.model.unknown import ITS_VOLUME, NO_DNS, SAME_KEY, SAME_RELEASE, Contact, Unknown
from bootstrap.core.status.steps import NEVER, Place, find_steps, what_not_to_do
from tests.support.bootstrap.records import REFUSING, B, blank, busy, frozen, running, seen_by

HERE = Place("db", "galera", "galera-headless")
EXEC = "kubectl -n db exec {} -c agent -- /work-dir/galera-bootstrap {}"
REFUSES = Unknown("it does not accept our key or our cluster id", SAME_KEY, Contact.ANSWER)
OTHER_RELEASE = Unknown("its answer is not understood: x", SAME_RELEASE, Contact.ANSWER)
ITS_DISK = Unknown("it answers 503", ITS_VOLUME, Contact.ANSWER)
SLOW = Unknown("no whole answer within 2 s", contact=Contact.ANSWER)
UNRESOLVED = Unknown("SERVFAIL", NO_DNS, Contact.NOT_ASKED)
HASH = "sha256sum /etc/galera-secrets/exchange-key /etc/galera-secrets/cluster-id"
DOCTOR = "kubectl -n db exec galera-0 -c agent -- /work-dir/peer-finder doctor galera-headless"
LOST = replace(blank(1), was_synced=True)
MEMBERS = ((0, "volume-0"), (1, "volume-1"))
PROMISED = replace(frozen(0), promise=Promise(7, 2, "boot-2"))
TORN = replace(frozen(1), disk=Disk(DataClass.SST_INTERRUPTED, transfer_may_be_complete=True))

# Each situation: the commands in their order, and what no command may contain.
STATES: dict[str, tuple[Facts, list[str], str]] = {
    "all is well": (seen_by(running(0), running(1), running(2)), [], "kubectl"),
    "the others join by themselves": (seen_by(running(0), busy(1, Phase.JOINING), running(2)), [], "kubectl"),
    "one never comes back, and another one has more": (
        seen_by(frozen(0, 5), frozen(1, 9), 2),
        [
            "kubectl -n db get pods -o wide galera-2",
            "kubectl -n db describe pod galera-2",
            EXEC.format("galera-1", "force"),
        ],
        "discard",
    ),
    "its network answers, so it may be starting": (
        seen_by(frozen(0), frozen(1), unknown={2: REFUSING}),
        ["kubectl -n db get pods -o wide galera-2", "kubectl -n db describe pod galera-2"],
        "force",
    ),
    "another key in one pod": (
        seen_by(frozen(0), frozen(1), unknown={2: REFUSES}),
        [f"kubectl -n db exec {pod} -c agent -- {HASH}" for pod in ("galera-0", "galera-2")],
        "galera-bootstrap",
    ),
    "another key, and one is silent": (
        seen_by(frozen(0), 1, unknown={2: REFUSES}),
        [
            *(f"kubectl -n db exec {pod} -c agent -- {HASH}" for pod in ("galera-0", "galera-2")),
            "kubectl -n db get pods -o wide galera-1",
            "kubectl -n db describe pod galera-1",
        ],
        "galera-bootstrap",
    ),
    "another release": (
        seen_by(frozen(0), frozen(1), unknown={2: OTHER_RELEASE}),
        [EXEC.format("galera-0", "--version"), EXEC.format("galera-2", "--version")],
        "force",
    ),
    "a peer's volume is full": (
        seen_by(frozen(0), frozen(1), unknown={2: ITS_DISK}),
        ["kubectl -n db exec galera-2 -c agent -- df -h /var/lib/galera"],
        "force",
    ),
    "a peer hangs": (
        seen_by(frozen(0), frozen(1), unknown={2: SLOW}),
        ["kubectl -n db describe pod galera-2", "kubectl -n db logs galera-2 -c agent --tail=20"],
        "force",
    ),
    "DNS does not answer": (
        seen_by(frozen(0), unknown={1: UNRESOLVED, 2: UNRESOLVED}),
        [
            DOCTOR,
            "kubectl -n kube-system get pods -l k8s-app=kube-dns",
            "kubectl -n db get service galera-headless",
        ],
        "force",
    ),
    "DNS has never answered": (
        replace(seen_by(frozen(0)), has_directory=False),
        [
            DOCTOR,
            "kubectl -n kube-system get pods -l k8s-app=kube-dns",
            "kubectl -n db get service galera-headless",
        ],
        "force",
    ),
    "REPLICAS is above the set's": (
        seen_by(replace(running(0), volumes=MEMBERS), replace(running(1), volumes=MEMBERS), 2),
        ["kubectl -n db get statefulset galera"],
        "describe",
    ),
    "the first start, and the others do not exist": (
        seen_by(blank(0), 1, 2),
        ["kubectl -n db get pods -o wide galera-1 galera-2", "kubectl -n db describe pod galera-1 galera-2"],
        "force",
    ),
    "a peer holds by its datadir": (
        seen_by(frozen(0), blank(1, DataClass.UNKNOWN), frozen(2)),
        [EXEC.format("galera-1", "status")],
        "force",
    ),
    "a peer never reports its datadir": (
        seen_by(frozen(0), busy(1, Phase.STARTING), frozen(2)),
        ["kubectl -n db logs galera-1 -c bootstrap --tail=20", "kubectl -n db logs galera-1 -c mysql --tail=20"],
        "force",
    ),
    "a peer's server hangs": (
        seen_by(frozen(0), busy(1, Phase.UNKNOWN), frozen(2)),
        ["kubectl -n db logs galera-1 -c mysql --tail=20"],
        "force",
    ),
    "this pod never reports its datadir": (
        seen_by(busy(0, Phase.STARTING), frozen(1), frozen(2)),
        [
            "kubectl -n db logs galera-0 -c bootstrap --tail=20",
            "kubectl -n db logs galera-0 -c mysql --tail=20",
            "kubectl -n db describe pod galera-0",
        ],
        "force",
    ),
    "this pod's server hangs": (
        seen_by(busy(0, Phase.UNKNOWN), running(1), running(2)),
        ["kubectl -n db logs galera-0 -c mysql --tail=20", "kubectl -n db describe pod galera-0"],
        "force",
    ),
    "this datadir cannot be read, nothing lives": (
        seen_by(blank(0, DataClass.UNKNOWN), frozen(1), frozen(2)),
        [
            "kubectl -n db logs galera-0 -c bootstrap --tail=20",
            "kubectl -n db get pvc",
            "kubectl -n db exec galera-0 -c agent -- df -h /var/lib/galera",
        ],
        "galera-bootstrap",
    ),
    "this datadir cannot be read, beside a cluster": (
        seen_by(blank(0, DataClass.UNKNOWN), running(1), running(2)),
        [
            "kubectl -n db logs galera-0 -c bootstrap --tail=20",
            "kubectl -n db get pvc",
            "kubectl -n db exec galera-0 -c agent -- df -h /var/lib/galera",
            EXEC.format("galera-0", "discard"),
        ],
        "force",
    ),
    "data of an older installation": (
        seen_by(blank(0, DataClass.UNADOPTED), blank(1), blank(2)),
        [
            "kubectl -n db logs galera-0 -c bootstrap --tail=20",
            "kubectl -n db get pvc",
            "kubectl -n db exec galera-0 -c agent -- df -h /var/lib/galera",
            EXEC.format("galera-0", "adopt"),
        ],
        "force",
    ),
    "this pod has more than the cluster": (
        seen_by(frozen(0, 50), running(1), running(2)),
        [EXEC.format("galera-0", "discard")],
        "force",
    ),
    "this pod has another history": (
        seen_by(frozen(0, uuid=B), running(1), running(2)),
        [EXEC.format("galera-0", "discard")],
        "force",
    ),
    "this pod has more, and a pod with another key may live": (
        seen_by(frozen(0, 50), running(1, size=1), unknown={2: REFUSES}),
        [f"kubectl -n db exec {pod} -c agent -- {HASH}" for pod in ("galera-0", "galera-2")],
        "galera-bootstrap",
    ),
    "two clusters live": (
        seen_by(frozen(0), running(1), running(2, uuid=B)),
        [EXEC.format("galera-1", "status"), EXEC.format("galera-2", "status")],
        "discard",
    ),
    "a member's volume is gone": (
        seen_by(frozen(0), LOST, frozen(2)),
        [
            "kubectl -n db get pvc",
            "kubectl get pv",
            "kubectl -n db get events --sort-by=.lastTimestamp",
            EXEC.format("galera-0", "force"),
            EXEC.format("galera-2", "force"),
        ],
        "discard",
    ),
    "all datadirs are empty, and were not": (
        seen_by(blank(0), LOST, blank(2)),
        ["kubectl -n db get pvc", "kubectl get pv", "kubectl -n db get events --sort-by=.lastTimestamp"],
        "galera-bootstrap",
    ),
    "two histories": (
        seen_by(frozen(0), frozen(1, uuid=B), frozen(2)),
        [EXEC.format(f"galera-{o}", "force") for o in range(3)],
        "discard",
    ),
    "a doubtful transfer": (
        seen_by(frozen(0), TORN, frozen(2)),
        [
            "kubectl -n db get pvc",
            "kubectl get pv",
            "kubectl -n db get events --sort-by=.lastTimestamp",
            EXEC.format("galera-0", "force"),
            EXEC.format("galera-2", "force"),
        ],
        "discard",
    ),
    "the data are too old": (
        replace(seen_by(frozen(0, epoch=3), frozen(1), frozen(2)), min_epoch=4),
        [
            "kubectl -n db get pvc",
            "kubectl get pv",
            "kubectl -n db get events --sort-by=.lastTimestamp",
            *(EXEC.format(f"galera-{o}", "force") for o in range(3)),
        ],
        "discard",
    ),
    "promised to a pod that is gone, beside an older cluster": (
        seen_by(PROMISED, replace(running(1, size=1), epoch=6), 2),
        [
            "kubectl -n db get pods -o wide galera-2",
            "kubectl -n db describe pod galera-2",
            EXEC.format("galera-0", "discard"),
        ],
        "force",
    ),
}


@pytest.mark.parametrize(("facts", "commands", "never"), STATES.values(), ids=STATES.keys())
def test_a_state_has_its_commands(facts: Facts, commands: list[str], never: str) -> None:
    shown = [command for step in find_steps(facts, decide(facts), HERE) for command in step.commands]
    assert shown == commands
    assert not [command for command in shown if never in command]


def test_what_may_live_is_neither_forced_nor_discarded() -> None:
    assert what_not_to_do(seen_by(frozen(0), frozen(1), 2)) == NEVER
    text = what_not_to_do(seen_by(frozen(0), frozen(1), unknown={2: REFUSES}))
    assert text.startswith("force or discard anything: galera-2 may live; nor ")
    assert text.endswith(NEVER)
    assert what_not_to_do(seen_by(running(0), running(1), unknown={2: REFUSES})) == NEVER


def test_another_place_has_its_own_names() -> None:
    place = Place("x", "db", "headless", "/opt/galera-bootstrap", "/data", "/secrets")
    assert place.ours("db-0", "force") == "kubectl -n x exec db-0 -c agent -- /opt/galera-bootstrap force"
    facts = seen_by(frozen(0), frozen(1), unknown={2: REFUSES})
    assert (
        find_steps(facts, decide(facts), place)[0]
        .commands[0]
        .endswith("-- sha256sum /secrets/exchange-key /secrets/cluster-id")
    )
