"""What the pod's starters ask their agent for: arrive, report the datadir, wait, take the permission, leave."""

from dataclasses import replace

from bootstrap.agent.agent import Agent
from bootstrap.control.override_messages import OverrideState
from bootstrap.control.starter_messages import Order
from bootstrap.core.decision import persistent_state, quorum
from bootstrap.core.decision.decisions import Bootstrap, Hold, RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.rules_live_primary import primary_epoch
from bootstrap.core.model.disk import BLANK, Disk
from bootstrap.core.model.facts import Phase
from bootstrap.errors import JournalUnwritableError
from bootstrap.process.boot_id import kernel_boot_id


def arrive(agent: Agent) -> int:
    """A starter has connected, with the volume's lock in its hands; returns its number.

    The end of an earlier one's connection may be noticed only later: it must not be taken for the end of this one.
    """
    with agent.changed:
        agent.starter = next(agent.clock)
        agent.update_lifecycle(agent.lifecycle.arrived())
        agent.wake.set()
        agent.changed.notify_all()
        return agent.starter


def leave(agent: Agent, starter: int) -> None:
    """A starter's connection has ended: it is gone, or it has become the server."""
    with agent.changed:
        if starter == agent.starter:
            # The next starter may hold a frozen pod's lock by now: the next observation tells.
            held = agent.lifecycle.phase is not Phase.FROZEN and not agent.ports.lock_is_free()
            agent.update_lifecycle(agent.lifecycle.left(held=held))
    agent.wake.set()


def report(agent: Agent, starter: int, disk: Disk, fingerprint: str) -> None:
    """A starter has read the datadir: only results from now on count."""
    with agent.changed:
        if starter != agent.starter:
            return
        disk = quorum.with_lost_view(disk, agent.durable.lost_view)
        agent.update_lifecycle(agent.lifecycle.reported(disk, fingerprint))
        agent.learn_from_disk(disk)
        if agent.orders.pending:
            is_still_there = disk.data_class not in BLANK or disk.transfer_may_be_complete
            agent.orders.failed = agent.orders.pending if is_still_there else Order.NONE
        agent.orders.pending = Order.NONE
        agent.result = RoundResult(Wait("start", "the datadir has just been read"))
    agent.wake.set()


def wait_for_result(agent: Agent, seen: RoundResult | None, timeout: float) -> RoundResult:
    """Wait for a result that says something else than `seen`; after `timeout` seconds return the same one."""

    def is_news() -> bool:
        now = agent.result
        return now.clock > 0 and (seen is None or (now.word, now.decision) != (seen.word, seen.decision))

    with agent.changed:
        agent.changed.wait_for(is_news, timeout)
        return agent.result


def take(agent: Agent, starter: int, timeout: float) -> RoundResult:
    """Give this starter the permission of a result that was found after this call, once (R2, R3).

    The result's action is None if there is none.  A permission to join is marked in the journal first: until Synced is
    seen, the disk may be in a state transfer.
    """
    with agent.changed:
        asked = next(agent.clock)
        agent.wake.set()
        agent.changed.wait_for(lambda: agent.result.clock > asked, timeout)
        result = agent.result
        is_current = result.clock > asked and result.promise == agent.durable.promise and starter == agent.starter
        is_frozen = agent.lifecycle.phase is Phase.FROZEN
        if result.action is None or agent.orders.pending or not is_current or not is_frozen:
            return replace(result, action=None)
        try:
            agent.persistence.write(state_before(agent, result))
        except JournalUnwritableError as exc:
            return RoundResult(Hold("journal", str(exc)), clock=result.clock)
        agent.update_lifecycle(agent.lifecycle.took(result.action, result.promise.term if result.promise else 0))
        agent.recorder.note_permission(result)
        if isinstance(result.decision, Bootstrap) and result.decision.forced:
            agent.orders.outcome = agent.orders.outcome._replace(state=OverrideState.TAKEN)
        return result


def state_before(agent: Agent, result: RoundResult) -> PersistentState:
    """What is to be remembered before a starter gets this permission."""
    decision = result.decision
    if isinstance(decision, Bootstrap):
        return persistent_state.before_bootstrap(agent.durable, first=decision.first, forced=decision.forced)
    boot, epoch = kernel_boot_id(), primary_epoch(agent.facts())
    return persistent_state.before_join(agent.durable, agent.lifecycle.disk, agent.answered(), life=boot, epoch=epoch)


def order(agent: Agent, what: Order) -> None:
    """Give the starter an order about the datadir; what was found before is void.  The lock is held."""
    agent.orders.pending = what
    agent.result = RoundResult(Wait("order", f"a human has ordered: {what}"), clock=next(agent.clock))
    agent.changed.notify_all()
