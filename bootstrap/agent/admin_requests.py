"""What a human asks the agent to do by `force`, `adopt` and `discard`; each is checked against what is known now.

Nothing is done here.  An override makes this pod a candidate in the next round; a discard is an order to the starter,
which holds the volume's lock.  Both are in the journal before anything acts on them.
"""

import uuid
from datetime import UTC, datetime

from bootstrap.agent.agent import Agent
from bootstrap.control.override_messages import (
    DiscardAnswer,
    OverrideAnswer,
    RequestOverride,
    SurveyAnswer,
    SurveyedPod,
)
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Hold
from bootstrap.core.decision.override import OverrideSurvey, survey_pods, why_not_silent
from bootstrap.core.model.facts import Facts, Override, Phase
from bootstrap.core.model.predicates import disk_of, is_silent, pod_name, primaries, why_quorum_uncertain
from bootstrap.core.model.shapes import MAX_TEXT
from bootstrap.core.model.text import one_line
from bootstrap.core.participant import human_orders
from bootstrap.core.participant.orders import Order

FRESH_S = 20.0
"""How long a round that begins after the human's request may take, with peers that do not answer."""

NO_ROUND = "the agent's loop has ended no round since it was asked: ask again"


def wait_for_round(agent: Agent) -> Facts | None:
    """Return what is known from a round that began after this call; None if none ended in time."""
    return agent.facts() if agent.wait_for_round(FRESH_S) else None


def request_override(agent: Agent, request: RequestOverride) -> OverrideAnswer:
    """Answer what an override would need, or accept it; `refusal` is empty if it is accepted."""
    with agent.changed:
        facts = wait_for_round(agent)
        if facts is None:
            return OverrideAnswer(NO_ROUND)
        found = survey_pods(facts, adopt=request.adopt)
        survey = survey_answer(facts, found)
        refusal = agent.state.fault or found.refusal or why_unneeded(facts, found, adopt=request.adopt)
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
    """Accept an override that was checked; returns why that was not possible, empty = it was."""
    override = Override(found.epoch, found.base, found.unreachable, found.ahead, adopt, str(uuid.uuid4()))
    lost = names(facts, found.unreachable | found.ahead | found.data_lost)
    given_up = [f"{name} ({line})" for name, line in found.lines if name in lost]
    line = (
        f"{'adopt' if adopt else 'force'} epoch {override.epoch} from {override.base or 'data without a position'}, "
        f"without {', '.join(given_up) or 'giving up any pod'}"
    )
    return agent.step(human_orders.accept_override, override, f"override: {line}", with_time(line))


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
            agent.state.fault
            or why_not_discardable(facts, delete=delete)
            or ("" if agent.lifecycle.starter else "no starter holds this volume's lock")
        )
        if refusal:
            return DiscardAnswer(refusal)
        line = f"discard {disk.data_class} {disk.position or 'without a position'}{', deleted' if delete else ''}"
        order, ends = Order.DELETE if delete else Order.DISCARD, is_promised_to_silent_pod(facts)
        refusal = agent.step(human_orders.order_discard, order, f"override: {line}", with_time(line), ends_promise=ends)
        return DiscardAnswer(refusal, "" if refusal else line)


def why_not_discardable(facts: Facts, *, delete: bool = False) -> str:
    """Why the datadir must not be discarded.

    Without a cluster that certainly lives, what is here may be the newest of all.  What is put aside stays on the
    volume, beside the full copy: without room that ends as half a copy, where the missing part alone might have fitted.
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
    if not isinstance(decision, Hold):
        return f"this pod does not hold: {decision.reason} [{decision.rule}]"
    if not delete and (decision.rule == "room" or disk_of(facts.own).is_out_of_room):
        return "what is put aside stays on the volume, and there is no room for a full copy beside it: make room first"
    return ""


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
        better=names(facts, found.better),
    )


def names(facts: Facts, ordinals: frozenset[int]) -> tuple[str, ...]:
    """The pods of these ordinals."""
    return tuple(pod_name(facts, o) for o in sorted(ordinals))


def with_time(line: str) -> str:
    """The line for the journal's list of overrides; the time is for humans, no decision reads it (R33)."""
    return one_line(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", MAX_TEXT)
