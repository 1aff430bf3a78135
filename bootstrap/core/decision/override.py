"""Overrides: when a pod may start a new history without a proof, and what a human must know first.

Pure.  An override lifts two conditions and no others: that the unreachable pods answer, if they were named to the
human, and that no other disk holds more, if that disk was named, too.  No server may be alive, and all pods that answer
must promise, as at every bootstrap.  A pod whose answer is not understood is not unreachable: beside it no override is
accepted, and none is offered.
The survey that is printed for the human is also the one by which the override is checked when it is given.
"""

from typing import NamedTuple

from bootstrap.core.decision.election import highest_term, next_override_epoch
from bootstrap.core.model import lineage
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import ADOPTABLE, BLANK, UNDECIDABLE, DataClass, Position
from bootstrap.core.model.facts import Facts, Override, Phase, PodState
from bootstrap.core.model.predicates import (
    bootstrap_position,
    disk_of,
    may_hold_complete_transfer,
    pod_name,
    pods_with_replaced_volume,
    position_text,
    position_to_keep,
    primaries,
    why_quorum_uncertain,
)
from bootstrap.core.model.unknown import Contact, Unknown


class OverrideSurvey(NamedTuple):
    """What a human must know before giving an override."""

    epoch: int
    """The term that the override must name; 0 = there is none left."""
    base: Position | None
    """What the new history would start from."""
    lines: tuple[tuple[str, str], ...]
    """Each expected pod and what is known of it."""
    unreachable: frozenset[int]
    """The pods that do not answer."""
    refusing: frozenset[int]
    """Those of them whose network refuses the connection, so that a server may run there without its agent."""
    ahead: frozenset[int]
    """The pods that answer and may hold what this pod does not."""
    better: frozenset[int]
    """Those of them that certainly hold all that is here, too."""
    data_lost: frozenset[int]
    """The pods that answer, were members, and have lost what they held."""
    refusal: str
    """Why no override would be accepted now; empty = it would."""


def survey_pods(facts: Facts, *, adopt: bool = False) -> OverrideSurvey:
    """Find out what an override would give up, and whether it would be accepted."""
    others = {o: facts.peer(o) for o in sorted(facts.expected - {facts.own.ordinal})}
    base = disk_of(facts.own).position if adopt else bootstrap_position(facts.own)
    unreachable = frozenset(o for o, peer in others.items() if isinstance(peer, Unknown) and peer.is_silent)
    refusing = find_refusing(facts)
    ahead = frozenset(o for o, peer in others.items() if isinstance(peer, PodState) and may_be_ahead(facts, base, peer))
    better = frozenset(o for o in ahead if isinstance(peer := others[o], PodState) and has_all_of(facts, base, peer))
    data_lost = frozenset(peer.ordinal for peer in facts.answers if has_lost_data(peer, facts))
    lines = tuple((pod_name(facts, o), describe_pod(facts, o, ahead, data_lost)) for o in sorted(facts.expected))
    override = Override(0, base, unreachable, ahead, adopt)
    highest = max(highest_term(facts.states), facts.min_epoch)
    epoch = next_override_epoch(highest, facts.own.ordinal)
    used_up = None if epoch else f"no epoch is left above {highest}, which a pod or GALERA_BOOTSTRAP_MIN_EPOCH has"
    refusal = why_void(facts, override) or why_bound(facts, unreachable) or used_up or ""
    return OverrideSurvey(epoch or 0, base, lines, unreachable, refusing, ahead, better, data_lost, refusal)


def why_void(facts: Facts, override: Override) -> str | None:
    """Why this override cannot be carried out now, even if it was accepted a moment ago; None = it can."""
    disk, others = disk_of(facts.own), sorted(facts.expected - {facts.own.ordinal})
    if primary := [pod.pod for pod in facts.states if pod.primary_server]:
        return f"{primary[0]} is Primary: the cluster lives"
    if why := why_not_silent(facts):
        return why
    if facts.own.phase is not Phase.FROZEN:
        return f"this pod is {facts.own.phase}: its server must be stopped and its datadir read"
    if why := why_not_adoptable(facts, others) if override.adopt else why_not_startable(facts.own, override):
        return why
    for ordinal in others:
        peer, name = facts.peer(ordinal), pod_name(facts, ordinal)
        if isinstance(peer, Unknown):
            if ordinal not in override.unreachable:
                return f"{name} does not answer any more ({peer.reason})"
        elif why := why_not_frozen(peer):
            return f"{name} {why}"
        elif may_be_ahead(facts, override.base, peer) and ordinal not in override.accepted_ahead:
            return (
                f"{name} may hold what this pod does not ({disk.position or disk.data_class}): {describe_state(peer)}"
            )
    return None


def is_between_starters(own: PodState) -> bool:
    """Whether an override waits because one starter follows another one.

    The next starter takes the lock before it reports; then what it has found is compared with the override.
    """
    return own.override is not None and own.phase in (Phase.UNKNOWN, Phase.STARTING, Phase.RECOVERING)


def why_not_silent(facts: Facts) -> str | None:
    """Why a pod that gives no valid answer must not be taken for one that is gone; None = each such pod is silent.

    What answers may be a live server's agent with another key (R34) or of another release.  A pod that could not be
    asked, as without DNS, has not been silent either.
    """
    others = {o: facts.peer(o) for o in sorted(facts.expected - {facts.own.ordinal})}
    unknown = {pod_name(facts, o): peer for o, peer in others.items() if isinstance(peer, Unknown)}
    for name, peer in unknown.items():
        if peer.contact is Contact.ANSWER:
            return f"{name} {describe_answer(peer)}"
    for name, peer in unknown.items():
        if not peer.is_silent:
            return f"{name} is not known to be silent ({peer.reason}): {peer.cure or 'try again in a moment'}"
    return None


def offer(facts: Facts, advice: str) -> str:
    """Return advice that names an override; where none would be accepted, say what to do instead."""
    return why_not_silent(facts) or advice


def may_be_forced(facts: Facts, rule: str) -> bool:
    """Whether `force` helps where a rule waits for pods that may never come; a hold names its own command.

    Nothing at all must come from the silent pods: one whose network answers has perhaps just started.
    """
    has_unknown = any(isinstance(peer, Unknown) for peer in facts.peers.values())
    return rule in ("all-heard", "promised") and has_unknown and is_somewhere_accepted(facts)


def is_somewhere_accepted(facts: Facts) -> bool:
    """Whether `force` would be accepted in some pod, by what is known here, beside pods that are certainly silent."""
    if find_refusing(facts) or why_not_silent(facts):
        return False
    return any(map(bootstrap_position, facts.states)) and not any(why_not_frozen(peer) for peer in facts.answers)


def find_refusing(facts: Facts) -> frozenset[int]:
    """The silent pods whose network answers: a server may run there, or the pod has just started."""
    peers = facts.peers.items()
    return frozenset(o for o, peer in peers if isinstance(peer, Unknown) and peer.contact is Contact.REFUSAL)


def advise_for_own_disk(facts: Facts) -> str:
    """What may end a hold by this pod's own datadir: `discard` beside a cluster that certainly lives, or `adopt`."""
    if primaries(facts):
        is_certain = why_quorum_uncertain(facts) is None and why_not_silent(facts) is None
        # What is put aside stays on the volume, beside the full copy.
        may_help = is_certain and not disk_of(facts.own).is_out_of_room
        return "; to join without it: `galera-bootstrap discard`" if may_help else ""
    if disk_of(facts.own).data_class is not DataClass.UNADOPTED:
        return ""
    why = survey_pods(facts, adopt=True).refusal
    return f"; it is not adopted: {why}" if why else "; to start a cluster from it: `galera-bootstrap adopt`"


def why_not_startable(own: PodState, override: Override) -> str | None:
    """Why `force` cannot start from this pod's own data."""
    disk = disk_of(own)
    if bootstrap_position(own) is None:
        return f"this pod's datadir is {disk.data_class} ({disk.detail}): run the command in a pod that has data"
    return None if bootstrap_position(own) == override.base else f"this pod's datadir is at {disk.position} now"


def why_not_adoptable(facts: Facts, others: list[int]) -> str | None:
    """Why the data of this pod cannot be adopted: all pods must have answered, and no other pod may have data.

    Nor are data adopted that this image's server must not open (R32), or that are a member's own.
    """
    disk = disk_of(facts.own)
    if disk.data_class in BLANK or disk.data_class is DataClass.INITIALIZED:
        return f"this pod's datadir is {disk.data_class}: there is nothing to adopt"
    if disk.data_class not in ADOPTABLE:
        return f"this pod's datadir is {disk.data_class} ({disk.detail}): no override changes that"
    if replaced := sorted(pods_with_replaced_volume(facts)):
        name = pod_name(facts, replaced[0])
        return f"the volume of {name}, a member, has been replaced: bring it back, or use `force`"
    if bootstrap_position(facts.own) and facts.own.was_synced:
        return "this pod's datadir is that of a member: it needs no adoption; `force` starts from it without other pods"
    if facts.own.was_synced and disk.data_class is not DataClass.RESTORED:
        return (
            f"this volume was a member, and its datadir is {disk.data_class} ({disk.detail}): find out where its "
            "position is; data from elsewhere need a new volume"
        )
    for ordinal in others:
        peer, name = facts.peer(ordinal), pod_name(facts, ordinal)
        if isinstance(peer, Unknown):
            return f"{name} does not answer ({peer.reason}): to adopt data, all other pods must answer and be empty"
        if why_not_frozen(peer) is None and disk_of(peer).data_class is not DataClass.EMPTY:
            return f"the datadir of {name} is {disk_of(peer).data_class}, not EMPTY: only one pod may have data"
        if peer.was_synced:
            return f"{name} was a member of a cluster and is empty now: bring its data back, or use `force`"
    return None


def why_not_frozen(peer: PodState) -> str | None:
    """Why this peer does not count as frozen; what its datadir holds does not matter here."""
    if peer.phase is Phase.RUNNING and peer.server is not None:
        return f"is alive, {peer.server.cluster_status}: stop its server first (delete the pod)"
    if peer.phase is not Phase.FROZEN or peer.disk is None:
        return f"is {peer.phase}: wait until its datadir has been read"
    return None


def why_bound(facts: Facts, unreachable: frozenset[int]) -> str | None:
    """Why a promise stands in the way: its candidate answers.  A promise to an unreachable pod is given up with it."""
    for pod in facts.states:
        promise = pod.promise
        if promise is not None and promise.candidate not in unreachable | {facts.own.ordinal}:
            candidate = pod_name(facts, promise.candidate)
            return f"{pod.pod} has promised term {promise.term} to {candidate}: wait until that promise has ended"
    return None


def may_be_ahead(facts: Facts, base: Position | None, peer: PodState) -> bool:
    """Whether a peer that answered may hold what the base does not contain."""
    if disk_of(peer).data_class in UNDECIDABLE:
        return True
    position = position_to_keep(peer)
    if position is None:
        return may_hold_complete_transfer(peer)
    if base is None:
        return True
    mine, theirs = Copy(base, facts.own.bootstraps), Copy(position, peer.bootstraps)
    return not lineage.contains(lineage.forks_known_to(facts.states), mine, theirs)


def has_all_of(facts: Facts, base: Position | None, peer: PodState) -> bool:
    """Whether what a peer may start with contains all of the base."""
    position = bootstrap_position(peer)
    if base is None or position is None:
        return False
    mine, theirs = Copy(base, facts.own.bootstraps), Copy(position, peer.bootstraps)
    return lineage.contains(lineage.forks_known_to(facts.states), theirs, mine)


def has_lost_data(peer: PodState, facts: Facts) -> bool:
    """Whether a member's data are gone, by its own journal or by the volume that others remember."""
    blank = disk_of(peer).data_class in BLANK and not peer.joining
    return blank and (peer.was_synced or peer.ordinal in pods_with_replaced_volume(facts))


def describe_pod(facts: Facts, ordinal: int, ahead: frozenset[int], data_lost: frozenset[int]) -> str:
    """One pod for the human, in one line."""
    peer = facts.own if ordinal == facts.own.ordinal else facts.peer(ordinal)
    if isinstance(peer, Unknown):
        return describe_unknown(peer)
    note = ""
    if ordinal in ahead:
        note = "; MAY HOLD MORE than this pod"
    elif ordinal in data_lost:
        note = "; was a member: what it held is gone"
    return f"{describe_state(peer)}{note}{' (this pod)' if ordinal == facts.own.ordinal else ''}"


def describe_unknown(peer: Unknown) -> str:
    """A pod without a valid answer."""
    if peer.contact is Contact.ANSWER:
        return describe_answer(peer)
    if not peer.is_silent:
        return f"unknown: {peer.reason}; it is not known to be silent"
    alive = "; its network answers, so a server may run there" if peer.contact is Contact.REFUSAL else ""
    return f"unknown: {peer.reason}{alive}; what only it holds would be given up"


def describe_answer(peer: Unknown) -> str:
    """What answers at a pod's address and is not understood, and what to do about it."""
    cure = peer.cure or "find out what listens there; if the pod shall be given up, switch its machine off first"
    return f"answers, but {peer.reason}: its server may live; {cure}"


def describe_state(peer: PodState) -> str:
    """The phase; of a frozen pod instead the class and the position."""
    if peer.server is not None and peer.phase is Phase.RUNNING:
        return f"running, {peer.server.cluster_status}, {peer.server.uuid}:{peer.server.last_committed}"
    if peer.phase is not Phase.FROZEN or peer.disk is None:
        return peer.phase.value
    where = position_text(peer) if peer.disk.position or peer.disk.transfer_may_be_complete else peer.disk.detail
    return f"{peer.disk.data_class}, {where}, epoch {peer.epoch}"
