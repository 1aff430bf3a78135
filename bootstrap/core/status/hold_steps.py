"""The way out of each hold, for the pod that holds: the rule of the hold -> the steps of a human.

Pure.  An override is shown only where it would be accepted.
"""

from collections.abc import Callable, Iterator, Sequence

from bootstrap.core.decision.override import is_somewhere_accepted, survey_pods
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Facts
from bootstrap.core.model.predicates import disk_of, primaries, why_quorum_uncertain
from bootstrap.core.status.place import Place, Step
from bootstrap.core.status.summary import find_ahead

UNREADABLE = frozenset({DataClass.UNKNOWN, DataClass.UUID_MISMATCH})
"""The classes of data that may be this cluster's, and of which nobody knows how new they are."""


def look_closer(facts: Facts, place: Place) -> Iterator[Step]:
    """For a hold that has no way out of its own here."""
    pod = facts.own.pod
    yield Step("see how this was decided, and what happened before", (place.ours(pod, "explain"),))
    yield Step("look at the logs", (place.log(pod, "agent"), place.log(pod, "bootstrap"), place.log(pod, "mysql")))


def _discard(facts: Facts, place: Place) -> Iterator[Step]:
    yield Step(
        "only if what is here cannot be put right: this puts the data of this pod aside on its volume, to be read "
        "later, and joins with a full copy",
        (place.ours(facts.own.pod, "discard"),),
    )


def _own_disk(facts: Facts, place: Place) -> Iterator[Step]:
    pod, disk = facts.own.pod, disk_of(facts.own)
    yield Step("see why in the container that has read the datadir", (place.log(pod, "bootstrap"),))
    yield Step("is it the right volume, with room, of the right owner, and writable?", (
        place.kubectl("get pvc"),
        place.agent(pod, f"sh -c 'df -h {place.data_root}; ls -ln {place.data_root}'"),
    ))  # fmt: skip
    if disk.data_class is DataClass.UNADOPTED and not survey_pods(facts, adopt=True).refusal:
        yield Step("to start a cluster from these data", (place.ours(pod, "adopt"),))
    elif primaries(facts) and why_quorum_uncertain(facts) is None and not disk.is_out_of_room:
        yield from _discard(facts, place)
    elif _is_lost_for_good(facts):
        # Only here it shows whether it can be put right, so only here the others' way without it is named.
        yield from _force_in_newest(facts, place)


def _is_lost_for_good(facts: Facts) -> bool:
    """Whether this pod's own data may be what all others wait for in vain, and these could go on by `force`."""
    disk, others = disk_of(facts.own), {pod.ordinal for pod in facts.answers}
    may_be_cured = disk.is_out_of_room or disk.is_wrong_volume or disk.data_class not in UNREADABLE
    return not may_be_cured and facts.expected - {facts.own.ordinal} <= others and is_somewhere_accepted(facts)


def _two_clusters(facts: Facts, place: Place) -> Iterator[Step]:
    alive = [pod for pod in facts.states if pod.primary_server]
    yield Step(
        "see in each of them who its members are, and to which one clients write; save what only the wrong one has and "
        "stop its pods: they hold when they come back, until `discard`",
        tuple(place.ours(pod.pod, "status") for pod in alive),
    )


def _bring_volumes(_: Facts, place: Place) -> Iterator[Step]:
    yield Step(
        "find the volume that was there before, and bring it back",
        (place.kubectl("get pvc"), "kubectl get pv", place.kubectl("get events --sort-by=.lastTimestamp")),
    )


def _bring_volumes_or_force(facts: Facts, place: Place) -> Iterator[Step]:
    yield from _bring_volumes(facts, place)
    yield from _force_in_newest(facts, place)


def _force_in_newest(facts: Facts, place: Place) -> Iterator[Step]:
    ahead = find_ahead(facts)
    # From older data `force` would also give up what is on the newest disk.
    yield from _force_in([pod.pod for pod in facts.states if ahead and pod.ordinal in ahead.ordinals], place)


def _choose(facts: Facts, place: Place) -> Iterator[Step]:
    """Between data of which none contains the other: a number says nothing then."""
    yield from _force_in([pod.pod for pod in facts.states if disk_of(pod).position], place)


def _force_in(pods: Sequence[str], place: Place) -> Iterator[Step]:
    if pods:
        yield Step(
            "only if what is missing is given up: run it in the pod whose data stay; this shows what would be lost and "
            "what to type, and changes nothing",
            tuple(place.ours(pod, "force") for pod in pods),
        )


def _promised(facts: Facts, place: Place) -> Iterator[Step]:
    yield Step(
        "only if it never comes back, and no server runs there: this puts the data of this pod aside on its volume and "
        "joins with a full copy",
        (place.ours(facts.own.pod, "discard"),),
    )


def _own_files(facts: Facts, place: Place) -> Iterator[Step]:
    pod = facts.own.pod
    yield Step(
        "make the folder of this message writable: is it full, read-only, or of another owner?",
        (place.agent(pod, f"df -h {place.data_root}"), place.kubectl(f"describe pod {pod}"), place.log(pod, "agent")),
    )


def _options(facts: Facts, place: Place) -> Iterator[Step]:
    text = "correct the option that the message names; this pod looks again every few seconds and goes on by itself"
    yield Step(text, (place.kubectl("get configmaps"), place.log(facts.own.pod, "bootstrap")))


def _make_room(facts: Facts, place: Place) -> Iterator[Step]:
    text = "enlarge the claim, or remove what is not needed from the volume; this pod joins by itself then"
    yield Step(text, (place.kubectl("get pvc"), place.volume(facts.own.pod)))


ALWAYS = frozenset({"options", "room", "own-disk", "journal", "permission", "two-primaries"})
"""Holds whose first step does not depend on what the other pods are."""

HOLDS: dict[str, Callable[[Facts, Place], Iterator[Step]]] = {
    "options": _options,
    "room": _make_room,
    "own-disk": _own_disk,
    "two-primaries": _two_clusters,
    "other-history": _discard,
    "other-branch": _discard,
    "ahead-of-primary": _discard,
    "beyond-fork": _discard,
    "promised": _promised,
    "epoch-floor": _bring_volumes_or_force,
    "expected-data": _bring_volumes,
    "all-empty": _bring_volumes,
    "no-candidate": _bring_volumes,
    "two-histories": _choose,
    "two-branches": _choose,
    "doubtful-transfer": _bring_volumes_or_force,
    "replaced-volume": _bring_volumes_or_force,
    "journal": _own_files,
    "permission": _own_files,
}
"""The rule of a hold -> the way out of it."""

LOOK_FIRST = "discard before you have seen what only this pod has: the cluster may have it nowhere"
OLD_VOLUME = "delete the claim or the volume that is there now, or the journal on it: the old data may come back to it"
BY_NUMBER = "choose by the higher number: the numbers of two histories or branches say nothing about each other"

AVOID: dict[str, str] = {
    "options": "change the data: they are well, only the option is wrong",
    "room": "discard, or remove files of the datadir: what is put aside takes the same room, the binary log is data",
    "two-primaries": "delete or restart a pod before you know what only its side has",
    "other-history": LOOK_FIRST,
    "other-branch": LOOK_FIRST,
    "ahead-of-primary": LOOK_FIRST,
    "beyond-fork": LOOK_FIRST,
    "epoch-floor": "lower GALERA_BOOTSTRAP_MIN_EPOCH: it stands for newer data than all that are here",
    "expected-data": "set EXPECT_DATA to no before you know where the old data are",
    "all-empty": OLD_VOLUME,
    "no-candidate": OLD_VOLUME,
    "replaced-volume": OLD_VOLUME,
    "two-histories": BY_NUMBER,
    "two-branches": BY_NUMBER,
    "doubtful-transfer": "force in another pod before somebody has looked at that datadir",
    "journal": "delete the journal: it knows what this pod has promised, and which data are the newest",
    "permission": "delete the journal: it knows what this pod has promised, and which data are the newest",
}
"""The rule of a hold -> what people in a hurry do there, and lose data by."""
