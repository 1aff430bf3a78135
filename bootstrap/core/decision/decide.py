"""The rules and their order: facts in, one decision out.

This page owns the list of rules.  The rules themselves are in three files: `rules_own_pod` (this pod alone),
`rules_live_primary` (while a Primary Component lives) and `rules_full_outage` (when none does).
`decide` is total and pure: it answers for every `Facts`, never raises, reads no clock and logs nothing.
It tries the rules in the order of `RULES`.  The first rule that has an answer decides.  The decision carries the name
that a human reads: the rule's, or that of the case that it found (`two-histories`), or of the proof (`all-heard`).

The invariants that the rules keep, together with the promises (`election`):

1. No pod bootstraps while another pod is known to be in a Primary Component, or while an expected pod is unknown,
   unless it is proven that the unknown pod cannot hold anything newer.
2. Given the same facts, at most one pod decides to bootstrap.
3. The pod that bootstraps is at or above every disk of the history.  Either all expected pods have answered frozen
   (`all-heard`), or all members of the last Primary view have, and no other view can have followed it (`last-view`).
   "A majority has answered" is not enough: after a full outage an acknowledged commit may be on one disk only.
4. A pod joins only a history that contains its own.  Galera compares numbers only: a node at 101 may join a group at
   100 as soon as a change of the view has made that 101, and its last transaction is hidden (galera gcs_group.cpp,
   `gcs_node_update_status`).

A decision to bootstrap is not yet a permission: that takes the promises of all expected pods (`election`).
"""

from bootstrap.core.decision.decisions import Decision, Rule
from bootstrap.core.decision.rules_full_outage import (
    apply_override,
    create_first_database,
    hold_below_min_epoch,
    hold_for_replaced_volume,
    hold_without_expected_data,
    require_all_heard,
    require_one_history,
    start_most_advanced,
    wait_for_directory,
)
from bootstrap.core.decision.rules_live_primary import (
    hold_between_two_primaries,
    join_or_hold,
    wait_for_lost_quorum,
    wait_while_promised,
)
from bootstrap.core.decision.rules_own_pod import stop_stuck_server, wait_for_own_disk, wait_for_own_server
from bootstrap.core.model.facts import Facts

RULES = (
    # This pod alone.
    Rule(
        "stuck-server",
        "A server that has lost the Primary Component is stopped if other servers are dead, so that its disk counts.",
        stop_stuck_server,
    ),
    Rule("own-server", "While a server runs on this pod's volume, there is nothing to decide.", wait_for_own_server),
    Rule("own-disk", "The datadir must have been read, and the server must take its options.", wait_for_own_disk),
    # While a Primary Component lives.
    Rule(
        "two-primaries",
        "While two clusters are alive, this pod joins neither of them.",
        hold_between_two_primaries,
    ),
    Rule(
        "promised",
        "A pod that has made a promise waits for the candidate, and starts or joins nothing else.",
        wait_while_promised,
    ),
    Rule(
        "quorum",
        "A Primary Component that has lost most of its members is not joined before it has noticed the loss.",
        wait_for_lost_quorum,
    ),
    Rule("join", "A live Primary Component is joined if its history contains everything on this disk.", join_or_hold),
    # In a full outage.
    Rule("dns", "Nothing starts before DNS has shown once which pods there are.", wait_for_directory),
    Rule("override", "An override starts a new history from this pod's data.", apply_override),
    Rule(
        "all-heard",
        "Every expected pod must have reported its disk, unless a proof shows that missing pods hold nothing newer.",
        require_all_heard,
    ),
    Rule("epoch-floor", "Data older than GALERA_BOOTSTRAP_MIN_EPOCH do not start a cluster.", hold_below_min_epoch),
    Rule(
        "expected-data",
        "Volumes that are taken over must all be there before the first start.",
        hold_without_expected_data,
    ),
    Rule(
        "first-start",
        "If no pod has or ever had data, the pod with the lowest ordinal creates the database.",
        create_first_database,
    ),
    Rule("one-history", "All disks must be of one history, or of histories that led to it.", require_one_history),
    Rule(
        "replaced-volume",
        "No member may have lost its data, and no interrupted state transfer may have left newer data.",
        hold_for_replaced_volume,
    ),
    Rule(
        "most-advanced",
        "The pod with the most advanced disk starts the cluster, and the others wait for it.",
        start_most_advanced,
    ),
)


def decide(facts: Facts) -> Decision:
    """Return what this pod may do, by the first rule that has an answer."""
    for rule in RULES:
        decision = rule.answer(facts)
        if decision is not None:
            return decision
    raise AssertionError("the last rule always answers")  # pragma: no cover
