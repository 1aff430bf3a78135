"""What people ask this pod's agent, and the answers: status, reasons and events, an override, a discard.

Imported when the first of them asks: no pod waits for a report when it starts.
"""

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bootstrap.agent import admin_requests, recorder
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import starter_decision
from bootstrap.control.channel import MAX_LINE
from bootstrap.control.override_messages import Discard, Progress, ProgressAnswer, RequestOverride
from bootstrap.control.request import Request
from bootstrap.control.status_messages import (
    EXPLAIN_SCHEMA,
    STATUS_SCHEMA,
    ClusterStatus,
    Events,
    EventsAnswer,
    Explain,
    ExplainAnswer,
    FailedStarts,
    FailuresStatus,
    MemberStatus,
    MissingPod,
    NewestData,
    RuleAnswer,
    ServerEnd,
    Status,
    StatusAnswer,
    StatusDecision,
    TablesStatus,
)
from bootstrap.control.timeline_messages import TIMELINE_SCHEMA, PodLog, Timeline, TimelineAnswer
from bootstrap.core.decision.decide import RULES
from bootstrap.core.decision.decisions import Decision
from bootstrap.core.galera.server_version import describe_series
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.messages import PodNote
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.status import events, summary
from bootstrap.core.status.changes import find_change
from bootstrap.core.status.events import EventsReply
from bootstrap.core.status.health import describe_health
from bootstrap.core.status.place import Place
from bootstrap.core.status.steps import find_steps, what_not_to_do
from bootstrap.core.status.timeline.clocks import HeardEvents, compare_clocks
from bootstrap.core.status.transfer import describe_transfer
from bootstrap.process.program import own_command
from bootstrap.settings import Settings

REQUESTS: dict[str, type[Request[Any]]] = {
    request.op: request for request in (Status, Explain, Events, Timeline, RequestOverride, Discard, Progress)
}
"""What may be asked, by the request's name on the wire."""


ANSWER_BYTES = MAX_LINE // 2
"""Of events in one answer: it is one message on the agent's socket."""


def answer(agent: Agent, request: Request[Any]) -> object:
    """Return the answer to one of these requests."""
    match request:
        case Status():
            return describe_status(agent)
        case Explain():
            return explain(agent)
        case Events():
            return EventsAnswer(events.SCHEMA, agent.settings.pod, events.fit(agent.recorder.log, ANSWER_BYTES))
        case Timeline():
            return describe_timeline(agent)
        case RequestOverride():
            return admin_requests.request_override(agent, request)
        case Discard():
            return admin_requests.discard(agent, delete=request.delete)
        case Progress():
            return describe_progress(agent)
    raise AssertionError(request)  # pragma: no cover  # each of REQUESTS is above


def describe_timeline(agent: Agent) -> TimelineAnswer:
    """What has happened on every expected pod; the newest events, so many that the answer is one message."""
    with agent.changed:
        expected = sorted(agent.expected())
    settings = agent.settings
    names = {ordinal: settings.pod_of(ordinal) for ordinal in expected}
    replies = agent.ports.ask_events([name for ordinal, name in names.items() if ordinal != settings.ordinal])
    heard: dict[str, HeardEvents | Unknown] = {name: compare(reply) for name, reply in replies.items()}
    heard[settings.pod] = HeardEvents(agent.recorder.log, 0.0, 0.0)
    share = ANSWER_BYTES // max(1, len(names))
    logs = tuple(describe_log(names[ordinal], heard.get(names[ordinal]), share) for ordinal in expected)
    now = recorder.format_now()
    return TimelineAnswer(TIMELINE_SCHEMA, settings.pod, settings.namespace, settings.service, now, logs)


def compare(reply: EventsReply | Unknown) -> HeardEvents | Unknown:
    """What a pod has answered, with its clock compared to ours."""
    if isinstance(reply, Unknown):
        return reply
    return compare_clocks(reply.answer, recorder.wall_time(reply.asked), recorder.wall_time(reply.answered))


def describe_log(name: str, heard: HeardEvents | Unknown | None, share: int) -> PodLog:
    """What one pod has answered, in at most so many bytes."""
    if isinstance(heard, HeardEvents):
        return PodLog(name, "ok", heard.ahead_s, heard.within_s, events.fit(heard.events, share))
    return PodLog(name, f"unknown: {heard.reason if heard else 'not asked'}", 0.0, 0.0, ())


def describe_progress(agent: Agent) -> ProgressAnswer:
    """What has become of the last override or discard."""
    orders = agent.state.orders
    return ProgressAnswer(orders.outcome, orders.pending, orders.failed, agent.result.line)


def explain(agent: Agent) -> ExplainAnswer:
    """The status, and how the decision was found."""
    with agent.changed:
        facts, decided = agent.facts(), agent.result.decision
    rules = []
    for rule in RULES:
        decision = rule.answer(facts)
        rules.append(RuleAnswer(rule.name, rule.about, decision.reason if decision else None))
        if decision is not None:
            break
    status = describe_status(agent)
    same = {field.name: getattr(status, field.name) for field in fields(status)} | {"schema": EXPLAIN_SCHEMA}
    change = find_change(facts, decided)
    return ExplainAnswer(**same, rules=tuple(rules), change=change, overrides=agent.durable.overrides)


def describe_status(agent: Agent) -> StatusAnswer:
    """What is known of every pod."""
    counters = agent.recorder.counters
    with agent.changed:
        facts, decision = agent.facts(), agent.result.decision
    own, notes = facts.own, ask_notes(agent, facts)
    members = [
        describe_member(agent, o, own if o == own.ordinal else agent.peers.get(o), notes.get(o))
        for o in sorted(facts.expected)
    ]
    tables = agent.upgrade.finding
    found = find_steps(facts, decision, find_place(agent.settings), notes, tables)
    missing, awaited = summary.find_missing(facts), summary.find_awaited(facts, decision)
    return StatusAnswer(
        schema=STATUS_SCHEMA,
        pod=own.pod,
        version=agent.version,
        decision=describe_decision(agent),
        members=tuple(members),
        ahead=describe_newest_data(agent, facts),
        missing=tuple(describe_missing(agent, o, why, counters.silent) for o, why in missing.items()),
        waiting=tuple(describe_missing(agent, o, why, counters.awaited) for o, why in awaited.items()),
        join_written_bytes=agent.recorder.bytes_received,
        # A copy has ended when its server refuses the agent.
        transfer=None if agent.recorder.unheard else describe_transfer(agent.recorder.samples, facts),
        cluster=describe_cluster(agent, facts, decision),
        steps=found,
        avoid=what_not_to_do(facts, decision) if found else "",
        failures=describe_failures(agent),
        failed_starts=describe_failed_starts(agent),
        server_end=describe_server_end(agent),
        tables=TablesStatus(tables.stage, tables.reason, agent.upgrade.attempts.failures),
    )


def ask_notes(agent: Agent, facts: Facts) -> dict[int, PodNote]:
    """What this agent, and those of the pods that answered a moment ago, say to humans."""
    names = {pod.pod: pod.ordinal for pod in facts.answers}
    replies = agent.ports.ask_notes(sorted(names))
    notes = {names[name]: reply for name, reply in replies.items() if isinstance(reply, PodNote)}
    return notes | {facts.own.ordinal: agent.note()}


def describe_cluster(agent: Agent, facts: Facts, decision: Decision) -> ClusterStatus:
    """How the cluster is, and since when."""
    found, counters = describe_health(facts, decision), agent.recorder.counters
    moment = counters.health_since if counters.health == found.health else time.monotonic()
    place = agent.settings
    return ClusterStatus(place.namespace, place.service, found.health, found.line, *recorder.describe_moment(moment))


def describe_failures(agent: Agent) -> FailuresStatus | None:
    """The containers of this pod that end with an error."""
    failure = agent.recorder.failure
    if failure is None:
        return None
    return FailuresStatus(failure.container, failure.error, failure.times, *recorder.describe_moment(failure.since))


def find_place(settings: Settings) -> Place:
    """How a human's commands must name these pods, and the files in them."""
    return Place(
        settings.namespace,
        settings.set_name,
        settings.service,
        " ".join(own_command()),
        str(settings.data_root),
        str(settings.secrets.path),
    )


def describe_failed_starts(agent: Agent) -> FailedStarts | None:
    """The server's starts that have failed in a row; one of them is no news."""
    ends, settings = agent.recorder.ends, agent.settings
    if not ends.is_loop:
        return None
    # After a signal its container may go on, with the same log.
    last = agent.recorder.last_end
    of_before = "" if last and last.is_again else " --previous"
    look = find_place(settings).kubectl(f"logs {settings.pod} -c mysql{of_before} | grep -E 'ERROR|FATAL'")
    return FailedStarts(ends.times, *recorder.describe_moment(ends.since), look)


def describe_server_end(agent: Agent) -> ServerEnd | None:
    """How the server has ended, if that was not in order."""
    last = agent.recorder.last_end
    return ServerEnd(last.how, last.line, last.times, last.time, last.seconds) if last else None


def describe_decision(agent: Agent) -> StatusDecision:
    """The decision of the last round."""
    result = agent.result
    decision, phase = starter_decision(result), agent.lifecycle.phase
    ends, since_decision = agent.recorder.ends, agent.recorder.counters.since
    # A server that ends again and again has new decisions in each turn; people want to know how long it has been so.
    since, seconds = recorder.describe_moment(min(ends.since, since_decision) if ends.is_loop else since_decision)
    return StatusDecision(
        kind=decision.kind,
        action=decision.kind if phase is Phase.FROZEN else phase,
        rule=decision.rule,
        reason=decision.reason,
        first=decision.first,
        forced=decision.forced,
        adopt=decision.adopt,
        term=decision.term,
        since=since,
        seconds=seconds,
    )


def describe_member(agent: Agent, ordinal: int, known: PodState | Unknown | None, note: PodNote | None) -> MemberStatus:
    """What is known of one pod."""
    name = agent.settings.pod_of(ordinal)
    if not isinstance(known, PodState):
        return MemberStatus(name, ordinal, f"unknown: {known.reason if known else 'not asked yet'}")
    disk, server = known.disk, known.server
    position = disk.position if disk else None
    return MemberStatus(
        name,
        ordinal,
        "ok",
        phase=known.phase,
        data_class=disk.data_class if disk else None,
        detail=disk.detail if disk else None,
        uuid=server.uuid if server else position.uuid if position else None,
        seqno=server.last_committed if server else position.seqno if position else None,
        server=server,
        promise=known.promise,
        epoch=known.epoch,
        series=describe_series(known.versions.server),
        tables=describe_series(known.versions.tables),
        decision=note.kind if note else None,
        rule=note.rule if note else None,
        reason=note.reason if note else None,
        failing=note.failing if note else None,
        volume=note.volume if note else None,
    )


def describe_newest_data(agent: Agent, facts: Facts) -> NewestData | None:
    """The pods with the newest data; None if that is not known."""
    found = summary.find_ahead(facts)
    if found is None:
        return None
    names = tuple(agent.settings.pod_of(o) for o in found.ordinals)
    return NewestData(names, found.position.uuid, found.position.seqno, found.primary, found.sure)


def describe_missing(agent: Agent, ordinal: int, why: str, times: Mapping[int, float]) -> MissingPod:
    """A pod that is missing or waited for, and since when; from this moment on, if no round has counted it yet."""
    moment = times.get(ordinal, time.monotonic())
    return MissingPod(agent.settings.pod_of(ordinal), why, *recorder.describe_moment(moment))
