"""One input of an agent: its effects reach the pod's simulated files, or fail, or are the agent's last ones.

An agent performs the effects of one input without a pause, as under its lock; but each of them may fail, or be its last
one (`Mishap`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.streaks import STUCK_ALL_ROUNDS, Streaks
from bootstrap.core.model.disk import View
from bootstrap.core.participant.effects import Effect, GrantPermission, Persist, RemoveView, VoidPermission
from bootstrap.core.participant.orders import OverrideOutcome
from bootstrap.core.participant.participant import Participant, Step, run
from tests.model.state import Node, State

T = TypeVar("T")

FileEffect = Persist | VoidPermission | GrantPermission | RemoveView
"""The effects that touch a file."""

STUCK = Streaks(stuck_rounds=STUCK_ALL_ROUNDS)
"""Any round may be the last one of a long time in which nothing has changed."""

ROUNDS = 2
"""So many rounds in a row are counted; more would make many states of one."""


class Mishap(NamedTuple):
    """A fault of the pod's files, or the agent's end, at one of the effects of an input."""

    at: int
    """The place of the effect among those that touch a file."""
    is_done: bool
    """Whether the effect has reached the file."""
    is_end: bool
    """Whether the agent is killed there; else the effect only fails."""


class AgentDiedError(Exception):
    """The agent was killed in the middle of an input; what its files are then."""

    def __init__(self, node: Node) -> None:
        self.node = node


class NoEffectError(Exception):
    """An input has no effect at the place of the mishap, but only so many."""

    def __init__(self, effects: int = 0) -> None:
        self.effects = effects


class Files(NamedTuple):
    """The files of one pod that its agent may change."""

    journal: PersistentState
    permission: int
    view: View | None

    def after(self, effect: FileEffect) -> "Files":
        """The files after this effect."""
        match effect:
            case Persist(state):
                return self._replace(journal=state)
            case VoidPermission():
                return self._replace(permission=0)
            case GrantPermission(term):
                return self._replace(permission=term)
            case RemoveView(name):
                return self._replace(view=None) if self.view and self.view.name == name else self


class Outcome(NamedTuple):
    """What has become of an input."""

    files: Files
    effects: int
    """How many effects there were."""
    agent: Participant | None = None
    """None = it was killed."""
    answer: Any = None


class KilledError(Exception):
    """This effect is the agent's last one."""


def perform(
    agent: Participant, files: Files, step: Callable[..., Step[T]], args: tuple[Any, ...], mishap: Mishap | None
) -> Outcome:
    """Give an agent an input."""
    effects = 0

    def perform_one(effect: Effect) -> str:
        nonlocal files, effects
        if not isinstance(effect, FileEffect):
            return ""
        here = mishap if mishap and mishap.at == effects else None
        effects += 1
        if here is None or here.is_done:
            files = files.after(effect)
        if here and here.is_end:
            raise KilledError
        return "it failed" if here else ""

    try:
        after, answer = run(step(agent, *args), perform_one)
    except KilledError:
        return Outcome(files, effects)
    return Outcome(files, effects, without_words(after), answer)


def without_words(p: Participant) -> Participant:
    """The same without what only people read: it would make two states of one."""
    result = replace(p.result, decision=replace(p.result.decision, reason=""))
    streaks = STUCK._replace(primary=p.streaks.primary, primary_rounds=min(p.streaks.primary_rounds, ROUNDS))
    return p._replace(result=result, orders=p.orders._replace(outcome=OverrideOutcome()), streaks=streaks)


MOST_REMEMBERED = 200_000
"""About one gigabyte."""


class Memory:
    """Inputs and their outcomes: an agent does not see what goes on elsewhere, so most inputs come again and again."""

    def __init__(self) -> None:
        self.outcomes: dict[Any, Outcome] = {}
        self.is_used = False

    @contextmanager
    def use(self) -> Iterator[None]:
        """Perform the same input on the same agent only once, while no code is exchanged."""
        self.is_used = True
        try:
            yield
        finally:
            self.is_used = False
            self.outcomes.clear()

    def find_outcome(self, *key: Any) -> Outcome:
        """The outcome of an input, remembered or performed."""
        if not self.is_used:
            return perform(*key)
        outcome = self.outcomes.get(key)
        if outcome is None:
            if len(self.outcomes) >= MOST_REMEMBERED:
                self.outcomes.clear()
            outcome = self.outcomes[key] = perform(*key)
        return outcome


MEMORY = Memory()


def drive(node: Node, step: Callable[..., Step[T]], *args: Any, mishap: Mishap | None = None) -> tuple[Node, T]:
    """Give the pod's agent an input.  Raises AgentDiedError; NoEffectError if the mishap did not happen."""
    outcome = MEMORY.find_outcome(node.agent, Files(node.journal, node.permission, node.view), step, args, mishap)
    if mishap and outcome.effects <= mishap.at:
        raise NoEffectError(outcome.effects)
    node = node._replace(**outcome.files._asdict())
    if outcome.agent is None:
        raise AgentDiedError(node)
    answer: T = outcome.answer
    return node._replace(agent=outcome.agent), answer


KINDS = {
    "fails": Mishap(0, is_done=False, is_end=False),
    "fails, and has reached the disk": Mishap(0, is_done=True, is_end=False),
    "is the agent's last one": Mishap(0, is_done=True, is_end=True),
}
"""What may happen at an effect; an agent that ends before it has ended after the one before."""

NEVER = Mishap(10**6, is_done=False, is_end=False)
"""No input has so many effects."""


def mishaps(step: Callable[..., State], state: State) -> Iterator[tuple[str, Callable[[State], State]]]:
    """All that may happen to the files of a pod, and to its agent, in this step of it."""
    try:
        step(state, mishap=NEVER)
    except NoEffectError as found:
        for place in range(found.effects):
            for kind, mishap in KINDS.items():
                yield f"write {place} {kind}", partial(step, mishap=mishap._replace(at=place))
