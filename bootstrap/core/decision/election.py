"""The promise: when it may be given, when it ends, and when all promises are there.  A state machine without I/O.

A pod for which `decide` answers Bootstrap is the candidate: it asks every expected pod for a promise in a new *term*.
A pod that promises writes this to disk before it answers, and is bound: it promises nothing to any other candidate, and
joins no older Primary Component, until the promise has ended.
The permission to bootstrap exists only while every expected pod, the candidate included, is bound by the same promise.

A promise ends only by a sign of its candidate, never by time: the candidate is Primary in that term or later, or has
given the term up, or a new run of its agent reports that no server lives on its volume.
Signs count only if they were asked for after the promise was made: an older answer may describe the run before.
"""

from collections.abc import Iterable

from bootstrap.core.decision import quorum
from bootstrap.core.model import branches, lineage
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.model.predicates import (
    bootstrap_position,
    disk_of,
    epoch_of,
    is_silent,
    pod_name,
    position_to_keep,
)
from bootstrap.core.model.shapes import INT64_MAX, MAX_ORDINAL
from bootstrap.core.model.unknown import Contact, Unknown

TERMS_OF_AN_OVERRIDE = 10**9
"""How many terms an override has for itself and for all attempts after it: 30 a minute would last 60 years."""

OVERRIDES_AT_ONCE = MAX_ORDINAL + 1
"""Each pod has its own terms in the block of the next override."""

TERMS_AHEAD = 100 * TERMS_OF_AN_OVERRIDE * OVERRIDES_AT_ONCE
"""How far another pod's terms may be ahead of this one's: nobody gives a hundred overrides that a volume has missed."""


def consider(prepare: Prepare, facts: Facts) -> Promise | Refusal:
    """Answer a request for a promise by what this pod knows now (R1, R3).

    The answer is only a permission to make the promise durable: it counts once it is on disk.
    """
    own, asked = facts.own, prepare.promise
    if own.promise == asked:
        return asked
    if own.run_id != prepare.run_id or not is_same(own.disk, prepare.disk):
        return Refusal("my agent or my datadir has changed since you decided")
    if own.phase is not Phase.FROZEN:
        return Refusal(f"I am {own.phase}, not frozen")
    if asked.term > (limit := highest_believable(own, facts.min_epoch)):
        return Refusal(f"term {asked.term} is above {limit}, which no election of this cluster has come near")
    bound, override = own.promise, override_of(prepare)
    if bound is not None and not has_ended(bound, [prepare.candidate]) and not is_given_up(bound, override):
        return Refusal(f"term {bound.term} is promised to ordinal {bound.candidate}")
    if asked.term <= highest_term([own]):
        return Refusal(f"term {asked.term} is not above {highest_term([own])}")
    if alive := [pod.pod for pod in facts.answers if pod.primary_server]:
        return Refusal(f"{alive[0]} is Primary")
    if override:
        return refuse_under_override(override, prepare.candidate, facts) or asked
    return refuse_by_data(prepare.candidate, facts) or asked


def is_same(own: Disk | None, decided_on: Disk) -> bool:
    """Whether my disk is still the one that the candidate has decided on."""
    return own == decided_on


def refuse_by_data(candidate: PodState, facts: Facts) -> Refusal | None:
    """Refuse a candidate of the rules if the data are against it."""
    if bootstrap_position(candidate) and (epoch := epoch_of(candidate, facts.states)) < facts.min_epoch:
        return Refusal(f"your data are of epoch {epoch}, below the floor of {facts.min_epoch}")
    if is_ahead(facts.own, candidate, facts.states):
        return Refusal("my datadir is ahead of yours, or of another branch")
    return None


def refuse_under_override(override: Override, candidate: PodState, facts: Facts) -> Refusal | None:
    """Refuse a candidate of an override if the data, or the pods that it calls unreachable, are against it."""
    if reached := [pod.pod for pod in facts.answers if pod.ordinal in override.unreachable]:
        return Refusal(f"{reached[0]} answers me, and does not answer you: fix the network")
    unknown = {o: peer for o in sorted(override.unreachable) if isinstance(peer := facts.peer(o), Unknown)}
    if answering := [o for o, peer in unknown.items() if peer.contact is Contact.ANSWER]:
        name, reason = pod_name(facts, answering[0]), unknown[answering[0]].reason
        return Refusal(f"something answers me at the address of {name} ({reason}): it may live")
    if not_asked := [o for o, peer in unknown.items() if not peer.is_silent]:
        return Refusal(f"I have not asked {pod_name(facts, not_asked[0])} myself yet")
    if override.adopt and disk_of(facts.own).data_class is not DataClass.EMPTY:
        return Refusal(f"my datadir is {disk_of(facts.own).data_class}: to adopt data, all other pods must be empty")
    if facts.own.ordinal not in override.accepted_ahead and is_ahead(facts.own, candidate, facts.states):
        return Refusal("my datadir is ahead of yours, or of another branch, and the override does not name it")
    return None


def override_of(prepare: Prepare) -> Override | None:
    """The override under which this promise is asked for, if there is one."""
    override = prepare.candidate.override
    return override if override is not None and override.epoch == prepare.promise.term else None


def is_given_up(promise: Promise, override: Override | None) -> bool:
    """Whether an override gives the promise's candidate up; no asked pod may reach it, see `refuse_under_override`."""
    return override is not None and promise.candidate in override.unreachable


def is_ahead(own: PodState, other: PodState, known: Iterable[PodState] = ()) -> bool:
    """Whether my disk holds something that the other disk does not provably hold, and that no override has given up.

    What lies beyond a fork in the other's lineage was given up by the override that made the fork.  The fork may be
    reported by the other pod or by any pod that I know.  On another branch a lower number is other data (R10).
    """
    mine, theirs = position_to_keep(own), bootstrap_position(other)
    if mine is None:
        return False
    if theirs is None:
        return True
    is_longer = mine.uuid == theirs.uuid and mine.seqno > theirs.seqno
    parted = branches.find_parting([Copy(mine, own.bootstraps), Copy(theirs, other.bootstraps)], mine.uuid)
    return (
        is_longer or parted is not None or not lineage.supersedes(lineage.forks_known_to([other, *known]), theirs, mine)
    )


def has_ended(promise: Promise, later: Iterable[PodState]) -> bool:
    """Whether the promise binds no longer, by answers that were asked for after it was made (R5)."""
    return any(_ends(promise, pod) for pod in later)


def _ends(promise: Promise, pod: PodState) -> bool:
    if pod.primary_server and pod.epoch >= promise.term:
        return True
    if pod.ordinal != promise.candidate:
        return False
    if pod.run_id == promise.run_id:
        return pod.abandoned_term >= promise.term
    return pod.has_no_server


def highest_term(pods: Iterable[PodState]) -> int:
    """The highest term that any of these pods knows of; 0 if none does."""
    return max((max(pod.epoch, pod.abandoned_term, pod.promise.term if pod.promise else 0) for pod in pods), default=0)


def highest_believable(own: PodState, min_epoch: int) -> int:
    """The highest term that this pod believes another one; a human's floor counts as known.

    An agent with the key could otherwise report or ask for the highest number that there is.  It would be kept, and no
    election would have a term above it: neither here nor in any pod that learns of it.
    """
    return min(max(highest_term([own]), min_epoch) + TERMS_AHEAD, INT64_MAX - TERMS_AHEAD)


def highest_reported(pod: PodState) -> int:
    """The highest of all terms that a pod reports, and that others may take over."""
    origins = [fork.epoch for fork in pod.lineage] + [point.epoch for point in pod.bootstraps]
    override = [pod.override.epoch] if pod.override else []
    return max([highest_term([pod]), pod.joined_epoch, *origins, *override])


def disbelieve_terms(own: PodState, peer: PodState | Unknown, min_epoch: int) -> PodState | Unknown:
    """The answer of a peer, or why it does not count."""
    limit = highest_believable(own, min_epoch)
    if isinstance(peer, Unknown) or (highest := highest_reported(peer)) <= limit:
        return peer
    reason = f"it reports the term {highest}, above {limit}, which no election of this cluster has come near"
    return Unknown(reason, "is that pod yours? Look at it, and replace the exchange-key", Contact.ANSWER)


def next_override_epoch(highest: int, ordinal: int) -> int | None:
    """The epoch of an override in this pod, where `highest` is the highest term known; None = there is none left (R8).

    An override does not ask the pods that it gives up, and these may know terms that no other pod knows.  So terms come
    in blocks, and in each block every pod has a range of its own.  An override takes the first term of its pod's range
    in the next block, and attempts count up from there.  Thus an epoch is shared with nothing that was not heard: not
    with an attempt, which is in a range that an earlier override has begun, or in none; not with an override in another
    pod, which has another range; and not with an earlier one in this pod, which its journal knows.

    This rests on two things: fewer attempts between two overrides than a range has terms, and a journal that is not
    older than its volume has become, as that of a restored snapshot is.
    """
    block = TERMS_OF_AN_OVERRIDE * OVERRIDES_AT_ONCE
    epoch = (highest // block + 1) * block + ordinal * TERMS_OF_AN_OVERRIDE
    return epoch if epoch + TERMS_OF_AN_OVERRIDE <= INT64_MAX else None


def find_unbound(facts: Facts, promise: Promise) -> list[int]:
    """The expected ordinals that are not bound by this promise, as far as is known; empty = permission (R4).

    Only a proof or an override excuses a pod, and an override only while that pod is silent (R8).
    """
    bound = {pod.ordinal for pod in facts.states if pod.promise == promise and pod.phase is Phase.FROZEN}
    override = facts.own.override if facts.own.override and facts.own.override.epoch == promise.term else None
    excused = {o for o in override.unreachable if is_silent(facts, o)} if override else set()
    proven = quorum.find_proof(facts)
    return sorted(facts.expected - bound - excused - (proven.excused if proven else frozenset()))
