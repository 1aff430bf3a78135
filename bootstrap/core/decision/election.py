"""The promise: when it may be given, when it ends, and when all are in.  A state machine without I/O.

A pod that `decide` tells to bootstrap asks every expected pod for a promise in a new *term*.  Who promises writes it to
disk before it answers and is bound: it promises nobody else and joins no older Primary Component until the promise
has ended.
The permission to bootstrap exists only while every expected pod, the winner too, is bound by the same promise.

A promise ends only by a sign of its winner, never by time:
the winner is Primary in that term or later, or has given the term up, or is a new life of the agent with no server on
its volume.
Signs count only if they were asked for after the promise was made: an older answer may describe the life before.
"""

from collections.abc import Iterable

from bootstrap.core.decision import quorum
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise, Unknown
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.model.predicates import bootstrap_position, disk_of, epoch_of, pod_name


def consider(prepare: Prepare, facts: Facts) -> Promise | Refusal:
    """Answer a request for a promise by what this pod knows now (R1, R3).

    The answer is only a permission to make the promise durable: it counts once it is on disk.
    """
    own, asked = facts.own, prepare.promise
    if own.promise == asked:
        return asked
    if own.boot_id != prepare.boot_id or not is_same(own.disk, prepare.disk):
        return Refusal("my agent or my datadir is not the one that was decided by")
    if own.phase is not Phase.FROZEN:
        return Refusal(f"I am {own.phase}, not frozen")
    word = word_of(prepare)
    if own.promise is not None and not has_ended(own.promise, [prepare.candidate]) and not given_up(own.promise, word):
        return Refusal(f"term {own.promise.term} is promised to ordinal {own.promise.candidate}")
    if asked.term <= highest_term([own]):
        return Refusal(f"term {asked.term} is not above {highest_term([own])}")
    if alive := [r.pod for r in facts.answers if r.primary_server]:
        return Refusal(f"{alive[0]} is Primary")
    return (by_word(word, prepare.candidate, facts) if word else by_data(prepare.candidate, facts)) or asked


def is_same(own: Disk | None, told: Disk) -> bool:
    """Whether this is the disk that was decided by."""
    return own == told


def by_data(winner: PodState, facts: Facts) -> Refusal | None:
    """What the data say against a pod that stands for election by the rules."""
    if bootstrap_position(winner) and (epoch := epoch_of(winner, facts.states)) < facts.min_epoch:
        return Refusal(f"your data are of epoch {epoch}, below the floor of {facts.min_epoch}")
    return Refusal("my datadir is ahead of yours") if ahead(facts.own, winner, facts.states) else None


def by_word(word: Override, winner: PodState, facts: Facts) -> Refusal | None:
    """What the data say against a pod that stands for election by an operator's word."""
    if heard := [r.pod for r in facts.answers if r.ordinal in word.unreachable]:
        return Refusal(f"{heard[0]} answers me, and does not answer you: mend the network")
    if unasked := sorted(word.unreachable - facts.peers.keys()):
        return Refusal(f"I have not asked {pod_name(facts, unasked[0])} myself yet")
    if word.adopt and disk_of(facts.own).data_class is not DataClass.EMPTY:
        return Refusal(f"my datadir is {disk_of(facts.own).data_class}: data are adopted only beside empty pods")
    if facts.own.ordinal not in word.accepted_ahead and ahead(facts.own, winner, facts.states):
        return Refusal("my datadir is ahead of yours, and the operator's word does not name it")
    return None


def word_of(prepare: Prepare) -> Override | None:
    """The operator's word under which this promise is asked for, if there is one."""
    word = prepare.candidate.override
    return word if word is not None and word.epoch == prepare.promise.term else None


def given_up(promise: Promise, word: Override | None) -> bool:
    """Whether an operator has given the promise's winner up; nobody who is asked may hear it, see `by_word`."""
    return word is not None and promise.candidate in word.unreachable


def ahead(own: PodState, other: PodState, known: Iterable[PodState] = ()) -> bool:
    """Whether my disk holds what the other one cannot be shown to hold, and nobody has given that up.

    What lies beyond a fork in the other's lineage, as it or anybody whom I know tells it, was given up by the word that
    made the fork.
    """
    mine, theirs = bootstrap_position(own), bootstrap_position(other)
    if mine is None:
        return False
    if theirs is None:
        return True
    return not lineage.supersedes(lineage.forks_known_to([other, *known]), theirs, mine) or (
        mine.uuid == theirs.uuid and mine.seqno > theirs.seqno
    )


def has_ended(promise: Promise, later: Iterable[PodState]) -> bool:
    """Whether the promise binds no longer, by records that were asked for after it was made (R5)."""
    return any(_ends(promise, record) for record in later)


def _ends(promise: Promise, record: PodState) -> bool:
    if record.primary_server and record.epoch >= promise.term:
        return True
    if record.ordinal != promise.candidate:
        return False
    if record.boot_id == promise.boot_id:
        return record.abandoned_term >= promise.term
    return record.has_no_server


def highest_term(records: Iterable[PodState]) -> int:
    """The highest term that any of these records knows of; 0 when none does."""
    return max((max(r.epoch, r.abandoned_term, r.promise.term if r.promise else 0) for r in records), default=0)


def find_unbound(facts: Facts, promise: Promise) -> list[int]:
    """The expected ordinals that are not bound by this promise, as far as is known; empty = permission (R4).

    Only a proof or an operator's word excuses anybody, and a word only while nothing is heard of that pod.
    """
    bound = {r.ordinal for r in facts.states if r.promise == promise and r.phase is Phase.FROZEN}
    word = facts.own.override if facts.own.override and facts.own.override.epoch == promise.term else None
    excused = {o for o in word.unreachable if isinstance(facts.peer(o), Unknown)} if word else set()
    proven = quorum.find_proof(facts)
    return sorted(facts.expected - bound - excused - (proven.excused if proven else frozenset()))
