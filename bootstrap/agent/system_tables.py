"""The agent's part in the upgrade of the system tables: it gives the order, and counts what becomes of it.

The program beside the server does it (`starter/system_tables`): it has the server's image and the password of root,
and the agent has neither.
"""

import time

from bootstrap.agent.agent import Agent
from bootstrap.control.upgrade_messages import AwaitUpgrade, UpgradeAnswer, Upgraded, UpgradedAnswer, UpgradeOrder
from bootstrap.core.system_tables import rules
from bootstrap.core.system_tables.rules import Stage

FRESH_S = 20.0
"""How long a round that begins after the program has asked may take, with peers that do not answer."""


class Upgrader:
    """The program beside the server, on one connection."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.is_ordered = False
        """Whether it has an order, and has not reported the result yet."""

    def answer(self, request: AwaitUpgrade | Upgraded, seconds: float) -> UpgradeAnswer | UpgradedAnswer:
        """Give it its next order, after so many seconds at most, or take its result."""
        if isinstance(request, Upgraded):
            self._end(request.error)
            return UpgradedAnswer()
        order = await_order(self.agent, seconds)
        self.is_ordered = self.is_ordered or order is UpgradeOrder.RUN
        return UpgradeAnswer(order)

    def leave(self) -> None:
        """The connection has ended; without a result, the upgrade has failed."""
        self._end("the server or its container has ended meanwhile")

    def _end(self, error: str) -> None:
        if self.is_ordered:
            end(self.agent, error)
        self.is_ordered = False


def judge_tables(agent: Agent) -> None:
    """Find out at the end of a round what is to be done with the tables; log it when that changes."""
    with agent.changed:
        upgrade = agent.upgrade
        finding = rules.judge(agent.facts(), upgrade.attempts, is_on=agent.settings.upgrade_tables)
        upgrade.finding = finding
    # Each attempt has a line of its own, and nothing is to be said of tables that were never behind.
    if finding.stage in (Stage.OFF, Stage.WAITING):
        agent.announcer.say_when_changed("system tables", f"the system tables: {finding.reason}")


def await_order(agent: Agent, seconds: float) -> UpgradeOrder:
    """Wait until the tables may be upgraded, by a round that began after this call (R43), or need no upgrade."""
    with agent.changed:
        agent.changed.wait_for(lambda: _order(agent) is not UpgradeOrder.WAIT, seconds)
        if _order(agent) is not UpgradeOrder.RUN:
            return _order(agent)
        if not agent.wait_for_round(FRESH_S) or _order(agent) is not UpgradeOrder.RUN:
            return UpgradeOrder.WAIT
        agent.upgrade.attempts = agent.upgrade.attempts.begun()
        judge_tables(agent)  # so that `status` does not call it due until the next round
        versions = agent.state.versions
    old, new = rules.describe(versions.tables), rules.describe(versions.server)
    agent.log_event("upgrade", f"upgrading the system tables from {old} to {new}")
    return UpgradeOrder.RUN


def _order(agent: Agent) -> UpgradeOrder:
    upgrade = agent.upgrade
    if upgrade.finding.is_over:
        return UpgradeOrder.END
    may_begin = upgrade.finding.may_begin and not upgrade.attempts.is_running and time.monotonic() >= upgrade.due_at
    return UpgradeOrder.RUN if may_begin else UpgradeOrder.WAIT


def end(agent: Agent, error: str) -> None:
    """The upgrade that was ordered has ended; with an error, it has failed."""
    with agent.changed:
        upgrade = agent.upgrade
        attempts = upgrade.attempts = upgrade.attempts.ended(error)
        upgrade.due_at = time.monotonic() + attempts.pause_s
    text = "the system tables are upgraded"
    if error:
        text = f"the system tables are not upgraded, and that is tried again in {attempts.pause_s:.0f} s: {error}"
    agent.log_event("upgrade", text)
    agent.wake.set()
