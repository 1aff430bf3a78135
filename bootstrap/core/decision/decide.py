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

from bootstrap.core.decision.decisions import Decision
from bootstrap.core.decision.rules_full_outage import (
    apply_override,
    create_first_database,
    hold_below_min_epoch,
    hold_for_replaced_volume,
    require_all_heard,
    require_one_history,
    start_most_advanced,
)
from bootstrap.core.decision.rules_live_primary import (
    hold_between_two_primaries,
    join_primary,
    wait_for_lost_quorum,
    wait_while_promised,
)
from bootstrap.core.decision.rules_own_pod import stop_stuck_server, wait_for_own_disk, wait_for_own_server
from bootstrap.core.model.facts import Facts


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
    Rule("stuck-server", stop_stuck_server),
    Rule("own-server", wait_for_own_server),
    Rule("own-disk", wait_for_own_disk),
    Rule("two-primaries", hold_between_two_primaries),
    Rule("promised", wait_while_promised),
    Rule("quorum", wait_for_lost_quorum),
    Rule("join", join_primary),
    Rule("override", apply_override),
    Rule("all-heard", require_all_heard),
    Rule("epoch-floor", hold_below_min_epoch),
    Rule("first-start", create_first_database),
    Rule("one-history", require_one_history),
    Rule("replaced-volume", hold_for_replaced_volume),
    Rule("most-advanced", start_most_advanced),
)
