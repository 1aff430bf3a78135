"""What would change a decision, in one sentence for each rule: the first question after "why".

Pure.  It explains a decision and takes no part in one.
"""

from bootstrap.core.decision.decisions import Decision, Hold
from bootstrap.core.model.facts import Facts
from bootstrap.core.model.predicates import pod_name
from bootstrap.core.status.summary import find_awaited

HOLD = " (hold)"
"""Stands behind the name of a rule that both waits and holds."""

VOLUME_BACK = "the volume that was there before is brought back; or `galera-bootstrap force` gives its data up"

CHOSEN = "the data that are not to stay are taken away; or `galera-bootstrap force` in the pod whose data stay"

DISCARDED = "`galera-bootstrap discard` puts this datadir aside; or that cluster ends, and all disks count again"

CHANGES = {
    # This pod alone.
    "stuck-server": "the server has stopped: then its datadir is read, and counts",
    "own-server": "the server of this pod ends: then its datadir is read, and the other rules are tried",
    "own-disk": "the container bootstrap or mysql has read the datadir",
    f"own-disk{HOLD}": "the datadir can be read and has a position; or an override, where `do` shows one",
    "options": "the option is corrected: this pod looks again every few seconds",
    "room": "the volume has room for a copy of all data: this pod looks again every few seconds",
    "start": "the first round has ended: the agent has just started",
    "order": "the server's container has carried the order of a human out",
    "journal": "the journal can be read and written: this agent tries again in every round",
    "permission": "the run folder can be written: this agent tries again in every round",
    # While a Primary Component lives.
    "two-primaries": "only one Primary Component is left",
    "promised": "{pods} is Primary, or gives its term up, or ends and starts again",
    f"promised{HOLD}": "{pods} answers again; or `galera-bootstrap discard` here",
    "quorum": "the members of that Primary Component are seen to be enough, or it notices that it has lost its quorum",
    "join": "that Primary Component ends before the join has begun",
    "other-history": DISCARDED,
    "other-branch": DISCARDED,
    "ahead-of-primary": DISCARDED,
    "beyond-fork": DISCARDED,
    # In a full outage.
    "dns": "DNS shows the pods of the Service once",
    "override": "all pods that answer have promised; or another pod becomes Primary",
    "all-heard": "{pods} is frozen and has read its datadir; or any pod is Primary; or all members of the last Primary "
    "view are heard and frozen (last-view)",
    "last-view": "a pod with a later view answers, or any pod is Primary",
    "last-one-out": "a pod with newer data answers, or any pod is Primary",
    "epoch-floor": "data of that epoch or a later one are brought back; or GALERA_BOOTSTRAP_MIN_EPOCH is lowered",
    "first-start": "a pod with data answers, or the first pod has created the database",
    "expected-data": "the volumes that have the data are brought back; or GALERA_BOOTSTRAP_EXPECT_DATA is set to no",
    "all-empty": "a volume with data is brought back; or the volumes of all pods are deleted, for a new cluster",
    "no-candidate": "a volume with usable data, or a backup, is brought back",
    "two-histories": CHOSEN,
    "two-branches": CHOSEN,
    "doubtful-transfer": VOLUME_BACK,
    "replaced-volume": VOLUME_BACK,
}
"""The name that a decision carries -> what must happen before it is another one; {pods}: those that are waited for."""


def find_change(facts: Facts, decision: Decision) -> str:
    """Return what would change this decision; empty for a rule that has no sentence."""
    key = f"{decision.rule}{HOLD}" if isinstance(decision, Hold) else decision.rule
    text = CHANGES.get(key) or CHANGES.get(decision.rule, "")
    names = ", ".join(pod_name(facts, ordinal) for ordinal in find_awaited(facts, decision))
    return text.format(pods=names or "the pod that is named")
