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
from dataclasses import replace

from bootstrap.core.decision import quorum
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Facts, Phase, Promise, Record, Unknown, Word
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.model.predicates import candidate, disk_of, epoch_of, pod_name


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
    if own.promise is not None and not ended(own.promise, [prepare.winner]) and not given_up(own.promise, word):
        return Refusal(f"term {own.promise.term} is promised to ordinal {own.promise.winner}")
    if asked.term <= highest_term([own]):
        return Refusal(f"term {asked.term} is not above {highest_term([own])}")
    if alive := [r.pod for r in facts.answers if r.primary]:
        return Refusal(f"{alive[0]} is Primary")
    return (by_word(word, prepare.winner, facts) if word else by_data(prepare.winner, facts)) or asked


def is_same(own: Disk | None, told: Disk) -> bool:
    """Whether this is the disk that was decided by; an agent of the release before does not hand on what it ignores."""
    return own is not None and (own == told or (told.view is None and replace(own, view=None, rejoined=False) == told))


def by_data(winner: Record, facts: Facts) -> Refusal | None:
    """What the data say against a pod that stands for election by the rules."""
    if candidate(winner) and (epoch := epoch_of(winner, facts.records)) < facts.floor:
        return Refusal(f"your data are of epoch {epoch}, below the floor of {facts.floor}")
    return Refusal("my datadir is ahead of yours") if ahead(facts.own, winner, facts.records) else None


def by_word(word: Word, winner: Record, facts: Facts) -> Refusal | None:
    """What the data say against a pod that stands for election by an operator's word."""
    if heard := [r.pod for r in facts.answers if r.ordinal in word.unheard]:
        return Refusal(f"{heard[0]} answers me, and does not answer you: mend the network")
    if unasked := sorted(word.unheard - facts.peers.keys()):
        return Refusal(f"I have not asked {pod_name(facts, unasked[0])} myself yet")
    if word.adopt and disk_of(facts.own).data_class is not DataClass.EMPTY:
        return Refusal(f"my datadir is {disk_of(facts.own).data_class}: data are adopted only beside empty pods")
    if facts.own.ordinal not in word.although and ahead(facts.own, winner, facts.records):
        return Refusal("my datadir is ahead of yours, and the operator's word does not name it")
    return None


def word_of(prepare: Prepare) -> Word | None:
    """The operator's word under which this promise is asked for, if there is one."""
    word = prepare.winner.word
    return word if word is not None and word.epoch == prepare.promise.term else None


def given_up(promise: Promise, word: Word | None) -> bool:
    """Whether an operator has given the promise's winner up; nobody who is asked may hear it, see `by_word`."""
    return word is not None and promise.winner in word.unheard


def ahead(own: Record, other: Record, known: Iterable[Record] = ()) -> bool:
    """Whether my disk holds what the other one cannot be shown to hold, and nobody has given that up.

    What lies beyond a fork in the other's lineage, as it or anybody whom I know tells it, was given up by the word that
    made the fork.
    """
    mine, theirs = candidate(own), candidate(other)
    if mine is None:
        return False
    if theirs is None:
        return True
    return not lineage.supersedes(lineage.known_to([other, *known]), theirs, mine) or (
        mine.uuid == theirs.uuid and mine.seqno > theirs.seqno
    )


def ended(promise: Promise, later: Iterable[Record]) -> bool:
    """Whether the promise binds no longer, by records that were asked for after it was made (R5)."""
    return any(_ends(promise, record) for record in later)


def _ends(promise: Promise, record: Record) -> bool:
    if record.primary and record.epoch >= promise.term:
        return True
    if record.ordinal != promise.winner:
        return False
    if record.boot_id == promise.boot_id:
        return record.retired >= promise.term
    return record.absent


def highest_term(records: Iterable[Record]) -> int:
    """The highest term that any of these records knows of; 0 when none does."""
    return max((max(r.epoch, r.retired, r.promise.term if r.promise else 0) for r in records), default=0)


def unbound(facts: Facts, promise: Promise) -> list[int]:
    """The expected ordinals that are not bound by this promise, as far as is known; empty = permission (R4).

    Only a proof or an operator's word excuses anybody, and a word only while nothing is heard of that pod.
    """
    bound = {r.ordinal for r in facts.records if r.promise == promise and r.phase is Phase.FROZEN}
    word = facts.own.word if facts.own.word and facts.own.word.epoch == promise.term else None
    excused = {o for o in word.unheard if isinstance(facts.peer(o), Unknown)} if word else set()
    proven = quorum.of(facts)
    return sorted(facts.expected - bound - excused - (proven.excused if proven else frozenset()))
