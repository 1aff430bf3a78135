"""The conversation with the agent: report the datadir, wait for a decision, take the permission.

The permission is taken once, and by the process that becomes the server.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from bootstrap.control import channel
from bootstrap.control.starter_messages import (
    AgentDecision,
    AwaitAnswer,
    AwaitDecision,
    Ended,
    Hello,
    PermissionAnswer,
    Report,
    TakePermission,
)
from bootstrap.core.model.action import Action
from bootstrap.core.participant.orders import Order
from bootstrap.errors import AgentUnreachableError
from bootstrap.mariadb import pod_config
from bootstrap.process.announcer import Announcer
from bootstrap.settings import Settings
from bootstrap.starter.inspection import Inspection, ReportOutdatedError
from bootstrap.starter.obstacles import Needs
from bootstrap.starter.pod import Pod
from bootstrap.starter.restarts import Past

AGENT_PATIENCE_S = 60.0
"""How long an agent may be away before the starter ends and leaves the rest to the kubelet."""

AGAIN_S = 0.2
"""The pause before another report, so that an agent that always hangs up is not asked in a busy loop."""

INSPECT_AGAIN_S = 20.0
"""The time between two inspections of a datadir that cannot be read: its cure should not need a new pod."""

JOIN_APART_S = 0.6
"""The time between the starts of two joiners: Galera's group takes in one after the other.

A joiner that comes while the group takes in another one makes a view of its own first, and the group receives it two
seconds later (gmcast.cpp, reconnecting).  Measured from the first Primary to the third Synced member, medians of six:
4.2 s with joiners that start together, 3.9 s, 3.6 s and 3.9 s with 0.3, 0.6 and 1 s between them.
"""

TURNS = 8
"""A joiner waits for at most this many others."""


Answer = TypeVar("Answer")


class Session:
    """One starter's conversation, with any number of runs of the agent."""

    def __init__(self, pod: Pod, inspection: Inspection, announcer: Announcer, past: Past = Past()) -> None:  # noqa: B008 - a value
        self.pod = pod
        self.inspection = inspection
        self.announcer = announcer
        self.unsent_end = Ended(past.how, past.error, again=True) if past.how else None
        """How the server before this start has ended, until the agent knows it."""

    def ask(self, question: Callable[[channel.Client], Answer]) -> tuple[channel.Client, Answer]:
        """Report the datadir, then ask the question, until there is an answer, over any number of runs of the agent.

        The connection stays open: as long as it is, the agent counts on this starter.
        """
        while True:
            client = channel.connect(self.pod.settings.agent_socket, AGENT_PATIENCE_S, self.pod.log)
            try:
                self.report(client)
                return client, question(client)
            except (AgentUnreachableError, ReportOutdatedError) as exc:
                client.close()
                self.pod.log(f"{exc}; reporting again")
                time.sleep(AGAIN_S)

    def report(self, client: channel.Client) -> None:
        """Write my-galera.cnf, and report the datadir to the agent as frozen; the lock must be held."""
        if self.unsent_end:
            client.ask(self.unsent_end)
            self.unsent_end = None
        hello = client.ask(Hello(self.pod.ordinals or None))
        pod, ordinals = self.pod, hello.ordinals | self.pod.ordinals
        pod_config.write(pod.settings, pod.secrets.cluster_id, pod.directory, ordinals, hello.addresses)
        disk = self.inspection.ensure(hello.hints, hello.disk, hello.fingerprint)
        client.ask(Report(disk, self.inspection.fingerprint))

    def wait(self, client: channel.Client, is_enough: Callable[[AgentDecision], bool]) -> AwaitAnswer:
        """Wait for a decision that is enough; each change of the decision is logged.

        Raises ReportOutdatedError when what was reported may not be true any more.
        """
        announcer, inspected = Announcer(self.pod.log), time.monotonic()
        while True:
            answer = client.ask(AwaitDecision())
            decision = answer.decision
            announcer.say_when_changed("decision", decision.line)
            if is_enough(decision):
                return answer
            self.inspection.check_unchanged()
            self.inspection.look_again()
            if self.inspection.is_backup and decision.rule == "own-disk":
                self.adopt_restored()
            if answer.order is not Order.NONE:
                self.inspection.put_aside(delete=answer.order is Order.DELETE)
            if time.monotonic() - inspected > INSPECT_AGAIN_S:
                if disk := self.inspection.inspect_again():
                    client.ask(Report(disk, self.inspection.fingerprint))
                announcer, inspected = Announcer(self.pod.log), time.monotonic()

    def take(self, client: channel.Client) -> PermissionAnswer:
        """Wait for a permission and take it; if the decision has changed by then, wait again."""
        while True:
            permitted = self.wait(client, may_start)
            wait_for_turn(permitted)
            self.inspection.check_unchanged()
            self.inspection.check_start(find_needs(permitted, self.pod.settings))
            answer = client.ask(TakePermission())
            if may_start(answer.decision):
                return answer

    def adopt_restored(self) -> None:
        """Give the override `adopt` for data that a human has restored: to order the restore was to decide this.

        The agent treats it as any override: it takes effect only when all other pods answer, are empty and were never
        members.
        """
        from bootstrap.control.override_messages import RequestOverride  # noqa: PLC0415  # after a restore only

        client = channel.Client(self.pod.settings.agent_socket)
        try:
            answer = client.ask(RequestOverride(adopt=True))
            if answer.survey is not None and not answer.refusal:
                answer = client.ask(RequestOverride(answer.survey.epoch, adopt=True))
        finally:
            client.close()
        line = answer.refusal or "all others are empty: the restored data start a new history"
        self.announcer.say_when_changed("restored data", line)


def may_start(decision: AgentDecision) -> bool:
    """Whether this pod may start its server."""
    return decision.action is not None


def find_needs(answer: AwaitAnswer, settings: Settings) -> Needs:
    """What the start needs that this answer permits."""
    decision = answer.decision
    creates = settings if decision.first else None
    return Needs(joins=decision.action is Action.JOIN, creates=creates, donor_bytes=answer.donor_bytes)


def wait_for_turn(answer: AwaitAnswer) -> None:
    """If several pods are to join, wait for this one's turn; if the cluster is lost meanwhile, `take` finds out."""
    if answer.decision.action is Action.JOIN:
        time.sleep(JOIN_APART_S * min(answer.turn, TURNS))
