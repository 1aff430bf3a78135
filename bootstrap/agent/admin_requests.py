"""What a human asks the agent to do by `force`, `adopt` and `discard`; each is checked against what is known now.

Nothing is done here.  An override makes this pod a candidate in the next round; a discard is an order to the starter,
which holds the volume's lock.  Both are in the journal before anything acts on them.
"""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from bootstrap.agent import starters
from bootstrap.agent.agent import Agent
from bootstrap.agent.promises import abandon, bind
from bootstrap.control.override_messages import (
    DiscardAnswer,
    OverrideAnswer,
    OverrideOutcome,
    RequestOverride,
    SurveyAnswer,
    SurveyedPod,
)
from bootstrap.control.starter_messages import Order
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Hold
from bootstrap.core.decision.election import highest_term
from bootstrap.core.decision.override import OverrideSurvey, survey_pods, why_not_silent
from bootstrap.core.model.facts import Facts, Override, Phase, Promise
from bootstrap.core.model.predicates import disk_of, is_silent, pod_name, primaries, why_quorum_uncertain
from bootstrap.core.model.shapes import MAX_TEXT
from bootstrap.core.model.text import one_line
from bootstrap.errors import JournalUnwritableError
from bootstrap.process.boot_id import kernel_boot_id

FRESH_S = 20.0
"""How long a round that begins after the human's request may take, with peers that do not answer."""

KEPT = 20
"""How many overrides the journal keeps, the newest ones."""

NO_ROUND = "the agent's loop has ended no round since it was asked: ask again"


def wait_for_round(agent: Agent) -> Facts | None:
    """Return what is known from a round that began after this call; None if none ended in time."""
    asked = next(agent.clock)
    agent.wake.set()
    agent.changed.wait_for(lambda: agent.result.clock > asked, FRESH_S)
    return agent.facts() if agent.result.clock > asked else None


def request_override(agent: Agent, request: RequestOverride) -> OverrideAnswer:
    """Answer what an override would need, or accept it; `refusal` is empty if it is accepted."""
    with agent.changed:
        facts = wait_for_round(agent)
        if facts is None:
            return OverrideAnswer(NO_ROUND)
        found = survey_pods(facts, adopt=request.adopt)
        survey = survey_answer(facts, found)
        refusal = agent.persistence.error or found.refusal or why_unneeded(facts, found, adopt=request.adopt)
        if request.epoch is None:
            return OverrideAnswer(refusal, survey)
        refusal = refusal or find_mismatch(facts, found, request)
        return OverrideAnswer(refusal or accept_override(agent, facts, found, adopt=request.adopt), survey)


def why_unneeded(facts: Facts, found: OverrideSurvey, *, adopt: bool) -> str:
    """Why no override is needed: the rules will find an answer by themselves."""
    if facts.own.override is not None:
        return f"an override for epoch {facts.own.override.epoch} is under way"
    decision = decide(facts)
    if found.unreachable or found.ahead or adopt or isinstance(decision, Hold):
        return ""
    return f"it is not needed: all pods have answered ({decision.reason} [{decision.rule}])"


def find_mismatch(facts: Facts, found: OverrideSurvey, request: RequestOverride) -> str:
    """How the request differs from what is known now; empty = it does not.

    The human must name each pod that is given up, and no other: what was shown may have changed since.
    """
    if request.epoch != found.epoch:
        return f"epoch {request.epoch} is not the next one, {found.epoch}: look again, things have changed"
    unreachable, ahead = frozenset(names(facts, found.unreachable)), frozenset(names(facts, found.ahead))
    differences = {
        "does not answer and is not named by --without": unreachable - request.without,
        "may hold more and is not named by --although-ahead": ahead - request.although_ahead,
        "is named by --without, and answers or is no pod of this set": request.without - unreachable,
        "is named by --although-ahead, and is not ahead": request.although_ahead - ahead,
    }
    return next((f"{', '.join(sorted(pods))} {what}: look again" for what, pods in differences.items() if pods), "")


def accept_override(agent: Agent, facts: Facts, found: OverrideSurvey, *, adopt: bool) -> str:
    """Accept an override: write it to the journal, with this pod's promise to itself, before any other pod is asked.

    Returns why that was not possible; empty = it was.
    """
    abandon(agent, "a human has given an override")
    override = Override(found.epoch, found.base, found.unreachable, found.ahead, adopt, str(uuid.uuid4()))
    if found.epoch <= highest_term([agent.pod_state()]):
        return f"epoch {found.epoch} has been used meanwhile: look again"
    lost = names(facts, found.unreachable | found.ahead | found.data_lost)
    given_up = [f"{name} ({line})" for name, line in found.lines if name in lost]
    line = (
        f"{'adopt' if adopt else 'force'} epoch {override.epoch} from {override.base or 'data without a position'}, "
        f"without {', '.join(given_up) or 'giving up any pod'}"
    )
    try:
        promise = Promise(override.epoch, agent.settings.ordinal, agent.boot_id)
        bind(agent, promise, replace(agent.durable, override=override, overrides=add_note(agent, line)))
    except JournalUnwritableError as exc:
        return str(exc)
    agent.orders.outcome = OverrideOutcome(override.epoch)
    agent.ports.log(f"override: {line}")
    agent.recorder.note("override", line)
    agent.wake.set()
    return ""


def discard(agent: Agent, *, delete: bool) -> DiscardAnswer:
    """Order the starter to put this pod's datadir aside; `refusal` is empty if that was ordered."""
    with agent.changed:
        facts = wait_for_round(agent)
        if facts is not None and primaries(facts) and not facts.is_primary_confirmed:
            facts = wait_for_round(agent)
        if facts is None:
            return DiscardAnswer(NO_ROUND)
        disk = disk_of(facts.own)
        refusal = (
            agent.persistence.error
            or why_not_discardable(facts)
            or ("" if agent.lifecycle.starter else "no starter holds this volume's lock")
        )
        if refusal:
            return DiscardAnswer(refusal)
        line = f"discard {disk.data_class} {disk.position or 'without a position'}{', deleted' if delete else ''}"
        try:
            # The joining mark says that this disk's data count for nothing; it ends at Synced as after every join.
            durable = replace(agent.durable, joining_boot_id=kernel_boot_id(), overrides=add_note(agent, line))
            if is_promised_to_silent_pod(facts):
                durable = replace(durable, promise=None, override=None)
            agent.persistence.write(durable)
        except JournalUnwritableError as exc:
            return DiscardAnswer(str(exc))
        agent.ports.log(f"override: {line}")
        agent.recorder.note("override", line)
        starters.order(agent, Order.DELETE if delete else Order.DISCARD)
        return DiscardAnswer("", line)


def why_not_discardable(facts: Facts) -> str:
    """Why the datadir must not be discarded.

    Without a cluster that certainly lives, what is here may be the newest of all.
    """
    alive = primaries(facts)
    uuids = {server.uuid for server in alive.values()}
    if facts.own.phase is not Phase.FROZEN:
        return f"this pod is {facts.own.phase}, it does not hold"
    if why := why_not_silent(facts):
        return why
    if not uuids:
        return "no Primary Component is known: the data here may be the newest of all"
    if len(uuids) > 1:
        return f"two clusters are alive, {' and '.join(sorted(uuids))}: stop the wrong one first"
    if why := why_quorum_uncertain(facts):
        return f"{why}; the data here may be the newest of all: wait until that is known"
    if not facts.is_primary_confirmed:
        return f"the Primary Component of {pod_name(facts, min(alive))} has just changed: try again in a moment"
    decision = decide(facts)
    return "" if isinstance(decision, Hold) else f"this pod does not hold: {decision.reason} [{decision.rule}]"


def is_promised_to_silent_pod(facts: Facts) -> bool:
    """Whether a discard also ends a promise: one to a pod that does not answer would block the join."""
    promise = facts.own.promise
    return promise is not None and promise.candidate != facts.own.ordinal and is_silent(facts, promise.candidate)


def survey_answer(facts: Facts, found: OverrideSurvey) -> SurveyAnswer:
    """Return the survey by the pods' names, as a human sees it."""
    return SurveyAnswer(
        pod=facts.own.pod,
        epoch=found.epoch,
        base=str(found.base) if found.base else None,
        members=tuple(SurveyedPod(name, line) for name, line in found.lines),
        unreachable=names(facts, found.unreachable),
        refusing=names(facts, found.refusing),
        ahead=names(facts, found.ahead),
    )


def names(facts: Facts, ordinals: frozenset[int]) -> tuple[str, ...]:
    """The pods of these ordinals."""
    return tuple(pod_name(facts, o) for o in sorted(ordinals))


def add_note(agent: Agent, line: str) -> tuple[str, ...]:
    """Return the journal's list of overrides with one more; the time is for humans, no decision reads it (R33)."""
    note = one_line(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", MAX_TEXT)
    return (*agent.durable.overrides, note)[-KEPT:]
