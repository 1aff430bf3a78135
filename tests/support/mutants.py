"""What tests say when a condition of the code is taken away: a plugin of pytest that runs each of them once more so.

`python -m pytest -p tests.support.mutants --mutants=FILE TEST...` runs each test with each of its mutants of FILE, then
writes to FILE what came of them.

A mutant is a function of the code with one text in it replaced by another.  Its code object
is exchanged, so that whoever has imported the function, and each instance of a class, meets the mutant.
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
    """One condition that is taken away, and the test that must notice."""

    race: int
    """The number of the race that the condition is for."""
    place: str
    """`module:function` or `module:Class.function`, where needed with the module's folder."""
    old: str
    """What stands there, once."""
    new: str
    """What stands there instead."""
    test: str
    """The test's id."""

    def __str__(self) -> str:
        return f"R{self.race} {self.place} without `{self.old}`"


class MutantInvalidError(Exception):
    """The code has changed, and nothing can be taken away as the mutant says."""


def module_called(name: str) -> ModuleType:
    """The module of `bootstrap` of that name."""
    folder = Path(bootstrap.__file__).parent
    (path,) = (p for p in folder.rglob("*.py") if p.as_posix().endswith(f"/{name.replace('.', '/')}.py"))
    return import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))


def function_at(place: str) -> FunctionType:
    """The function itself, also behind a property."""
    module, _, path = place.partition(":")
    found: object = module_called(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    found = found.fget if isinstance(found, property) else inspect.unwrap(found)  # type: ignore[arg-type]
    assert isinstance(found, FunctionType), place
    return found


def mutated(mutant: Mutant) -> CodeType:
    """The code of the function with the other text in it."""
    function = function_at(mutant.place)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mutant.old) != 1:
        raise MutantInvalidError(f"this stands there {source.count(mutant.old)} times")
    names = dict(vars(module_called(mutant.place.partition(":")[0])))
    head, definition, body = source.replace(mutant.old, mutant.new).partition("def ")
    del head  # a property's decorator
    exec(compile(f"{definition}{body}", f"<{mutant}>", "exec"), names)
    made = names[function.__name__]
    assert isinstance(made, FunctionType)
    return made.__code__


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """While this lasts, the mutant is what everybody calls."""
    function = function_at(mutant.place)
    before, function.__code__ = function.__code__, mutated(mutant)
    try:
        yield
    finally:
        function.__code__ = before


def write(path: Path, mutants: list[Mutant]) -> None:
    """The question: a file for `--mutants`."""
    path.write_text(json.dumps([asdict(mutant) for mutant in mutants]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutants", type=Path)


def pytest_configure(config: pytest.Config) -> None:
    if config.option.mutants:
        config.pluginmanager.register(_Runner(config.option.mutants))


class _Runner:
    """Instead of each test by itself: it must pass as it is, and fail with each of its mutants."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mutants = [Mutant(**told) for told in json.loads(path.read_text())]
        self.told: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        mine = [mutant for mutant in self.mutants if mutant.test == item.nodeid]
        plain = self.outcome(item, nextitem)
        for mutant in mine:
            self.told[str(mutant)] = self.with_one(mutant, item, nextitem) if plain == "passed" else f"always {plain}"
        return True

    def with_one(self, mutant: Mutant, item: pytest.Item, nextitem: pytest.Item | None) -> str:
        try:
            with applied(mutant):
                return self.outcome(item, nextitem)
        except MutantInvalidError as error:
            return str(error)

    def outcome(self, item: pytest.Item, nextitem: pytest.Item | None) -> str:
        """Run the test from its fixtures on; what came of it, in one word."""
        begin: Callable[[], None] | None = getattr(item, "_initrequest", None)
        if begin is not None:
            begin()  # a function's fixtures belong to one run
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        return next((report.outcome for report in reports if report.outcome != "passed"), "passed")

    def pytest_sessionfinish(self) -> None:
        self.path.with_suffix(".told").write_text(json.dumps(self.told))
