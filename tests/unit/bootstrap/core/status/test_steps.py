"""What a human is shown in each situation: the right next command, no other one that would do harm."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Hold
from bootstrap.core.model.disk import FULL, WRONG_VOLUME, DataClass, Disk
from bootstrap.core.model.facts import BootstrapPoint, Facts, Phase, Promise
from bootstrap.core.model.messages import PodNote
from bootstrap.core.model.unknown import ITS_VOLUME, NO_DNS, NO_NAMES, SAME_KEY, SAME_RELEASE, Contact, Unknown
from bootstrap.core.status.hold_steps import AVOID, HOLDS
from bootstrap.core.status.place import Place
from bootstrap.core.status.steps import ELSE, NEVER, find_steps, what_not_to_do
from bootstrap.core.system_tables.rules import Finding, Stage
from tests.support.bootstrap.records import REFUSING, A, B, blank, busy, frozen, running, seen_by

HERE = Place("db", "galera", "galera-headless")
EXEC = "kubectl -n db exec {} -c agent -- /work-dir/galera-bootstrap {}"
REFUSES = Unknown("it does not accept our key or our cluster id", SAME_KEY, Contact.ANSWER)
OTHER_RELEASE = Unknown("its answer is not understood: x", SAME_RELEASE, Contact.ANSWER)
ITS_DISK = Unknown("it answers 503", ITS_VOLUME, Contact.ANSWER)
SLOW = Unknown("no whole answer within 2 s", contact=Contact.ANSWER)
HIDDEN = Unknown("has no address", NO_NAMES, Contact.NOTHING)
UNRESOLVED = Unknown("SERVFAIL", NO_DNS, Contact.NOT_ASKED)
DNS = [
    "kubectl -n db exec galera-0 -c agent -- /work-dir/peer-finder doctor galera-headless",
    "kubectl -n kube-system get pods -l k8s-app=kube-dns",
    "kubectl -n db get service galera-headless",
]
OWN_DISK = [
    "kubectl -n db logs galera-0 -c bootstrap --tail=20",
    "kubectl -n db get pvc",
    "kubectl -n db exec galera-0 -c agent -- sh -c 'df -h /var/lib/galera; ls -ln /var/lib/galera'",
]
VOLUMES = ["kubectl -n db get pvc", "kubectl get pv", "kubectl -n db get events --sort-by=.lastTimestamp"]
HASH = "sha256sum /etc/galera-secrets/exchange-key /etc/galera-secrets/cluster-id"
LOST = replace(blank(1), was_synced=True)
MEMBERS = ((0, "volume-0"), (1, "volume-1"))
PROMISED = replace(frozen(0), promise=Promise(7, 2, "run-2"))
TORN = replace(frozen(1), disk=Disk(DataClass.SST_INTERRUPTED, transfer_may_be_complete=True))


def bring_back(name: str) -> list[str]:
    return [f"kubectl -n db get pods -o wide {name}", f"kubectl -n db describe pod {name}"]


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
        DNS,
        "force",
    ),
    "DNS has never answered": (
        replace(seen_by(frozen(0)), has_directory=False),
        DNS,
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
        ["kubectl -n db logs galera-1 -c mysql --tail=20", "kubectl -n db describe pod galera-1"],
        "force",
    ),
    "the Service hides the pods": (
        seen_by(frozen(0), unknown={1: HIDDEN}),
        [*DNS, *bring_back("galera-1")],
        "galera-bootstrap",
    ),
    "a member that is off, beside one that joins": (
        seen_by(replace(running(0), volumes=MEMBERS), replace(busy(1, Phase.JOINING), volumes=MEMBERS), 2),
        ["kubectl -n db get statefulset galera"],
        "describe",
    ),
    "one never reports its datadir, and one is silent": (
        seen_by(frozen(0), busy(1, Phase.STARTING), 2),
        [
            *bring_back("galera-2"),
            "kubectl -n db logs galera-1 -c bootstrap --tail=20",
            "kubectl -n db logs galera-1 -c mysql --tail=20",
        ],
        "force",
    ),
    "a member that is remembered is off": (
        seen_by(replace(running(0), volumes=(*MEMBERS, (2, "volume-2"))), running(1), 2),
        bring_back("galera-2"),
        "statefulset",
    ),
    "nobody remembers any member": (seen_by(running(0), running(1), 2), bring_back("galera-2"), "statefulset"),
    "no Primary Component, and a pod that nobody remembers": (
        seen_by(replace(frozen(0), volumes=MEMBERS), replace(frozen(1), volumes=MEMBERS), 2),
        [*bring_back("galera-2"), EXEC.format("galera-0", "force")],
        "statefulset",
    ),
    "two histories, and a silent pod": (
        seen_by(frozen(0), frozen(1, uuid=B), 2),
        [*bring_back("galera-2"), EXEC.format("galera-0", "force")],
        "discard",
    ),
    "a peer holds beside this member": (
        seen_by(running(0), blank(1, DataClass.UNKNOWN), running(2)),
        [EXEC.format("galera-1", "status")],
        "force",
    ),
    "this datadir cannot be read, and a pod is silent": (
        seen_by(blank(0, DataClass.UNKNOWN), frozen(1), 2),
        OWN_DISK,
        "galera-2",
    ),
    "this datadir cannot be read, and nobody has data": (
        seen_by(blank(0, DataClass.UNKNOWN), blank(1), blank(2)),
        OWN_DISK,
        "adopt",
    ),
    "this datadir cannot be read, beside what may have lost its quorum": (
        seen_by(blank(0, DataClass.UNKNOWN), running(1, size=2), 2),
        OWN_DISK,
        "discard",
    ),
    "the datadir's files contradict each other": (
        seen_by(frozen(0, data_class=DataClass.UUID_MISMATCH), blank(1), blank(2)),
        OWN_DISK,
        "adopt",
    ),
    "data of an older installation, and another pod has some": (
        seen_by(blank(0, DataClass.UNADOPTED), frozen(1), blank(2)),
        OWN_DISK,
        "adopt",
    ),
    "this pod has more, and DNS and a key are wrong": (
        seen_by(frozen(0, 50), running(1, size=1), unknown={2: REFUSES, 3: UNRESOLVED}),
        [*DNS, *(f"kubectl -n db exec {pod} -c agent -- {HASH}" for pod in ("galera-0", "galera-2"))],
        "galera-bootstrap",
    ),
    "no data of the epoch are here": (
        replace(seen_by(blank(0), blank(1), blank(2)), min_epoch=4),
        VOLUMES,
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
        seen_by(blank(0, DataClass.UNKNOWN), frozen(1, 9), frozen(2, 5)),
        [*OWN_DISK, EXEC.format("galera-1", "force")],
        "galera-2",
    ),
    "this datadir's files contradict each other, nothing lives": (
        seen_by(frozen(0, data_class=DataClass.UUID_MISMATCH), frozen(1, 5), frozen(2, 9)),
        [*OWN_DISK, EXEC.format("galera-2", "force")],
        "adopt",
    ),
    "this datadir cannot be read, and one of the others reads its own": (
        seen_by(blank(0, DataClass.UNKNOWN), frozen(1), busy(2, Phase.RECOVERING)),
        OWN_DISK,
        "galera-bootstrap",
    ),
    "this datadir cannot be read, and a server outside lives": (
        seen_by(blank(0, DataClass.UNKNOWN), frozen(1), running(2, status="non-Primary")),
        OWN_DISK,
        "galera-bootstrap",
    ),
    "this volume is full, nothing lives": (
        seen_by(
            replace(blank(0), disk=Disk(DataClass.UNKNOWN, detail=f"recovery ended; {FULL}: make room")),
            frozen(1),
            frozen(2),
        ),
        OWN_DISK,
        "force",
    ),
    "another pod's volume with its journal is here, nothing lives": (
        seen_by(
            replace(blank(0), disk=Disk(DataClass.UNKNOWN, detail=f"the volume is of galera-2: {WRONG_VOLUME}")),
            frozen(1),
            frozen(2),
        ),
        OWN_DISK,
        "force",
    ),
    "another pod's volume is here, nothing lives": (
        seen_by(blank(0, DataClass.FOREIGN), frozen(1), frozen(2)),
        OWN_DISK,
        "force",
    ),
    "this datadir cannot be read, beside a cluster": (
        seen_by(blank(0, DataClass.UNKNOWN), running(1), running(2)),
        [
            *OWN_DISK,
            EXEC.format("galera-0", "discard"),
        ],
        "force",
    ),
    "this volume is full, beside a cluster": (
        seen_by(
            replace(blank(0), disk=Disk(DataClass.UNKNOWN, detail=f"recovery ended; {FULL}: make room")),
            running(1),
            running(2),
        ),
        OWN_DISK,
        "discard",
    ),
    "data of an older installation": (
        seen_by(blank(0, DataClass.UNADOPTED), blank(1), blank(2)),
        [
            *OWN_DISK,
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
            *VOLUMES,
            EXEC.format("galera-0", "force"),
            EXEC.format("galera-2", "force"),
        ],
        "discard",
    ),
    "a member's volume is gone, and the others are not equal": (
        seen_by(frozen(0, 5), LOST, frozen(2, 9)),
        [*VOLUMES, EXEC.format("galera-2", "force")],
        "galera-0",
    ),
    "all datadirs are empty, and were not": (
        seen_by(blank(0), LOST, blank(2)),
        VOLUMES,
        "galera-bootstrap",
    ),
    "two branches of one history": (
        seen_by(
            frozen(0, 5, bootstraps=(BootstrapPoint(A, 3, 2, "run-0"),)),
            frozen(1, 9, bootstraps=(BootstrapPoint(A, 3, 3, "run-1"),)),
            frozen(2, 9, bootstraps=(BootstrapPoint(A, 3, 3, "run-1"),)),
        ),
        [EXEC.format(f"galera-{o}", "force") for o in range(3)],
        "discard",
    ),
    "two histories": (
        seen_by(frozen(0), frozen(1, uuid=B), frozen(2)),
        [EXEC.format(f"galera-{o}", "force") for o in range(3)],
        "discard",
    ),
    "two histories, and a pod without data": (
        seen_by(frozen(0), frozen(1, uuid=B), blank(2)),
        [EXEC.format("galera-0", "force"), EXEC.format("galera-1", "force")],
        "galera-2",
    ),
    "a doubtful transfer": (
        seen_by(frozen(0), TORN, frozen(2)),
        [
            *VOLUMES,
            EXEC.format("galera-0", "force"),
            EXEC.format("galera-2", "force"),
        ],
        "discard",
    ),
    "the data are too old": (
        replace(seen_by(frozen(0, epoch=3), frozen(1), frozen(2)), min_epoch=4),
        [
            *VOLUMES,
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
    steps = find_steps(facts, decide(facts), HERE)
    shown = [command for step in steps for command in step.commands]
    assert shown == commands
    assert all(step.commands for step in steps)
    assert not [command for command in shown if never in command]


def test_a_pod_that_was_never_a_member_is_named() -> None:
    facts = STATES["REPLICAS is above the set's"][0]
    (step,) = find_steps(facts, decide(facts), HERE)
    assert step.text.startswith("galera-2 was never a member: ")


def test_a_hold_by_own_files_and_one_that_is_not_known_have_their_steps() -> None:
    facts = seen_by(frozen(0), frozen(1), frozen(2))
    logs = [f"kubectl -n db logs galera-0 -c {name} --tail=20" for name in ("agent", "bootstrap", "mysql")]
    disk = "kubectl -n db exec galera-0 -c agent -- df -h /var/lib/galera"
    for rule in ("journal", "permission"):
        (step,) = find_steps(facts, Hold(rule, "x"), HERE)
        assert step.commands == (disk, "kubectl -n db describe pod galera-0", logs[0])
    (options,) = find_steps(facts, Hold("options", "x"), HERE)
    assert options.commands == ("kubectl -n db get configmaps", logs[1])
    (room,) = find_steps(facts, Hold("room", "x"), HERE)
    look = "sh -c 'df -h /var/lib/galera; du -sh /var/lib/galera/*'"
    assert room.commands == ("kubectl -n db get pvc", f"kubectl -n db exec galera-0 -c agent -- {look}")
    first, second = find_steps(facts, Hold("of a newer release", "x"), HERE)
    assert first.commands == (EXEC.format("galera-0", "explain"),)
    assert second.commands == tuple(logs)


def test_what_the_others_say_of_themselves_is_shown() -> None:
    facts = seen_by(frozen(0), busy(1, Phase.STARTING), frozen(2))
    notes = {
        1: PodNote("wait", "own-disk", "the datadir has not been read yet", "its container bootstrap fails: no lock"),
        2: PodNote("hold", "journal", "the journal cannot be written"),
    }
    first, second = find_steps(facts, decide(facts), HERE, notes)
    assert first.text == "galera-1 cannot start: its container bootstrap fails: no lock"
    assert first.commands[0] == "kubectl -n db logs galera-1 -c bootstrap --tail=20"
    assert second.text == "galera-2 holds, and needs a human: the journal cannot be written [journal]"
    assert second.commands == (EXEC.format("galera-2", "status"),)
    quiet = {1: PodNote("wait", "all-heard", "x"), 2: PodNote("wait", "all-heard", "x")}
    assert find_steps(facts, decide(facts), HERE, quiet) == find_steps(facts, decide(facts), HERE)
    both = seen_by(frozen(0), frozen(1, uuid=B), frozen(2))
    same = {1: PodNote("hold", "two-histories", decide(both).reason)}
    assert find_steps(both, decide(both), HERE, same) == find_steps(both, decide(both), HERE)
    above = seen_by(frozen(0, 50), running(1), running(2))
    held = {1: PodNote("hold", "room", "y")}
    assert find_steps(above, decide(above), HERE, held)[0].text == "galera-1 holds, and needs a human: y [room]"


def test_a_volume_that_is_nearly_full_is_named_wherever_it_is() -> None:
    facts = seen_by(running(0), running(1), running(2))
    notes = {
        0: PodNote("none", "own-server", "x", volume="9 of 100 MiB are free"),
        1: PodNote("none", "own-server", "x"),
        2: PodNote("none", "own-server", "x", volume="3 of 100 MiB are free"),
    }
    own, other = find_steps(facts, decide(facts), HERE, notes)
    assert own.text.startswith("the volume of galera-0 is nearly full, 9 of 100 MiB are free: enlarge its claim")
    assert own.commands == (
        "kubectl -n db get pvc",
        "kubectl -n db exec galera-0 -c agent -- sh -c 'df -h /var/lib/galera; du -sh /var/lib/galera/*'",
    )
    assert other.text.startswith("the volume of galera-2 is nearly full, 3 of 100 MiB are free")
    assert "galera-2" in other.commands[1]


def test_a_live_server_that_refuses_its_agent_does_not_go_on_by_itself() -> None:
    facts = seen_by(running(0), busy(1, Phase.JOINING), running(2))
    why = "the server refuses galera_agent"
    (step,) = find_steps(facts, decide(facts), HERE, {1: PodNote("none", "own-server", "x", unheard=why)})
    assert step.text == f"the server of galera-1 lives and does not answer its agent: {why}"
    assert step.commands == (
        "kubectl -n db logs galera-1 -c agent --tail=20",
        "kubectl -n db logs galera-1 -c mysql --tail=20",
    )


def test_a_server_without_a_free_connection_is_named_wherever_it_is() -> None:
    facts = seen_by(running(0), running(1), running(2))
    notes = {
        1: PodNote("none", "own-server", "x", crowded="all 100 connections are taken"),
        2: PodNote("none", "own-server", "x"),
    }
    (step,) = find_steps(facts, decide(facts), HERE, notes)
    assert step.text == (
        "see who is connected to galera-1: all 100 connections are taken; end what is too much, or raise "
        "max_connections (for root there is one connection more)"
    )
    show = 'MYSQL_PWD="$(cat /etc/galera-secrets/root-password)" mariadb -u root -e "SHOW PROCESSLIST"'
    assert step.commands == (f"kubectl -n db exec galera-1 -c mysql -- sh -c '{show}'",)


def test_a_member_that_cannot_look_the_others_up_is_named_although_it_lives() -> None:
    facts = seen_by(running(0), running(1), running(2))
    notes = {o: PodNote("none", "own-server", "x", lookup=why) for o, why in enumerate(("", "SERVFAIL", "no answer"))}
    (step,) = find_steps(facts, decide(facts), HERE, notes)
    assert step.text == (
        "look at the cluster's DNS and at the Service: galera-1, galera-2 cannot look the others up (SERVFAIL); "
        "members go on, and a pod that starts finds nobody"
    )
    assert step.commands == (DNS[0].replace("galera-0 -c", "galera-1 -c"), *DNS[1:])


def test_where_dns_stops_this_pod_the_others_say_nothing_new() -> None:
    facts = seen_by(frozen(0), unknown={1: UNRESOLVED, 2: UNRESOLVED})
    notes = {0: PodNote("wait", "all-heard", "x", lookup="SERVFAIL")}
    assert find_steps(facts, decide(facts), HERE, notes) == find_steps(facts, decide(facts), HERE)


def avoided(facts: Facts) -> str:
    return what_not_to_do(facts, decide(facts))


def test_what_may_live_is_neither_forced_nor_discarded() -> None:
    assert avoided(seen_by(frozen(0), frozen(1), 2)) == NEVER
    text = avoided(seen_by(frozen(0), frozen(1), unknown={2: REFUSES}))
    assert text.startswith("force or discard anything: galera-2 may live; nor ")
    assert text.endswith(NEVER)
    assert avoided(seen_by(running(0), running(1), unknown={2: REFUSES})) == NEVER


def test_each_hold_says_what_people_in_a_hurry_do_there_and_lose_data_by() -> None:
    above = avoided(seen_by(frozen(0, 50), running(1), running(2)))
    assert above == f"discard before you have seen what only this pod has: the cluster may have it nowhere; nor {ELSE}"
    assert avoided(seen_by(frozen(0), frozen(1, uuid=B), frozen(2))).startswith("choose by the higher number: ")
    assert avoided(seen_by(frozen(0), LOST, frozen(2))).startswith("delete the claim or the volume that is there now")
    waits = seen_by(frozen(0), frozen(1), 2)
    assert what_not_to_do(waits, Hold("of a newer release", "x")) == NEVER
    assert set(AVOID) == set(HOLDS) - {"own-disk", "promised"}
    silent = seen_by(frozen(0), LOST, unknown={2: REFUSES})
    assert what_not_to_do(silent, Hold("replaced-volume", "x")).startswith("force or discard anything: ")


def test_system_tables_that_need_a_human_have_their_commands_and_others_have_none() -> None:
    facts = seen_by(running(0), running(1), running(2))
    run = "kubectl -n db exec galera-0 -c mysql -- /work-dir/galera-bootstrap upgrade"
    (failed,) = find_steps(facts, decide(facts), HERE, tables=Finding(Stage.FAILED, "x"))
    assert failed.commands == ("kubectl -n db logs galera-0 -c mysql | grep upgrade", run)
    (off,) = find_steps(facts, decide(facts), HERE, tables=Finding(Stage.OFF, "x"))
    assert off.commands == (run,)
    for stage in set(Stage) - {Stage.FAILED, Stage.OFF}:
        assert find_steps(facts, decide(facts), HERE, tables=Finding(stage, "x")) == ()
    silent = seen_by(running(0), running(1), 2)
    assert find_steps(silent, decide(silent), HERE, tables=Finding(Stage.OFF, "x"))[-1] == off


def test_another_place_has_its_own_names() -> None:
    place = Place("x", "db", "headless", "/opt/galera-bootstrap", "/data", "/secrets")
    assert place.ours("db-0", "force") == "kubectl -n x exec db-0 -c agent -- /opt/galera-bootstrap force"
    facts = seen_by(frozen(0), frozen(1), unknown={2: REFUSES})
    assert (
        find_steps(facts, decide(facts), place)[0]
        .commands[0]
        .endswith("-- sha256sum /secrets/exchange-key /secrets/cluster-id")
    )


def test_a_pod_whose_network_answers_is_told_apart_from_one_that_is_silent() -> None:
    facts = seen_by(frozen(0), 1, 3, unknown={2: REFUSING})
    assert [step.text for step in find_steps(facts, decide(facts), HERE)] == [
        "bring galera-1, galera-3 back: nothing answers there",
        "bring galera-2 back: the network answers there, and no agent does",
    ]
    never = seen_by(running(0, volumes=MEMBERS), running(1, volumes=MEMBERS), unknown={2: REFUSING})
    (step,) = find_steps(never, decide(never), HERE)
    assert step.text.startswith("galera-2 was never a member")
