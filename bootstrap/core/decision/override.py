"""The operator's word: when a pod may start a new history without the proof, and what an operator must know first.

Pure.  The word lifts two conditions and no others: silence of the pods that were named to the operator, and what other
disks hold, where they were named, too.  Nobody may be alive, and all who answer must promise, as at every bootstrap.
What is printed for the operator and what is checked when the word is said come from the same survey.
"""

from dataclasses import dataclass

from bootstrap.core.decision.election import highest_term
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Position
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Unknown
from bootstrap.core.model.predicates import (
    BLANK,
    UNDECIDABLE,
    bootstrap_position,
    disk_of,
    may_hold_complete_transfer,
    pod_name,
    position_text,
    position_to_keep,
    primaries,
    replaced,
)


@dataclass(frozen=True, slots=True)
class OverrideSurvey:
    """What an operator must know before the word is said."""

    epoch: int
    """The term that the word must name: the next one."""
    base: Position | None
    """What the new history would start from."""
    lines: tuple[tuple[str, str], ...]
    """Each expected pod and what is known of it."""
    unreachable: frozenset[int]
    """Who does not answer."""
    ahead: frozenset[int]
    """Who answers and may hold what this pod does not."""
    data_lost: frozenset[int]
    """Who answers, was a member, and has lost what it held."""
    refusal: str
    """Why no word would be taken now; empty = it would."""


def survey_pods(facts: Facts, *, adopt: bool = False) -> OverrideSurvey:
    """Look at everybody with an operator's eyes."""
    others = {o: facts.peer(o) for o in sorted(facts.expected - {facts.own.ordinal})}
    base = disk_of(facts.own).position if adopt else bootstrap_position(facts.own)
    unheard = frozenset(o for o, peer in others.items() if isinstance(peer, Unknown))
    ahead = frozenset(o for o, peer in others.items() if isinstance(peer, PodState) and may_be_ahead(facts, base, peer))
    gone = frozenset(r.ordinal for r in facts.answers if has_lost_data(r, facts))
    lines = tuple((pod_name(facts, o), describe_pod(facts, o, ahead, gone)) for o in sorted(facts.expected))
    word = Override(0, base, unheard, ahead, adopt)
    epoch = max(highest_term(facts.states), facts.min_epoch) + 1
    refusal = why_void(facts, word) or why_not_asked(facts) or why_bound(facts, unheard) or ""
    return OverrideSurvey(epoch, base, lines, unheard, ahead, gone, refusal)


def why_void(facts: Facts, word: Override) -> str | None:
    """What stands against this word now, also when it was taken a moment ago; None = nothing."""
    disk, others = disk_of(facts.own), sorted(facts.expected - {facts.own.ordinal})
    if primary := [r.pod for r in facts.states if r.primary_server]:
        return f"{primary[0]} is Primary: the cluster lives"
    if facts.own.phase is not Phase.FROZEN:
        return f"this pod is {facts.own.phase}: its server must be stopped and its datadir read"
    if why := why_not_adoptable(facts, others) if word.adopt else why_not_startable(facts.own, word):
        return why
    for ordinal in others:
        peer, name = facts.peer(ordinal), pod_name(facts, ordinal)
        if isinstance(peer, Unknown):
            if ordinal not in word.unreachable:
                return f"{name} does not answer any more ({peer.reason})"
        elif why := why_not_frozen(peer):
            return f"{name} {why}"
        elif may_be_ahead(facts, word.base, peer) and ordinal not in word.accepted_ahead:
            return (
                f"{name} may hold what this pod does not ({disk.position or disk.data_class}): {describe_state(peer)}"
            )
    return None


def is_between_starters(own: PodState) -> bool:
    """Whether one starter follows another one, and an operator's word waits for what the next one finds.

    It has the lock before it says so; what it finds is compared with the word then.
    """
    return own.override is not None and own.phase in (Phase.UNKNOWN, Phase.STARTING, Phase.RECOVERING)


def advise(facts: Facts, rule: str) -> str:
    """The command that helps where a rule waits for pods that may never come; what holds says so itself.

    Beside a Primary no force is taken.
    """
    silent = [pod_name(facts, o) for o in sorted(facts.expected) if isinstance(facts.peers.get(o), Unknown)]
    if rule not in ("all-heard", "promised") or not silent or primaries(facts):
        return ""
    return (
        f"if {', '.join(silent)} can never come back: `galera-bootstrap force` in the pod with the most data shows "
        "what would be lost, and what to type"
    )


def why_not_startable(own: PodState, word: Override) -> str | None:
    """Why this pod's own data cannot be forced."""
    disk = disk_of(own)
    if bootstrap_position(own) is None:
        return f"this pod's datadir is {disk.data_class} ({disk.detail}): say it in a pod that has data"
    return None if bootstrap_position(own) == word.base else f"this pod's datadir is at {disk.position} now"


def why_not_adoptable(facts: Facts, others: list[int]) -> str | None:
    """Why the data of this pod cannot be adopted: all must have answered, and nobody else may have any."""
    disk = disk_of(facts.own)
    if disk.data_class in BLANK or disk.data_class is DataClass.INITIALIZED:
        return f"this pod's datadir is {disk.data_class}: there is nothing to adopt"
    if gone := sorted(replaced(facts)):
        return f"the volume of {pod_name(facts, gone[0])}, a member, has been replaced: bring it back, or use `force`"
    if bootstrap_position(facts.own) and facts.own.was_synced:
        return "this pod's datadir is that of a member: it needs no adoption; `force` starts from it without others"
    for ordinal in others:
        peer, name = facts.peer(ordinal), pod_name(facts, ordinal)
        if isinstance(peer, Unknown):
            return f"{name} does not answer ({peer.reason}): to adopt data, all pods must be there and be empty"
        if why_not_frozen(peer) is None and disk_of(peer).data_class is not DataClass.EMPTY:
            return f"the datadir of {name} is {disk_of(peer).data_class}, not EMPTY: one pod brings the data"
        if peer.was_synced:
            return f"{name} has been a member of a cluster and is empty now: bring its data back, or use `force`"
    return None


def why_not_frozen(peer: PodState) -> str | None:
    """Why this peer cannot be counted as frozen; what its datadir holds does not matter here."""
    if peer.phase is Phase.RUNNING and peer.server is not None:
        return f"is alive, {peer.server.cluster_status}: stop its server first (delete the pod)"
    if peer.phase is not Phase.FROZEN or peer.disk is None:
        return f"is {peer.phase}: wait until its datadir has been read"
    return None


def why_not_asked(facts: Facts) -> str | None:
    """Whether there is a pod of which others have told, and which this one has not asked: that is not silence."""
    new = sorted(facts.expected - facts.peers.keys() - {facts.own.ordinal})
    return f"{pod_name(facts, new[0])} has not been asked yet: a moment" if new else None


def why_bound(facts: Facts, unheard: frozenset[int]) -> str | None:
    """Whether a promise to a pod that answers stands in the way; one to a silent pod is given up with it."""
    for record in facts.states:
        promise = record.promise
        if promise is not None and promise.candidate not in unheard | {facts.own.ordinal}:
            other = pod_name(facts, promise.candidate)
            return f"{record.pod} has promised term {promise.term} to {other}: wait for that"
    return None


def may_be_ahead(facts: Facts, base: Position | None, peer: PodState) -> bool:
    """Whether a peer that answered may hold what the base does not contain."""
    if disk_of(peer).data_class in UNDECIDABLE:
        return True
    position = position_to_keep(peer)
    if position is None:
        return may_hold_complete_transfer(peer)
    return base is None or not lineage.contains(lineage.forks_known_to(facts.states), base, position)


def has_lost_data(peer: PodState, facts: Facts) -> bool:
    """Whether a member's data are gone, by its own journal or by the volume that others remember."""
    blank = disk_of(peer).data_class in BLANK and not peer.joining
    return blank and (peer.was_synced or peer.ordinal in replaced(facts))


def describe_pod(facts: Facts, ordinal: int, ahead: frozenset[int], gone: frozenset[int]) -> str:
    """One pod for the operator."""
    peer = facts.own if ordinal == facts.own.ordinal else facts.peer(ordinal)
    if isinstance(peer, Unknown):
        return f"unknown: {peer.reason}; what only it holds would be given up"
    note = ""
    if ordinal in ahead:
        note = "; MAY HOLD MORE than this pod"
    elif ordinal in gone:
        note = "; was a member: what it held is gone"
    return f"{describe_state(peer)}{note}{' (this pod)' if ordinal == facts.own.ordinal else ''}"


def describe_state(peer: PodState) -> str:
    """The phase, and where that is frozen the class and the position."""
    if peer.server is not None and peer.phase is Phase.RUNNING:
        return f"running, {peer.server.cluster_status}, {peer.server.uuid}:{peer.server.last_committed}"
    if peer.phase is not Phase.FROZEN or peer.disk is None:
        return peer.phase.value
    where = position_text(peer) if peer.disk.position or peer.disk.transfer_may_be_complete else peer.disk.detail
    return f"{peer.disk.data_class}, {where}, epoch {peer.epoch}"
