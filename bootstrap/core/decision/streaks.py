"""For how many rounds in a row something has been so: a change of view may look like a fault for a moment.  Pure.

Some rules wait for what may never happen, and some signs mean something only if they last.  Rounds are counted instead
of seconds, because no decision looks at a clock.
"""

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

from bootstrap.core.decision.decisions import Decision, Stop
from bootstrap.core.model.facts import PodState, Server

STUCK_ROUNDS = 40
"""For how many rounds in a row a server must have been stuck before it is stopped: ten seconds or more."""

STUCK_ALONE_ROUNDS = 8
"""The same where no other server could bring it back, as after a failed state transfer: two seconds or more."""

STUCK_ALL_ROUNDS = 480
"""The same where all servers live, none is Primary, and Galera does not bring them together: two minutes or more."""

DEAD_MEMBER_ROUNDS = 80
"""After so many rounds a dead server is no longer counted as a member: Galera counts it for 15 s at most."""


class Patience(NamedTuple):
    """For how many rounds in a row something must have been so; longer where Galera's own timeouts are longer."""

    stuck: int = STUCK_ROUNDS
    stuck_alone: int = STUCK_ALONE_ROUNDS
    stuck_all: int = STUCK_ALL_ROUNDS
    dead_member: int = DEAD_MEMBER_ROUNDS

    def stretch(self, factor: float) -> "Patience":
        """The same for a Galera whose timeouts are so many times the default ones."""
        return Patience(*(ceil(rounds * factor) for rounds in self))


class HeardMember(NamedTuple):
    """A member of a Primary Component, as its agent has reported it; what changes with every commit is left out."""

    ordinal: int
    uuid: str
    size: int


class Streaks(NamedTuple):
    """The counts of one run of an agent."""

    stuck_rounds: int = 0
    """For how many rounds the decision has been to stop the own server."""
    extra_member_rounds: int = 0
    """For how many rounds the own server has had more members than there are pods that may have a server."""
    primary: frozenset[HeardMember] = frozenset()
    """The members of a Primary Component that the last round has heard."""
    primary_rounds: int = 0
    """For how many rounds it has been just that one."""

    @property
    def is_primary_confirmed(self) -> bool:
        """Whether two rounds in a row have heard the same Primary Component: one answer may be from before its end."""
        return self.primary_rounds >= 2

    def has_primary_kept_quorum(self, patience: Patience) -> bool:
        """Whether a Primary Component has had enough time to notice that it has lost its quorum; some never do."""
        return self.primary_rounds > patience.dead_member

    def has_foreign_members(self, patience: Patience) -> bool:
        """Whether there have been too many members for long enough: some of them are no pods of this set (R36)."""
        return self.extra_member_rounds >= patience.dead_member

    def is_stuck_long_enough(self, decision: Decision, patience: Patience) -> bool:
        """Whether the own server must be stopped now; a change of view passes through non-Primary, too."""
        if not isinstance(decision, Stop):
            return False
        if decision.all_live:
            return self.stuck_rounds >= patience.stuck_all
        return self.stuck_rounds >= (patience.stuck_alone if decision.alone else patience.stuck)


def after_decision(streaks: Streaks, decision: Decision) -> Streaks:
    """Count what this round has decided."""
    return streaks._replace(stuck_rounds=streaks.stuck_rounds + 1 if isinstance(decision, Stop) else 0)


def after_answers(streaks: Streaks, answers: Iterable[PodState]) -> Streaks:
    """Count whether this round has heard the same Primary Component as the one before."""
    alive = [(peer.ordinal, server) for peer in answers if (server := peer.primary_server)]
    primary = frozenset(HeardMember(ordinal, server.uuid, server.size) for ordinal, server in alive)
    rounds = streaks.primary_rounds if primary == streaks.primary else 0
    return streaks._replace(primary=primary, primary_rounds=rounds + 1 if primary else 0)


def after_stop(streaks: Streaks) -> Streaks:
    """The server was asked to stop: it gets the whole time again before it is asked once more."""
    return streaks._replace(stuck_rounds=0)


def after_members(streaks: Streaks, server: Server | None, others_maybe_alive: int) -> Streaks:
    """Count whether the own server has more members than this pod and the others that may have a server.

    `server` is the own server while it is in a Primary Component; without one the count stays as it is.
    """
    if server is None:
        return streaks
    has_extra = server.size > 1 + others_maybe_alive
    return streaks._replace(extra_member_rounds=streaks.extra_member_rounds + 1 if has_extra else 0)
