"""The agent's side of a conversation on its socket, with a starter, a probe or a human's command.

Reads requests, calls the agent, and writes the answers; decides nothing.  `status_answers` answers people.
"""

from dataclasses import replace
from typing import Any

from bootstrap.agent import starters, system_tables
from bootstrap.agent.agent import Agent
from bootstrap.agent.probe_server import take_view
from bootstrap.control.channel import Connection
from bootstrap.control.pod_messages import ExpectedPods, ExpectedPodsAnswer, Health, HealthAnswer, Leave, LeaveAnswer
from bootstrap.control.request import ErrorAnswer, Request
from bootstrap.control.starter_messages import (
    AgentDecision,
    AwaitAnswer,
    AwaitDecision,
    Container,
    DecisionKind,
    Ended,
    EndedAnswer,
    Failed,
    FailedAnswer,
    Hello,
    HelloAnswer,
    PermissionAnswer,
    Report,
    ReportAnswer,
    TakePermission,
)
from bootstrap.control.upgrade_messages import AwaitUpgrade, Upgraded
from bootstrap.core.decision import drain, join_order
from bootstrap.core.decision.decisions import Bootstrap, RoundResult
from bootstrap.core.model.codec import Json, dump
from bootstrap.core.participant.orders import Order
from bootstrap.core.status import probes
from bootstrap.core.system_tables import rules
from bootstrap.datadir import journal_hints

PATIENCE_S = 5.0
"""How long a request for a decision waits for a new one; then the same one is sent again."""

TAKE_S = 10.0
"""How long a starter's request for its permission may take: one round with peers that do not answer, and some."""

REQUESTS: dict[str, type[Request[Any]]] = {
    request.op: request
    for request in (
        *(Hello, Report, AwaitDecision, TakePermission, Failed, Ended, AwaitUpgrade, Upgraded),
        *(ExpectedPods, Health, Leave),
    )
}
"""What the containers of the pod ask, by the request's name on the wire; `status_answers` has what people ask."""


def read_request(message: Json) -> Request[Any] | None:
    """Read a request; None for one that this version does not know.  Raises MessageInvalidError."""
    op = str(message.get("op"))
    known = REQUESTS.get(op)
    if known is None:
        from bootstrap.agent import status_answers  # noqa: PLC0415  # most agents are never asked, and each start is shorter

        known = status_answers.REQUESTS.get(op)
    return known.read(message) if known else None


class ControlHandler:
    """Serves the agent's unix socket."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def serve(self, connection: Connection) -> None:
        """Answer until the other end closes the connection; if that was a starter, tell the agent."""
        starter, upgrader = 0, system_tables.Upgrader(self.agent)
        last: RoundResult | None = None
        try:
            while (message := connection.receive()) is not None:
                request = read_request(message)
                if isinstance(request, Hello):
                    starter = starters.arrive(self.agent, request.told)
                if isinstance(request, Report):
                    last = None
                if isinstance(request, AwaitUpgrade | Upgraded):
                    connection.send(dump(upgrader.answer(request, PATIENCE_S)))
                elif isinstance(request, AwaitDecision):
                    last = starters.wait_for_result(self.agent, last, PATIENCE_S)
                    connection.send(dump(self._decision(last, starter)))
                elif request is None:
                    connection.send(dump(ErrorAnswer(f"unknown request {str(message.get('op'))[:40]!r}")))
                else:
                    connection.send(dump(self._answer(request, starter)))
        finally:
            upgrader.leave()
            if starter:
                starters.leave(self.agent, starter)

    def _answer(self, request: Request[Any], starter: int) -> object:
        match request:
            case Hello():
                return self._hello()
            case Report():
                return self._report(request, starter)
            case TakePermission():
                return self._take(starter)
            case Failed():
                self.agent.recorder.note_failure(request.container, request.error)
                return FailedAnswer()
            case Ended():
                self.agent.recorder.note_end(request.how, request.error, again=request.again)
                return EndedAnswer()
            case ExpectedPods():
                return ExpectedPodsAnswer(self.agent.expected())
            case Health():
                return self._health()
            case Leave():
                return self._leave()
        from bootstrap.agent import status_answers  # noqa: PLC0415  # see above

        return status_answers.answer(self.agent, request)

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
            self.agent.recorder.clear_failure(Container.BOOTSTRAP)
        return ReportAnswer()

    def _decision(self, result: RoundResult, starter: int) -> AwaitAnswer:
        order = self.agent.state.orders.pending if starter and starter == self.agent.starter else Order.NONE
        with self.agent.changed:
            facts = self.agent.facts()
        turn, donor_bytes = join_order.turn(facts), join_order.donor_bytes(facts)
        return AwaitAnswer(starter_decision(result), order, turn, donor_bytes)

    def _take(self, starter: int) -> PermissionAnswer:
        if not starter:
            return PermissionAnswer(starter_decision(replace(self.agent.result, action=None)), (), ())
        decision = starter_decision(starters.take(self.agent, starter, TAKE_S))
        with self.agent.changed:
            facts = self.agent.facts()
        return PermissionAnswer(decision, join_order.donors(facts), rules.list_of_members(facts))

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
