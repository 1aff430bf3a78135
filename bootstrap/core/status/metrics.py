"""What Prometheus is told of a pod; docs/metrics.md has each one with its unit.

Pure.  What is not known has no sample, rather than 0.  Without `details` nothing names a pod, a uuid or a position.
"""

from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Phase
from bootstrap.core.status.probes import Details, ProbeView, Readiness, find_readiness, is_alive
from bootstrap.core.status.prometheus import Family, Labels, gauge, one_of, render

PREFIX = "galera_bootstrap"
"""What every metric's name begins with."""

KINDS = ("none", "wait", "join", "bootstrap", "hold", "stop")
"""What a decision may be told as; none = a server lives, there is nothing to decide."""


def metrics(view: ProbeView) -> str:
    """The metrics in Prometheus' text format."""
    families = basic(view)
    if view.details is not None:
        families += [*of_the_pod(view, view.details), *of_the_peers(view.details)]
    return render(PREFIX, families)


def basic(view: ProbeView) -> list[Family]:
    """What whoever reaches the port may know."""
    server = view.server
    return [
        gauge("live", "The agent's loop goes round.", is_alive(view)),
        gauge("ready", "Clients may be sent to this server.", find_readiness(view) is Readiness.READY),
        one_of(
            "decision", "What the agent has decided; none while a server lives.", "kind", KINDS, view.result.metric_kind
        ),
        gauge("server_answers", "The server tells its state.", server is not None),
        gauge("server_primary", "The server is in a Primary Component.", server.is_primary if server else None),
        gauge("server_synced", "The server is Synced.", server.local_state == "Synced" if server else None),
        gauge("cluster_size", "Members of the server's component, as it says.", server.size if server else None),
    ]


def of_the_pod(view: ProbeView, told: Details) -> list[Family]:
    """What is known of the own pod."""
    disk, server = view.lifecycle.disk, view.server
    here = server.uuid if server else disk.position.uuid if disk and disk.position else ""
    seqno = server.last_committed if server else disk.position.seqno if disk and disk.position else -1
    decisions = tuple(({"kind": k, "rule": r}, n) for (k, r), n in sorted(told.counters.decisions.items()))
    return [
        _info("build_info", "The agent's version.", {"version": told.version}),
        one_of("phase", "What the pod is doing.", "phase", Phase, view.lifecycle.phase),
        one_of(
            "datadir_class", "What was found on the datadir.", "class", DataClass, disk.data_class if disk else None
        ),
        _info("cluster_info", "The history that the server, or else the datadir, is of.", {"uuid": here}),
        gauge("position_seqno", "How far in that history.", seqno if seqno >= 0 else None),
        gauge("epoch", "Term of the Primary Component that this volume was last a member of.", view.epoch),
        gauge("term", "The highest term that this pod has promised.", told.term),
        gauge("promised", "A promise binds this pod now.", told.is_promised),
        gauge("journal_usable", "The volume's journal can be read and written.", not told.has_journal_error),
        _info("decision_info", "What the agent has decided, by which rule.", _decision(told)),
        gauge("decision_seconds", "For how long it has been deciding so.", told.now - told.counters.since),
        Family("decisions_total", "How often the decision has become this one.", decisions, "counter"),
        gauge("join_written_bytes", "What came to the datadir since a join was permitted.", told.bytes_received),
    ]


def of_the_peers(told: Details) -> list[Family]:
    """What is known of the others, by their names."""
    tally, asked = told.counters, sorted(told.counters.asked)

    def name(ordinal: int) -> str:
        return f"{told.set_name}-{ordinal}"

    up = tuple(({"peer": name(o)}, float(o not in tally.silent)) for o in asked)
    failures = tuple(({"peer": name(o)}, tally.failures.get(o, 0)) for o in asked)
    requests = tuple(({"peer": name(o)}, tally.asked[o]) for o in asked)
    waits = tuple(({"peer": name(o)}, told.now - moment) for o, moment in sorted(tally.awaited.items()))
    return [
        Family("exchange_up", "The peer's agent answered the last question.", up),
        Family("exchange_requests_total", "Questions to the peer's agent.", requests, "counter"),
        Family("exchange_failures_total", "Those without an answer that counts.", failures, "counter"),
        Family("waiting_seconds", "For how long this pod has been waiting for that peer.", waits),
    ]


def _decision(told: Details) -> Labels:
    return {"kind": told.counters.kind, "rule": told.counters.rule}


def _info(name: str, about: str, labels: Labels) -> Family:
    """Words as labels of a 1; empty where a word is not known."""
    return Family(name, about, ((labels, 1.0),) if all(labels.values()) else ())
