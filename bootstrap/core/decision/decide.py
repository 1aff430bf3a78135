"""The rules: facts in, one decision out.

Everything that affects whether a node bootstraps, joins, waits or holds is in this file.
`decide` is total and pure: it answers for every `Facts`, raises for none, reads no clock and logs nothing.
The rules are tried in the order of `RULES`; the first that has an answer wins, and its name is in the decision.

The invariants that the rules keep, together with `promise`:

1. Nobody bootstraps while anybody is known to be in a Primary Component, or while anybody expected is unknown of whom
   it is not proven that nothing newer can be there.
2. Given the same facts, at most one pod is told to bootstrap.
3. The pod that bootstraps is at or above every disk of the history: all expected pods have answered frozen (proof P3),
   or all members of the last Primary view, after which there can have been no other (proof P1, `proof`).
   "A majority has answered" is not enough: after a full outage an acknowledged commit may be on one disk only.
4. A pod joins only a history that contains its own: Galera itself lets a node with one transaction more join in silence
   once the group's seqno has caught up, and each configuration change takes a seqno (galera gcs_group.cpp,
   `gcs_node_update_status`).

A decision to bootstrap is not yet a permission: that takes the promises of all expected pods (`promise`).
"""

from collections.abc import Callable
from typing import NamedTuple

from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join, Stop, Wait
from bootstrap.core.decision.rules_full_outage import (
    epoch_floor,
    first_start,
    nothing_newer,
    one_history,
    operators_word,
    replaced_volume,
    winner,
)
from bootstrap.core.decision.rules_live_primary import about_to_be_lost, bound_elsewhere, join_primary, two_primaries
from bootstrap.core.decision.rules_own_pod import own_disk, own_server, stuck_server
from bootstrap.core.model.facts import Facts
from bootstrap.core.model.predicates import (
    CANDIDATES,
)

__all__ = ("CANDIDATES", "RULES", "Bootstrap", "Decision", "Hold", "Join", "Rule", "Stop", "Wait", "decide")


def decide(facts: Facts) -> Decision:
    """Return what this pod may do, by the first rule that has an answer."""
    for rule in RULES:
        decision = rule.answer(facts)
        if decision is not None:
            return decision
    raise AssertionError("the last rule always answers")  # pragma: no cover


class Rule(NamedTuple):
    """One rule with its name for humans."""

    name: str
    answer: Callable[[Facts], Decision | None]


RULES = (
    Rule("stuck-server", stuck_server),
    Rule("own-server", own_server),
    Rule("own-disk", own_disk),
    Rule("two-primaries", two_primaries),
    Rule("promised", bound_elsewhere),
    Rule("quorum", about_to_be_lost),
    Rule("join", join_primary),
    Rule("forced", operators_word),
    Rule("P3 nothing newer", nothing_newer),
    Rule("epoch-floor", epoch_floor),
    Rule("first-start", first_start),
    Rule("one-history", one_history),
    Rule("replaced-volume", replaced_volume),
    Rule("P3 winner", winner),
)
