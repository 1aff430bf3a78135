"""The metrics of a pod for Prometheus; docs/metrics.md has each one with its unit.

Pure.  A value that is not known has no sample; it is not 0.  Without `details` there is no pod name, no uuid and no
position.
"""

from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import SYNCED, Phase
from bootstrap.core.obstacles.room import Room
from bootstrap.core.status.metrics.server_load import Load
from bootstrap.core.status.metrics.text_format import Family, Labels, counter, gauge, render, state_set
from bootstrap.core.status.probes import Details, ProbeView, Readiness, find_readiness, is_alive
from bootstrap.core.system_tables.rules import Stage

PREFIX = "galera_bootstrap"
"""The prefix of every metric's name."""

KINDS = ("none", "wait", "join", "bootstrap", "hold", "stop")
"""The kinds of decision; none = a server lives, there is nothing to decide."""


def metrics(view: ProbeView) -> str:
    """The metrics in Prometheus' text format."""
    families = basic_metrics(view)
    if view.details is not None:
        families += [*pod_metrics(view, view.details), *peer_metrics(view.details)]
    return render(PREFIX, families)


def basic_metrics(view: ProbeView) -> list[Family]:
    """The metrics that every client of the port may read."""
    server = view.server
    return [
        gauge("live", "The agent's loop is running.", is_alive(view)),
        gauge("ready", "Clients can be sent to this server.", find_readiness(view) is Readiness.READY),
        state_set(
            "decision", "What the agent has decided; none while a server lives.", "kind", KINDS, view.result.metric_kind
        ),
        gauge("server_answers", "The server reports its state.", server is not None),
        gauge("server_primary", "The server is in a Primary Component.", server.is_primary if server else None),
        gauge("server_synced", "The server is Synced.", server.local_state == SYNCED if server else None),
        gauge("cluster_size", "Members of the server's component, as it reports.", server.size if server else None),
    ]


def pod_metrics(view: ProbeView, details: Details) -> list[Family]:
    """The metrics of the own pod."""
    disk, server = view.lifecycle.disk, view.server
    here = server.uuid if server else disk.position.uuid if disk and disk.position else ""
    seqno = server.last_committed if server else disk.position.seqno if disk and disk.position else -1
    decisions = tuple(({"kind": k, "rule": r}, n) for (k, r), n in sorted(details.counters.decisions.items()))
    return [
        _info("build_info", "The agent's version.", {"version": details.version}),
        state_set("phase", "What the pod is doing.", "phase", Phase, view.lifecycle.phase),
        state_set("datadir_class", "The class of the datadir.", "class", DataClass, disk.data_class if disk else None),
        _info("cluster_info", "The history of the server, or of the datadir if no server answers.", {"uuid": here}),
        gauge("position_seqno", "The last write set in that history.", seqno if seqno >= 0 else None),
        gauge("epoch", "Term of the Primary Component that this volume was last a member of.", view.epoch),
        gauge("term", "The highest term that this pod has promised.", details.term),
        gauge("promised", "A promise binds this pod now.", details.is_promised),
        gauge("failed_starts", "Starts of the server in a row that ended before it was Synced.", details.failed_starts),
        counter("server_ends_total", "Ends of the server that were not in order.", details.ended),
        state_set("system_tables", "What is to be done with the system tables.", "stage", Stage, details.tables),
        gauge("failed_upgrades", "Upgrades of the system tables in a row that have failed.", details.failed_upgrades),
        gauge("dns_answers", "The other pods can be looked up in DNS.", details.has_dns),
        gauge("journal_usable", "The volume's journal can be read and written.", not details.has_journal_error),
        _info("decision_info", "What the agent has decided, and by which rule.", _decision(details)),
        gauge("decision_seconds", "Seconds that this has been the decision.", details.now - details.counters.since),
        Family("decisions_total", "How often the decision has changed to this one.", decisions, "counter"),
        gauge("join_written_bytes", "Bytes written to the datadir since a join was permitted.", details.bytes_received),
        gauge("certificate_expiry_timestamp_seconds", "When the certificate ends.", details.certificate_until),
        *room_metrics(details.room),
        *load_metrics(details.load),
    ]


def room_metrics(room: Room | None) -> list[Family]:
    """The metrics of the volume."""
    return [
        gauge("volume_size_bytes", "Size of the volume's file system.", room.size if room else None),
        gauge("volume_free_bytes", "Bytes of it that the server may still use.", room.free if room else None),
    ]


def load_metrics(load: Load) -> list[Family]:
    """What the server reports of its work, since its own start."""
    return [
        counter("flow_control_paused_seconds_total", "Time that flow control has stopped this server.", load.paused_s),
        counter("flow_control_sent_total", "How often it has asked the others to stop.", load.pauses_sent),
        gauge("receive_queue", "Write sets that have come and are not applied yet.", load.receive_queue),
        counter("failed_certifications_total", "Own transactions that ended at COMMIT.", load.failed_certifications),
        counter("aborts_total", "Own transactions that one of another member has aborted.", load.aborts),
        gauge("connections", "Open connections, the agent's among them.", load.connections),
        gauge("max_connections", "So many connections may be open.", load.max_connections),
        counter("connections_refused_total", "Clients that found no free connection.", load.refused),
    ]


def peer_metrics(details: Details) -> list[Family]:
    """The metrics of the other pods, by their names."""
    counters, asked = details.counters, sorted(details.counters.asked)

    def name(ordinal: int) -> str:
        return f"{details.set_name}-{ordinal}"

    up = tuple(({"peer": name(o)}, float(o not in counters.silent)) for o in asked)
    failures = tuple(({"peer": name(o)}, counters.failures.get(o, 0)) for o in asked)
    requests = tuple(({"peer": name(o)}, counters.asked[o]) for o in asked)
    waits = tuple(({"peer": name(o)}, details.now - moment) for o, moment in sorted(counters.awaited.items()))
    return [
        Family("exchange_up", "The peer's agent gave a valid answer to the last question.", up),
        Family("exchange_requests_total", "Questions to the peer's agent.", requests, "counter"),
        Family("exchange_failures_total", "Questions to the peer's agent without a valid answer.", failures, "counter"),
        Family("waiting_seconds", "Seconds for which this pod has been waiting for that peer.", waits),
    ]


def _decision(details: Details) -> Labels:
    return {"kind": details.counters.kind, "rule": details.counters.rule}


def _info(name: str, about: str, labels: Labels) -> Family:
    """Texts as labels of a sample with the value 1; no sample if a text is not known."""
    return Family(name, about, ((labels, 1.0),) if all(labels.values()) else ())
