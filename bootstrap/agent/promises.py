"""Give promises to other pods, collect and end this pod's own, publish a round's result.  The rules are in `core`."""

from dataclasses import replace

from bootstrap.agent.agent import Agent
from bootstrap.agent.ports import Answer
from bootstrap.control.override_messages import OverrideOutcome, OverrideState
from bootstrap.core.decision import election, persistent_state
from bootstrap.core.decision.decisions import Bootstrap, Hold, RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import Facts, Phase, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.errors import JournalUnwritableError
from bootstrap.storage import permission


def answer_prepare(agent: Agent, request: Prepare) -> Refusal | None:
    """Another pod asks for a promise: give it durably, or say why not (R39)."""
    with agent.changed:
        if agent.persistence.error:
            return Refusal(agent.persistence.error)
        answer = election.consider(request, agent.facts())
        if isinstance(answer, Refusal):
            return answer
        if answer != agent.durable.promise:
            volumes = persistent_state.add_founders(agent.durable, [request.candidate])
            try:
                bind(agent, answer, replace(agent.durable, volumes=volumes, override=None))
            except JournalUnwritableError as exc:
                return Refusal(str(exc))
            agent.lifecycle = agent.lifecycle.abandon(answer.term)
            agent.ports.log(f"term {answer.term} is promised to {request.candidate.pod}")
        return None


def campaign(agent: Agent, facts: Facts, decision: Bootstrap, clock: int) -> RoundResult:
    """Bootstrap if all expected pods are bound to it, else ask those that are not.

    A permission needs states that were asked for in this round, after every promise was made.  So no pod has become
    Primary in between (R3, R4).
    """
    try:
        mine = open_candidacy(agent, facts)
    except JournalUnwritableError as exc:
        return RoundResult(Hold("journal", str(exc)), clock=clock)
    if mine is None:
        return RoundResult(Wait(decision.rule, "another pod asked for a promise first"), clock=clock)
    missing = election.find_unbound(replace(facts, own=agent.pod_state()), mine)
    if not missing:
        return RoundResult(decision, Action.BOOTSTRAP, mine, clock)
    replies = ask_promises(agent, facts, mine, missing)
    refusals = [f"{pod}: {r.refusal.reason}" for pod, r in replies.items() if isinstance(r, PrepareReply) and r.refusal]
    if refusals:
        abandon(agent, f"refused by {'; '.join(refusals)}")
    elif all(isinstance(reply, PrepareReply) for reply in replies.values()):
        # Not after a failed request, which may fail at once, and again in the next round.
        agent.wake.set()
    names = ", ".join(agent.settings.pod_of(ordinal) for ordinal in missing)
    waits = Wait(decision.rule, f"{decision.reason}; asking {names} for a promise")
    return RoundResult(waits, promise=None if refusals else mine, clock=clock)


def ask_promises(agent: Agent, facts: Facts, mine: Promise, missing: list[int]) -> dict[str, Answer]:
    """Ask the pods that are not bound yet, all at once; returns their replies by pod."""
    requests = {
        pod.pod: Prepare(mine, agent.pod_state(), pod.boot_id, pod.disk)
        for pod in facts.answers
        if pod.disk and pod.ordinal in missing
    }
    return agent.ports.ask_promises(requests)


def open_candidacy(agent: Agent, facts: Facts) -> Promise | None:
    """This pod's promise to itself, durable before any other pod is asked; None if it is bound to another pod by now.

    Raises JournalUnwritableError.
    """
    with agent.changed:
        own = agent.durable.promise
        if own is not None and not agent.is_mine(own):
            return None
        if own is not None and own.term > agent.lifecycle.abandoned_term:
            return own
        term = election.highest_term([agent.pod_state(), *facts.answers]) + 1
        mine = Promise(term, agent.settings.ordinal, agent.boot_id)
        bind(agent, mine, replace(agent.durable, override=None))
        return mine


def bind(agent: Agent, promise: Promise, state: PersistentState) -> None:
    """Be bound by a promise, durably, and discard the last round's result.  Raises JournalUnwritableError.

    `state` is what is remembered with it, in the same write: an override, the candidate's volume.  The lock is held.
    """
    permission.void(agent.settings.permission)
    term = max(state.highest_term, promise.term)
    agent.persistence.write(replace(state, promise=promise, highest_term=term))
    agent.promised_at = next(agent.clock)
    agent.recorder.note("promise", f"term {promise.term} is promised to {agent.settings.pod_of(promise.candidate)}")
    agent.result = RoundResult(Wait("promised", f"term {promise.term} has just been promised"))


def end_promise(agent: Agent, asked_at: int) -> None:
    """Drop a promise that has ended by a sign of its candidate; the lock is held."""
    bound = agent.durable.promise
    later = agent.answered() if asked_at > agent.promised_at else []
    if bound is None or not election.has_ended(bound, [agent.pod_state(), *later]):
        return
    agent.persistence.keep(replace(agent.durable, promise=None, override=None))
    if agent.durable.promise is None:
        agent.recorder.note("promise", f"the promise of term {bound.term} has ended")
        # The questions of a round tell peers that this pod is Primary, if they wait for that.
        agent.wake.set()


def abandon(agent: Agent, reason: str) -> None:
    """Give up a candidacy of this run of the agent, if no starter has taken its permission."""
    with agent.changed:
        bound = agent.durable.promise
        if bound is None or not agent.is_mine(bound) or agent.lifecycle.taken is not None:
            return
        permission.void(agent.settings.permission)
        if agent.active_override is not None:
            agent.orders.outcome = OverrideOutcome(bound.term, OverrideState.VOID, reason)
        agent.lifecycle = agent.lifecycle.abandon(bound.term)
        agent.persistence.keep(replace(agent.durable, promise=None, override=None))
        agent.ports.log(f"term {bound.term} is given up: {reason}")
        agent.recorder.note("promise", f"term {bound.term} is given up: {reason}")


def publish(agent: Agent, result: RoundResult) -> None:
    """Make this the result that starters get, unless another promise was made during the round."""
    with agent.changed:
        if result.action is not None and result.promise != agent.durable.promise:
            result = RoundResult(Wait("promised", "bound by a promise meanwhile"), clock=result.clock)
        # Once the starter has taken it, no second file: that would outlive the server, and could start a cluster later.
        is_wanted = result.action is Action.BOOTSTRAP and agent.lifecycle.phase is Phase.FROZEN
        if is_wanted and result.promise and not agent.settings.permission.exists():
            result = write_permission(agent, result, result.promise)
        announce(agent, result)
        agent.result = result
        agent.changed.notify_all()


def write_permission(agent: Agent, result: RoundResult, granted: Promise) -> RoundResult:
    """Write the one-shot permission that `start` uses up (R2); a hold if that is not possible."""
    try:
        permission.write(agent.settings.permission, granted.term, agent.boot_id)
    except OSError as exc:
        reason = f"{agent.settings.permission} cannot be written ({exc.strerror})"
        return RoundResult(Hold("permission", reason), clock=result.clock)
    return result


def announce(agent: Agent, result: RoundResult) -> None:
    """Log a result that says something new; what the own server does is logged as a phase."""
    is_news = result.decision.rule != "own-server"
    if is_news and agent.announcer.say_when_changed("decision", result.line):
        agent.recorder.note_decision(result)
