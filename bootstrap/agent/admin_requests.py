"""What an operator says to an agent: look, force, adopt, discard; each is checked against what is known now.

Nothing is done here: a word taken makes this pod stand for election in the next round, and an errand is the starter's,
who holds the volume's lock.  Both are in the journal before anybody acts on them.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bootstrap.agent import starters
from bootstrap.agent.agent import Agent
from bootstrap.agent.promises import abandon, bind
from bootstrap.control.messages import OverrideOutcome
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Hold
from bootstrap.core.decision.election import highest_term
from bootstrap.core.decision.override import OverrideSurvey, survey_pods
from bootstrap.core.model.codec import Json
from bootstrap.core.model.facts import Facts, Override, Phase, Promise, Unknown
from bootstrap.core.model.predicates import disk_of, pod_name, primaries
from bootstrap.core.model.shapes import MAX_TEXT
from bootstrap.core.model.text import one_line
from bootstrap.errors import JournalUnwritableError
from bootstrap.process.boot_id import kernel_boot_id

FRESH_S = 20.0
"""How long a round that begins after the operator has spoken may take, with silent peers."""

KEPT = 20
"""How many of the operators' decisions the journal keeps, the newest ones."""

NO_ROUND = "the agent's loop has not come round since it was asked: ask again"


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """What stood on the operator's command line; without an epoch it is only a question."""

    epoch: int | None = None
    without: frozenset[str] = frozenset()
    although_ahead: frozenset[str] = frozenset()
    adopt: bool = False


def wait_for_round(agent: Agent) -> Facts | None:
    """What is known from a round that began after this call; None when none came."""
    asked = next(agent.clock)
    agent.wake.set()
    agent.changed.wait_for(lambda: agent.result.clock > asked, FRESH_S)
    return agent.facts() if agent.result.clock > asked else None


def request_override(agent: Agent, said: OverrideRequest) -> Json:
    """Answer a question about a forced start, or take the operator's word; `refusal` is empty where it was taken."""
    with agent.changed:
        facts = wait_for_round(agent)
        if facts is None:
            return {"refusal": NO_ROUND}
        found = survey_pods(facts, adopt=said.adopt)
        answer = survey_json(facts, found)
        refusal = agent.persistence.error or found.refusal or why_unneeded(facts, found, adopt=said.adopt)
        if said.epoch is None:
            return {**answer, "refusal": refusal}
        refusal = refusal or find_mismatch(facts, found, said)
        return {**answer, "refusal": refusal or accept_override(agent, facts, found, adopt=said.adopt)}


def why_unneeded(facts: Facts, found: OverrideSurvey, *, adopt: bool) -> str:
    """Why no word is needed, where the rules will find an answer by themselves."""
    if facts.own.override is not None:
        return f"an operator's word for epoch {facts.own.override.epoch} is under way"
    decision = decide(facts)
    if found.unreachable or found.ahead or adopt or isinstance(decision, Hold):
        return ""
    return f"it is not needed: everybody has answered ({decision.reason} [{decision.rule}])"


def find_mismatch(facts: Facts, found: OverrideSurvey, said: OverrideRequest) -> str:
    """What the operator would have to name and has not, or the other way: what was looked at is not what is now."""
    if said.epoch != found.epoch:
        return f"epoch {said.epoch} is not the next one, {found.epoch}: look again, things have changed"
    unheard, ahead = frozenset(names(facts, found.unreachable)), frozenset(names(facts, found.ahead))
    differences = {
        "does not answer and is not named by --without": unheard - said.without,
        "may hold more and is not named by --although-ahead": ahead - said.although_ahead,
        "is named by --without, and answers or is no pod of this set": said.without - unheard,
        "is named by --although-ahead, and is not ahead": said.although_ahead - ahead,
    }
    return next((f"{', '.join(sorted(who))} {what}: look again" for what, who in differences.items() if who), "")


def accept_override(agent: Agent, facts: Facts, found: OverrideSurvey, *, adopt: bool) -> str:
    """Take the word: durable, with the promise to myself in its term, before anybody is asked for anything.

    Returns why it could not be.
    """
    abandon(agent, "an override was given")
    word = Override(found.epoch, found.base, found.unreachable, found.ahead, adopt)
    if found.epoch <= highest_term([agent.pod_state()]):
        return f"epoch {found.epoch} has been used meanwhile: look again"
    lost = names(facts, found.unreachable | found.ahead | found.data_lost)
    given_up = [f"{name} ({line})" for name, line in found.lines if name in lost]
    line = (
        f"{'adopt' if adopt else 'force'} epoch {word.epoch} from {word.base or 'data without a position'}, "
        f"without {', '.join(given_up) or 'losing anybody'}"
    )
    try:
        promise = Promise(word.epoch, agent.settings.ordinal, agent.boot_id)
        bind(agent, promise, replace(agent.durable, override=word, overrides=add_note(agent, line)))
    except JournalUnwritableError as exc:
        return str(exc)
    agent.orders.outcome = OverrideOutcome(word.epoch)
    agent.ports.log(f"operator: {line}")
    agent.recorder.note("override", line)
    agent.wake.set()
    return ""


def discard(agent: Agent, *, delete: bool) -> Json:
    """Let the starter put this pod's datadir aside; `refusal` is empty where that was ordered."""
    with agent.changed:
        facts = wait_for_round(agent)
        if facts is None:
            return {"refusal": NO_ROUND}
        disk = disk_of(facts.own)
        refusal = (
            agent.persistence.error
            or why_not_discardable(facts)
            or ("" if agent.lifecycle.starter else "no starter holds this volume's lock")
        )
        if refusal:
            return {"refusal": refusal}
        line = f"discard {disk.data_class} {disk.position or 'without a position'}{', deleted' if delete else ''}"
        try:
            # The mark says that this disk's data count for nothing; it is closed at Synced as after every join.
            durable = replace(agent.durable, joining_boot_id=kernel_boot_id(), overrides=add_note(agent, line))
            if is_promised_to_silent_pod(facts):
                durable = replace(durable, promise=None, override=None)
            agent.persistence.write(durable)
        except JournalUnwritableError as exc:
            return {"refusal": str(exc)}
        agent.ports.log(f"operator: {line}")
        agent.recorder.note("override", line)
        starters.order(agent, "delete" if delete else "discard")
        return {"refusal": "", "line": line}


def why_not_discardable(facts: Facts) -> str:
    """Why the datadir must not be discarded."""
    uuids = {server.uuid for server in primaries(facts).values()}
    if facts.own.phase is not Phase.FROZEN:
        return f"this pod is {facts.own.phase}, it does not hold"
    if not uuids:
        return "no Primary Component is known: what is here may be the newest there is"
    if len(uuids) > 1:
        return f"two clusters are alive, {' and '.join(sorted(uuids))}: stop the wrong one first"
    decision = decide(facts)
    return "" if isinstance(decision, Hold) else f"this pod does not hold: {decision.reason} [{decision.rule}]"


def is_promised_to_silent_pod(facts: Facts) -> bool:
    """Whether a discard also ends a promise: one to a pod that does not answer would block the join."""
    promise = facts.own.promise
    if promise is None or promise.candidate == facts.own.ordinal:
        return False
    return isinstance(facts.peer(promise.candidate), Unknown)


def survey_json(facts: Facts, found: OverrideSurvey) -> Json:
    """The survey as JSON values, with the arguments that a word would need now."""
    return {
        "self": facts.own.pod,
        "epoch": found.epoch,
        "base": str(found.base) if found.base else None,
        "members": [{"name": name, "line": line} for name, line in found.lines],
        "unheard": names(facts, found.unreachable),
        "ahead": names(facts, found.ahead),
        "floor": facts.min_epoch,
    }


def names(facts: Facts, ordinals: frozenset[int]) -> list[str]:
    """The pods of these ordinals."""
    return [pod_name(facts, o) for o in sorted(ordinals)]


def add_note(agent: Agent, line: str) -> tuple[str, ...]:
    """The journal's list of decisions with one more; the time is for humans, nothing looks at it (R33)."""
    note = one_line(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", MAX_TEXT)
    return (*agent.durable.overrides, note)[-KEPT:]
