"""What a human does now, in order, with commands that can be pasted; and what must not be done.

Pure.  It explains a decision and takes no part in one.  An override is shown only where it would be accepted.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from bootstrap.core.decision.decisions import Decision, Hold
from bootstrap.core.decision.override import (
    describe_answer,
    find_refusing,
    may_be_forced,
    why_not_silent,
)
from bootstrap.core.model.disk import UNDECIDABLE
from bootstrap.core.model.facts import Facts, Phase
from bootstrap.core.model.messages import PodNote
from bootstrap.core.model.predicates import disk_of, pod_name
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
from bootstrap.core.status.hold_steps import ALWAYS, AVOID, HOLDS, look_closer
from bootstrap.core.status.place import Place, Step
from bootstrap.core.status.summary import find_ahead
from bootstrap.core.system_tables.rules import NOTHING_KNOWN, Finding, Stage

NEVER = (
    "delete claims or volumes, edit grastate.dat, start mariadbd by hand, or `kubectl delete pod --force` on a node "
    "that does not answer: each has destroyed data that would have come back"
)
"""What must not be done while the cause is not known."""

NO_ANSWER = (
    "it starts, receives its state, ends, or hangs; its log shows which, and one that hangs comes back when its pod is "
    "deleted with its grace period"
)
"""What a live server may do that answers nobody."""

ELSE = "edit grastate.dat, start mariadbd by hand, or delete volumes"
"""The same, short, behind what is special to a hold."""

HOLD = "hold"
"""The word of a pod that holds."""

Notes = Mapping[int, PodNote]
"""Ordinal -> what that pod's agent says to humans."""

NO_NOTES: Notes = MappingProxyType({})


def find_steps(
    facts: Facts, decision: Decision, place: Place, notes: Notes = NO_NOTES, tables: Finding = NOTHING_KNOWN
) -> tuple[Step, ...]:
    """What a human does now, the first first; empty = nothing: it goes on by itself, or all is well."""
    if isinstance(decision, Hold):
        return tuple(_steps_of_hold(facts, decision, place, notes))
    own = (
        *_steps_for_own_pod(facts, place),
        *_steps_for_servers(facts, notes, place),
        *_steps_for_volumes(facts, notes, place),
    )
    others = tuple(_steps_for_others(facts, decision, place, notes))
    return (*_look_at_dns(facts, decision, place, notes), *own, *others, *_steps_for_tables(facts, tables, place))


def what_not_to_do(facts: Facts, decision: Decision) -> str:
    """What must not be done in this situation, in one line: first what its own way out makes people do."""
    peers = sorted(facts.peers.items())
    names = [pod_name(facts, o) for o, peer in peers if isinstance(peer, Unknown) and not peer.is_silent]
    if names and not facts.own.primary_server:
        return f"force or discard anything: {', '.join(names)} may live; nor {NEVER}"
    here = AVOID.get(decision.rule)
    return f"{here}; nor {ELSE}" if here else NEVER


# This pod.


def _steps_for_own_pod(facts: Facts, place: Place) -> Iterator[Step]:
    own, pod = facts.own, facts.own.pod
    if own.phase is Phase.UNKNOWN:
        yield Step(
            f"look at this pod's server: {NO_ANSWER}",
            (place.log(pod, "mysql"), place.kubectl(f"describe pod {pod}")),
        )
    elif own.has_no_server and own.phase is not Phase.FROZEN:
        yield Step(
            "if this stays for more than a minute, look why the datadir of this pod is not read",
            (place.log(pod, "bootstrap"), place.log(pod, "mysql"), place.kubectl(f"describe pod {pod}")),
        )


def _steps_for_servers(facts: Facts, notes: Notes, place: Place) -> Iterator[Step]:
    """A live server that does not answer its own agent, which is never ready, or that has no place for a client."""
    for ordinal, note in sorted(notes.items()):
        pod = pod_name(facts, ordinal)
        if note.unheard:
            yield Step(
                f"the server of {pod} lives and does not answer its agent: {note.unheard}",
                (place.log(pod, "agent"), place.log(pod, "mysql")),
            )
        if note.crowded:
            yield Step(
                f"see who is connected to {pod}: {note.crowded}; end what is too much, or raise max_connections (for "
                "root there is one connection more)",
                (place.processes(pod),),
            )


def _steps_for_volumes(facts: Facts, notes: Notes, place: Place) -> Iterator[Step]:
    """A volume that is nearly full: at COMMIT all members wait for the one that cannot write any more."""
    for ordinal, note in sorted(notes.items()):
        if note.volume:
            pod = pod_name(facts, ordinal)
            yield Step(
                f"the volume of {pod} is nearly full, {note.volume}: enlarge its claim, or see what takes the room; a "
                "member that cannot write stops all of them at COMMIT",
                (place.kubectl("get pvc"), place.volume(pod)),
            )


def _look_at_dns(facts: Facts, decision: Decision, place: Place, notes: Notes) -> Iterator[Step]:
    """First of all: without DNS nobody is asked, but for pods whose address is remembered."""
    unknown = [peer for peer in facts.peers.values() if isinstance(peer, Unknown)]
    blind = {ordinal: note.lookup for ordinal, note in sorted(notes.items()) if note.lookup}
    if decision.rule == "dns" or any(peer.cure in (NO_DNS, NO_NAMES) for peer in unknown):
        pod, text = facts.own.pod, "no pod is known to be silent before DNS answers"
    elif blind:
        pod = pod_name(facts, min(blind))
        names, why = ", ".join(pod_name(facts, o) for o in blind), blind[min(blind)]
        text = f"{names} cannot look the others up ({why}); members go on, and a pod that starts finds nobody"
    else:
        return
    doctor = f"{place.program.rpartition('/')[0] or '.'}/peer-finder doctor {place.service}"
    yield Step(
        f"look at the cluster's DNS and at the Service: {text}",
        (
            place.agent(pod, doctor),
            "kubectl -n kube-system get pods -l k8s-app=kube-dns",
            place.kubectl(f"get service {place.service}"),
        ),
    )


def _steps_for_tables(facts: Facts, tables: Finding, place: Place) -> Iterator[Step]:
    pod = facts.own.pod
    now = place.kubectl(f"exec {pod} -c mysql -- {place.program} upgrade")
    if tables.stage is Stage.FAILED:
        log = place.kubectl(f"logs {pod} -c mysql | grep upgrade")
        yield Step("see why the upgrade of the system tables fails, and try it again", (log, now))
    elif tables.stage is Stage.OFF:
        yield Step("once all members run this series: upgrade the system tables of each one", (now,))


# The other pods.


def _steps_for_others(facts: Facts, decision: Decision, place: Place, notes: Notes) -> Iterator[Step]:
    unknown = {o: peer for o, peer in sorted(facts.peers.items()) if isinstance(peer, Unknown)}
    for ordinal, peer in unknown.items():
        if peer.contact is Contact.ANSWER:
            name = pod_name(facts, ordinal)
            yield Step(f"{name} {describe_answer(peer)}", _commands_for_answer(facts, name, peer, place))
    yield from _bring_back(facts, [o for o, peer in unknown.items() if peer.is_silent], place)
    yield from _look_at_others(facts, decision, place, notes)
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
    known, refusing = [o for o in silent if o not in new], find_refusing(facts)
    for what, ordinals in (
        ("nothing answers there", [o for o in known if o not in refusing]),
        ("the network answers there, and no agent does", [o for o in known if o in refusing]),
    ):
        if names := [pod_name(facts, o) for o in ordinals]:
            look = (f"get pods -o wide {' '.join(names)}", f"describe pod {' '.join(names)}")
            yield Step(f"bring {', '.join(names)} back: {what}", tuple(map(place.kubectl, look)))
    if new:
        names = [pod_name(facts, o) for o in new]
        yield Step(
            f"{', '.join(names)} was never a member: if it does not exist, GALERA_BOOTSTRAP_REPLICAS is above the "
            "StatefulSet's replicas",
            (place.kubectl(f"get statefulset {place.set_name}"),),
        )


def _look_at_others(facts: Facts, decision: Decision, place: Place, notes: Notes) -> Iterator[Step]:
    """Pods that answer, and will not go on by themselves, or perhaps not."""
    for peer in facts.answers:
        note = notes.get(peer.ordinal)
        if note and note.failing:
            logs = (place.log(peer.pod, "bootstrap"), place.log(peer.pod, "mysql"))
            yield Step(f"{peer.pod} cannot start: {note.failing}", logs)
        elif note and note.kind == HOLD:
            if decision.reason == note.reason:
                continue  # all of them hold for the same reason
            text = f"{peer.pod} holds, and needs a human: {note.reason} [{note.rule}]"
            yield Step(text, (place.ours(peer.pod, "status"),))
        elif peer.phase is Phase.FROZEN and disk_of(peer).data_class in UNDECIDABLE:
            yield Step(f"{peer.pod} holds: it needs a human; see what it says", (place.ours(peer.pod, "status"),))
        elif peer.has_no_server and peer.phase is not Phase.FROZEN:
            yield Step(
                f"if {peer.pod} stays {peer.phase} for more than a minute, look why it does not read its datadir",
                (place.log(peer.pod, "bootstrap"), place.log(peer.pod, "mysql")),
            )
        elif peer.phase is Phase.UNKNOWN:
            look = (place.log(peer.pod, "mysql"), place.kubectl(f"describe pod {peer.pod}"))
            yield Step(f"look at the server of {peer.pod}: {NO_ANSWER}", look)


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
        yield from _look_at_dns(facts, decision, place, notes)
        yield from _steps_for_others(facts, decision, place, notes)
        if why_not_silent(facts):
            return
    yield from HOLDS.get(decision.rule, look_closer)(facts, place)
