"""A plugin of pytest that removes a condition of the code, and runs its test again: the test must fail then.

`python -m pytest -p tests.support.mutants --mutants=FILE TEST...` runs each test with each of its mutants of FILE, then
writes the outcomes beside FILE, with the suffix `.outcomes`.

A mutant is a function of the code in which one text is replaced by another.  The plugin replaces the function's code
object, so every module that has imported the function, and every instance of its class, runs the mutant.
"""

import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest
from _pytest.runner import runtestprotocol

import bootstrap


@dataclass(frozen=True, slots=True)
class Mutant:
    """A condition that is removed, and the test that must notice it."""

    race: int
    """The number of the race against which the condition protects."""
    place: str
    """`module:function` or `module:Class.function`, with the module's folder if needed."""
    old: str
    """The text to replace; the function has it exactly once."""
    new: str
    """The text that replaces it."""
    test: str
    """The test's id."""

    def __str__(self) -> str:
        return f"R{self.race} {self.place} without `{self.old}`"


class MutantInvalidError(Exception):
    """The code has changed, and does not have the mutant's text any more."""


def import_by_name(name: str) -> ModuleType:
    """Import the module of `bootstrap` with that name."""
    folder = Path(bootstrap.__file__).parent
    (path,) = (p for p in folder.rglob("*.py") if p.as_posix().endswith(f"/{name.replace('.', '/')}.py"))
    return import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))


def function_at(place: str) -> FunctionType:
    """The function at a place, also if it is the getter of a property."""
    module, _, path = place.partition(":")
    found: object = import_by_name(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    found = found.fget if isinstance(found, property) else inspect.unwrap(found)  # type: ignore[arg-type]
    assert isinstance(found, FunctionType), place
    return found


def compile_mutant(mutant: Mutant) -> CodeType:
    """Compile the mutant's function with the other text."""
    function = function_at(mutant.place)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mutant.old) != 1:
        raise MutantInvalidError(f"the function has the text {source.count(mutant.old)} times")
    names = dict(vars(import_by_name(mutant.place.partition(":")[0])))
    head, definition, body = source.replace(mutant.old, mutant.new).partition("def ")
    del head  # a property's decorator
    exec(compile(f"{definition}{body}", f"<{mutant}>", "exec"), names)
    compiled = names[function.__name__]
    assert isinstance(compiled, FunctionType)
    return compiled.__code__


@contextmanager
def apply(mutant: Mutant) -> Iterator[None]:
    """Replace the function by the mutant during the block."""
    function = function_at(mutant.place)
    before, function.__code__ = function.__code__, compile_mutant(mutant)
    try:
        yield
    finally:
        function.__code__ = before


def write(path: Path, mutants: list[Mutant]) -> None:
    """Write a file for `--mutants`."""
    path.write_text(json.dumps([asdict(mutant) for mutant in mutants]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutants", type=Path)


def pytest_configure(config: pytest.Config) -> None:
    if config.option.mutants:
        config.pluginmanager.register(_Runner(config.option.mutants))


class _Runner:
    """Runs each test unchanged, where it must pass, and with each of its mutants, where it must fail."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mutants = [Mutant(**fields) for fields in json.loads(path.read_text())]
        self.outcomes: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        mine = [mutant for mutant in self.mutants if mutant.test == item.nodeid]
        plain = self.run(item, nextitem)
        for mutant in mine:
            outcome = self.run_mutant(mutant, item, nextitem) if plain == "passed" else f"always {plain}"
            self.outcomes[str(mutant)] = outcome
        return True

    def run_mutant(self, mutant: Mutant, item: pytest.Item, nextitem: pytest.Item | None) -> str:
        try:
            with apply(mutant):
                return self.run(item, nextitem)
        except MutantInvalidError as error:
            return str(error)

    def run(self, item: pytest.Item, nextitem: pytest.Item | None) -> str:
        """Run the test with new fixtures; returns its outcome in one word."""
        begin: Callable[[], None] | None = getattr(item, "_initrequest", None)
        if begin is not None:
            begin()  # the fixtures of a function can be used in one run only
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        return next((report.outcome for report in reports if report.outcome != "passed"), "passed")

    def pytest_sessionfinish(self) -> None:
        self.path.with_suffix(".outcomes").write_text(json.dumps(self.outcomes))
