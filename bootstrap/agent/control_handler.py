"""The agent's side of a conversation on its socket, with a starter, a probe or a human's command.

Reads requests, calls the agent, and writes the answers; decides nothing.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bootstrap.agent import admin_requests, recorder, starters
from bootstrap.agent.agent import Agent
from bootstrap.agent.probe_view import take_view
from bootstrap.control.channel import Connection
from bootstrap.control.override_messages import Discard, Progress, ProgressAnswer, RequestOverride
from bootstrap.control.pod_messages import Health, HealthAnswer, Leave, LeaveAnswer, Members, MembersAnswer
from bootstrap.control.request import ErrorAnswer, Request
from bootstrap.control.starter_messages import (
    AgentDecision,
    AwaitAnswer,
    AwaitDecision,
    DecisionKind,
    Hello,
    HelloAnswer,
    Order,
    PermissionAnswer,
    Report,
    ReportAnswer,
    TakePermission,
)
from bootstrap.control.status_messages import (
    EXPLAIN_SCHEMA,
    STATUS_SCHEMA,
    Events,
    EventsAnswer,
    Explain,
    ExplainAnswer,
    MemberStatus,
    MissingPod,
    NewestData,
    RuleAnswer,
    Status,
    StatusAnswer,
    StatusDecision,
)
from bootstrap.core.decision import drain, join_order
from bootstrap.core.decision.decide import RULES
from bootstrap.core.decision.decisions import Bootstrap, RoundResult
from bootstrap.core.model.codec import Json, dump, load
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.status import events, probes, summary
from bootstrap.datadir import journal_hints

PATIENCE_S = 5.0
"""How long a request for a decision waits for a new one; then the same one is sent again."""

TAKE_S = 10.0
"""How long a starter's request for its permission may take: one round with peers that do not answer, and some."""

REQUESTS: dict[str, type[Request[Any]]] = {
    request.op: request
    for request in (
        Hello, Report, AwaitDecision, TakePermission, Members, Status, Explain, Events, Health, Leave, RequestOverride,
        Discard, Progress,
    )
}  # fmt: skip
"""What may be asked, by the request's name on the wire."""


def read_request(message: Json) -> Request[Any] | None:
    """Read a request; None for one that this version does not know.  Raises MessageInvalidError."""
    known = REQUESTS.get(str(message.get("op")))
    return load(known, message) if known else None


class ControlHandler:
    """Serves the agent's unix socket."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def serve(self, connection: Connection) -> None:
        """Answer until the other end closes the connection; if that was a starter, tell the agent."""
        starter = 0
        last: RoundResult | None = None
        try:
            while (message := connection.receive()) is not None:
                request = read_request(message)
                if isinstance(request, Hello):
                    starter = starters.arrive(self.agent)
                if isinstance(request, Report):
                    last = None
                if isinstance(request, AwaitDecision):
                    last = starters.wait_for_result(self.agent, last, PATIENCE_S)
                    connection.send(dump(self._decision(last, starter)))
                elif request is None:
                    connection.send(dump(ErrorAnswer(f"unknown request {str(message.get('op'))[:40]!r}")))
                else:
                    connection.send(dump(self._answer(request, starter)))
        finally:
            if starter:
                starters.leave(self.agent, starter)

    def _answer(self, request: Request[Any], starter: int) -> object:  # noqa: C901  # one line for each request
        match request:
            case Hello():
                return self._hello()
            case Report():
                return self._report(request, starter)
            case TakePermission():
                return self._take(starter)
            case Members():
                return MembersAnswer(self.agent.expected())
            case Status():
                return self._status()
            case Explain():
                return self._explain()
            case Events():
                return EventsAnswer(events.SCHEMA, self.agent.settings.pod, self.agent.recorder.log)
            case Health():
                return self._health()
            case Leave():
                return self._leave()
            case RequestOverride():
                return admin_requests.request_override(self.agent, request)
            case Discard():
                return admin_requests.discard(self.agent, delete=request.delete)
            case Progress():
                return self._progress()
        raise AssertionError(request)  # pragma: no cover  # each of REQUESTS is above

    # For starters.

    def _hello(self) -> HelloAnswer:
        agent = self.agent
        lifecycle = agent.lifecycle
        return HelloAnswer(
            ordinals=agent.expected(),
            addresses=agent.ports.fresh_addresses(),
            hints=journal_hints.from_memory(agent.durable),
            disk=lifecycle.disk,
            fingerprint=lifecycle.fingerprint,
        )

    def _report(self, report: Report, starter: int) -> ReportAnswer:
        """Take the report over; without a Hello the sender holds no lock, and its report may be wrong by now."""
        if starter:
            starters.report(self.agent, starter, report.disk, report.fingerprint)
        return ReportAnswer()

    def _decision(self, result: RoundResult, starter: int) -> AwaitAnswer:
        order = self.agent.orders.pending if starter and starter == self.agent.starter else Order.NONE
        with self.agent.changed:
            turn = join_order.turn(self.agent.facts())
        return AwaitAnswer(starter_decision(result), order, turn)

    def _take(self, starter: int) -> PermissionAnswer:
        if not starter:
            return PermissionAnswer(starter_decision(replace(self.agent.result, action=None)), ())
        decision = starter_decision(starters.take(self.agent, starter, TAKE_S))
        with self.agent.changed:
            return PermissionAnswer(decision, join_order.donors(self.agent.facts()))

    # For probes and hooks.

    def _health(self) -> HealthAnswer:
        view = take_view(self.agent)
        readiness = probes.find_readiness(view)
        return HealthAnswer(probes.is_alive(view), readiness is probes.Readiness.READY, readiness.value)

    def _leave(self) -> LeaveAnswer:
        with self.agent.changed:
            reason = drain.why_stay(self.agent.facts())
        line = f"this pod is to stop, and stays: {reason}" if reason else ""
        if self.agent.announcer.say_when_changed("leave", line) and not reason:
            self.agent.ports.log("this pod stops")
        return LeaveAnswer(reason, self.agent.lifecycle.server is not None)

    # For people.

    def _progress(self) -> ProgressAnswer:
        agent = self.agent
        return ProgressAnswer(agent.orders.outcome, agent.orders.pending, agent.orders.failed, agent.result.line)

    def _explain(self) -> ExplainAnswer:
        agent = self.agent
        with agent.changed:
            facts = agent.facts()
        rules = []
        for rule in RULES:
            decision = rule.answer(facts)
            rules.append(RuleAnswer(rule.name, rule.about, decision.reason if decision else None))
            if decision is not None:
                break
        status = self._status()
        return ExplainAnswer(
            schema=EXPLAIN_SCHEMA,
            pod=status.pod,
            version=status.version,
            decision=status.decision,
            members=status.members,
            ahead=status.ahead,
            missing=status.missing,
            waiting=status.waiting,
            join_written_bytes=status.join_written_bytes,
            helps=status.helps,
            rules=tuple(rules),
            overrides=agent.durable.overrides,
        )

    def _status(self) -> StatusAnswer:
        agent, counters = self.agent, self.agent.recorder.counters
        own = agent.pod_state()
        members = [self._member(o, own if o == own.ordinal else agent.peers.get(o)) for o in sorted(agent.expected())]
        with agent.changed:
            facts, decision = agent.facts(), agent.result.decision
        missing, awaited = summary.find_missing(facts), summary.find_awaited(facts, decision)
        return StatusAnswer(
            schema=STATUS_SCHEMA,
            pod=own.pod,
            version=agent.version,
            decision=self._status_decision(),
            members=tuple(members),
            ahead=self._newest_data(facts),
            missing=tuple(self._missing(o, why, counters.silent) for o, why in missing.items()),
            waiting=tuple(self._missing(o, why, counters.awaited) for o, why in awaited.items()),
            join_written_bytes=agent.recorder.bytes_received,
            helps=summary.suggest(facts, decision),
        )

    def _status_decision(self) -> StatusDecision:
        agent, result = self.agent, self.agent.result
        decision, phase = starter_decision(result), agent.lifecycle.phase
        since, seconds = recorder.describe_moment(agent.recorder.counters.since)
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

    def _member(self, ordinal: int, known: PodState | Unknown | None) -> MemberStatus:
        name = self.agent.settings.pod_of(ordinal)
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
        )

    def _newest_data(self, facts: Facts) -> NewestData | None:
        found = summary.find_ahead(facts)
        if found is None:
            return None
        names = tuple(self.agent.settings.pod_of(o) for o in found.ordinals)
        return NewestData(names, found.position.uuid, found.position.seqno, found.primary, found.sure)

    def _missing(self, ordinal: int, why: str, times: Mapping[int, float]) -> MissingPod:
        """A pod that is missing or waited for, and since when; from this moment on, if no round has counted it yet."""
        moment = times.get(ordinal, time.monotonic())
        return MissingPod(self.agent.settings.pod_of(ordinal), why, *recorder.describe_moment(moment))


def starter_decision(result: RoundResult) -> AgentDecision:
    """Return what a round has decided, as a starter acts on it."""
    decision = result.decision
    return AgentDecision(
        kind=DecisionKind(result.word),
        action=result.action,
        rule=decision.rule,
        reason=decision.reason,
        first=isinstance(decision, Bootstrap) and decision.first,
        forced=isinstance(decision, Bootstrap) and decision.forced,
        adopt=isinstance(decision, Bootstrap) and decision.adopt,
        history=decision.history if isinstance(decision, Bootstrap) else "",
        term=result.promise.term if result.promise else 0,
    )
