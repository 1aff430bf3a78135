"""What a human does now, in order, with commands that can be pasted; and what must not be done.

Pure.  It explains a decision and takes no part in one.  An override is shown only where it would be accepted.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bootstrap.core.decision.decisions import Decision, Hold
from bootstrap.core.decision.override import describe_answer, may_be_forced, survey_pods, why_not_silent
from bootstrap.core.model.disk import UNDECIDABLE, DataClass
from bootstrap.core.model.facts import Facts, Phase
from bootstrap.core.model.messages import PodNote
from bootstrap.core.model.predicates import disk_of, pod_name, primaries, why_quorum_uncertain
from bootstrap.core.model.unknown import (
    ITS_VOLUME,
    NO_DNS,
    NO_NAMES,
    SAME_KEY,
    SAME_RELEASE,
    WRONG_ADDRESS,
    Contact,
    Unknown,
)
from bootstrap.core.status.summary import find_ahead

NEVER = (
    "delete claims or volumes, edit grastate.dat, start mariadbd by hand, or `kubectl delete pod --force` on a node "
    "that does not answer: each has destroyed data that would have come back"
)
"""What must not be done while the cause is not known."""


class Place(NamedTuple):
    """Where the pods are, as a human's commands must name it."""

    namespace: str
    set_name: str
    """The StatefulSet."""
    service: str
    """The headless Service."""
    program: str = "/work-dir/galera-bootstrap"
    """This program, in the container `agent`."""
    data_root: str = "/var/lib/galera"
    """The volume's folder there."""
    secrets: str = "/etc/galera-secrets"
    """The Secret's folder there."""

    def kubectl(self, words: str) -> str:
        """A command of kubectl in this namespace."""
        return f"kubectl -n {self.namespace} {words}"

    def agent(self, pod: str, words: str) -> str:
        """A command in the container `agent` of a pod."""
        return self.kubectl(f"exec {pod} -c agent -- {words}")

    def ours(self, pod: str, words: str) -> str:
        """A command of this program in a pod."""
        return self.agent(pod, f"{self.program} {words}")

    def log(self, pod: str, container: str) -> str:
        """The last lines of a container; it may have ended and been started again."""
        return self.kubectl(f"logs {pod} -c {container} --tail=20")


class Step(NamedTuple):
    """One thing to do."""

    text: str
    """What, and why."""
    commands: tuple[str, ...] = ()
    """Commands that can be pasted into a shell."""


HOLD = "hold"
"""The word of a pod that holds."""

Notes = Mapping[int, PodNote]
"""Ordinal -> what that pod's agent says to humans."""

NO_NOTES: Notes = MappingProxyType({})


def find_steps(facts: Facts, decision: Decision, place: Place, notes: Notes = NO_NOTES) -> tuple[Step, ...]:
    """What a human does now, the first first; empty = nothing: it goes on by itself, or all is well."""
    if isinstance(decision, Hold):
        return tuple(_steps_of_hold(facts, decision, place, notes))
    own = tuple(_steps_for_own_pod(facts, place))
    return (*_look_at_dns(facts, decision, place), *own, *_steps_for_others(facts, decision, place, notes))


def what_not_to_do(facts: Facts) -> str:
    """What must not be done in this situation, in one line."""
    peers = sorted(facts.peers.items())
    names = [pod_name(facts, o) for o, peer in peers if isinstance(peer, Unknown) and not peer.is_silent]
    if not names or facts.own.primary_server:
        return NEVER
    return f"force or discard anything: {', '.join(names)} may live; nor {NEVER}"


# This pod.


def _steps_for_own_pod(facts: Facts, place: Place) -> Iterator[Step]:
    own, pod = facts.own, facts.own.pod
    if own.phase is Phase.UNKNOWN:
        yield Step(
            "look at this pod's server: it starts, receives its state, or hangs",
            (place.log(pod, "mysql"), place.kubectl(f"describe pod {pod}")),
        )
    elif own.has_no_server and own.phase is not Phase.FROZEN:
        yield Step(
            "if this stays for more than a minute, look why the datadir of this pod is not read",
            (place.log(pod, "bootstrap"), place.log(pod, "mysql"), place.kubectl(f"describe pod {pod}")),
        )


def _look_at_dns(facts: Facts, decision: Decision, place: Place) -> Iterator[Step]:
    """First of all: without DNS nobody is asked."""
    unknown = [peer for peer in facts.peers.values() if isinstance(peer, Unknown)]
    if decision.rule != "dns" and not any(peer.cure in (NO_DNS, NO_NAMES) for peer in unknown):
        return
    doctor = f"{place.program.rpartition('/')[0] or '.'}/peer-finder doctor {place.service}"
    yield Step(
        "look at the cluster's DNS and at the Service: no pod is known to be silent before DNS answers",
        (
            place.agent(facts.own.pod, doctor),
            "kubectl -n kube-system get pods -l k8s-app=kube-dns",
            place.kubectl(f"get service {place.service}"),
        ),
    )


# The other pods.


def _steps_for_others(facts: Facts, decision: Decision, place: Place, notes: Notes) -> Iterator[Step]:
    unknown = {o: peer for o, peer in sorted(facts.peers.items()) if isinstance(peer, Unknown)}
    for ordinal, peer in unknown.items():
        if peer.contact is Contact.ANSWER:
            name = pod_name(facts, ordinal)
            yield Step(f"{name} {describe_answer(peer)}", _commands_for_answer(facts, name, peer, place))
    yield from _bring_back(facts, [o for o, peer in unknown.items() if peer.is_silent], place)
    yield from _look_at_others(facts, place, notes)
    if may_be_forced(facts, decision.rule):
        yield _offer_force(facts, [pod_name(facts, o) for o in unknown], place)


def _commands_for_answer(facts: Facts, name: str, peer: Unknown, place: Place) -> tuple[str, ...]:
    """What to look at where something answers that is not understood."""
    files = f"sha256sum {place.secrets}/exchange-key {place.secrets}/cluster-id"
    look: dict[str, tuple[str, ...]] = {
        SAME_KEY: (place.agent(facts.own.pod, files), place.agent(name, files)),
        SAME_RELEASE: (place.ours(facts.own.pod, "--version"), place.ours(name, "--version")),
        WRONG_ADDRESS: (place.kubectl("get pods -o wide"),),
        ITS_VOLUME: (place.agent(name, f"df -h {place.data_root}"),),
    }
    return look.get(peer.cure, (place.kubectl(f"describe pod {name}"), place.log(name, "agent")))


def _bring_back(facts: Facts, silent: list[int], place: Place) -> Iterator[Step]:
    """Beside a Primary Component, a pod that no member has ever seen may not exist at all."""
    seen = {ordinal for pod in facts.states for ordinal, _ in pod.volumes}
    has_primary = any(pod.primary_server for pod in facts.states)
    new = [o for o in silent if has_primary and seen and o not in seen]
    if names := [pod_name(facts, o) for o in silent if o not in new]:
        yield Step(
            f"bring {', '.join(names)} back: nothing answers there",
            (place.kubectl(f"get pods -o wide {' '.join(names)}"), place.kubectl(f"describe pod {' '.join(names)}")),
        )
    if new:
        names = [pod_name(facts, o) for o in new]
        yield Step(
            f"{', '.join(names)} was never a member: if it does not exist, GALERA_BOOTSTRAP_REPLICAS is above the "
            "StatefulSet's replicas",
            (place.kubectl(f"get statefulset {place.set_name}"),),
        )


def _look_at_others(facts: Facts, place: Place, notes: Notes) -> Iterator[Step]:
    """Pods that answer, and will not go on by themselves, or perhaps not."""
    for peer in facts.answers:
        note = notes.get(peer.ordinal)
        if note and note.failing:
            logs = (place.log(peer.pod, "bootstrap"), place.log(peer.pod, "mysql"))
            yield Step(f"{peer.pod} cannot start: {note.failing}", logs)
        elif note and note.kind == HOLD:
            yield Step(f"{peer.pod} holds, and needs a human: {note.reason}", (place.ours(peer.pod, "status"),))
        elif peer.phase is Phase.FROZEN and disk_of(peer).data_class in UNDECIDABLE:
            yield Step(f"{peer.pod} holds: it needs a human; see what it says", (place.ours(peer.pod, "status"),))
        elif peer.has_no_server and peer.phase is not Phase.FROZEN:
            yield Step(
                f"if {peer.pod} stays {peer.phase} for more than a minute, look why it does not read its datadir",
                (place.log(peer.pod, "bootstrap"), place.log(peer.pod, "mysql")),
            )
        elif peer.phase is Phase.UNKNOWN:
            yield Step(f"look at the server of {peer.pod}: it starts, or hangs", (place.log(peer.pod, "mysql"),))


def _offer_force(facts: Facts, names: list[str], place: Place) -> Step:
    ahead = find_ahead(facts)
    pod = pod_name(facts, ahead.ordinals[0]) if ahead else facts.own.pod
    return Step(
        f"only if {', '.join(names)} can never come back: this shows what would be lost and what to type, and changes "
        "nothing",
        (place.ours(pod, "force"),),
    )


# Holds.


def _steps_of_hold(facts: Facts, decision: Hold, place: Place, notes: Notes) -> Iterator[Step]:
    """The way out of a hold.

    Beside a pod that answers and is not understood that pod comes first and alone, and beside a silent one that: what
    follows gives data up.
    """
    if decision.rule not in ALWAYS:
        yield from _look_at_dns(facts, decision, place)
        yield from _steps_for_others(facts, decision, place, notes)
        if why_not_silent(facts):
            return
    yield from HOLDS.get(decision.rule, _look_closer)(facts, place)


def _look_closer(facts: Facts, place: Place) -> Iterator[Step]:
    pod = facts.own.pod
    yield Step("see how this was decided, and what happened before", (place.ours(pod, "explain"),))
    yield Step("look at the logs", (place.log(pod, "agent"), place.log(pod, "bootstrap"), place.log(pod, "mysql")))


def _discard(facts: Facts, place: Place) -> Iterator[Step]:
    yield Step(
        "this puts the data of this pod aside on its volume, to be read there later, and joins with a full copy",
        (place.ours(facts.own.pod, "discard"),),
    )


def _own_disk(facts: Facts, place: Place) -> Iterator[Step]:
    pod, disk = facts.own.pod, disk_of(facts.own)
    yield Step("see why in the container that has read the datadir", (place.log(pod, "bootstrap"),))
    yield Step("is it the right volume, with room, and writable?", (
        place.kubectl("get pvc"),
        place.agent(pod, f"df -h {place.data_root}"),
    ))  # fmt: skip
    if disk.data_class is DataClass.UNADOPTED and not survey_pods(facts, adopt=True).refusal:
        yield Step("to start a cluster from these data", (place.ours(pod, "adopt"),))
    elif primaries(facts) and why_quorum_uncertain(facts) is None:
        yield from _discard(facts, place)


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
    yield from _choose(facts, place)


def _choose(facts: Facts, place: Place) -> Iterator[Step]:
    with_data = [pod for pod in facts.states if disk_of(pod).position]
    if with_data:
        yield Step(
            "only if what is missing is given up: run it in the pod whose data stay; this shows what would be lost and "
            "what to type, and changes nothing",
            tuple(place.ours(pod.pod, "force") for pod in with_data),
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
    look = place.agent(facts.own.pod, f"sh -c 'df -h {place.data_root}; du -sh {place.data_root}/*'")
    text = "enlarge the claim, or remove what is not needed from the volume; this pod joins by itself then"
    yield Step(text, (place.kubectl("get pvc"), look))


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
