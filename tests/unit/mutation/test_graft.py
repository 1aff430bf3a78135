"""A changed module is put into the loaded one: what was imported from it before runs the change."""

import ast
import builtins
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.graft import graft, instrument

SOURCE = """
from functools import cache
from typing import NamedTuple

LIMIT = 3

class Pair(NamedTuple):
    left: int = 1

    @property
    def double(self):
        return self.left * 2

@cache
def larger(number, *, by=1):
    return number + by

def check(number):
    if number > LIMIT:
        return "large"
    return "small"
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A loaded module of the package."""
    path = tmp_path / "sample.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("bootstrap.sample", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bootstrap.sample", loaded)
    spec.loader.exec_module(loaded)
    return loaded


def change(module: ModuleType, old: str, new: str) -> None:
    assert SOURCE.count(old) == 1
    graft(module, ast.parse(SOURCE.replace(old, new)))


def test_functions_and_properties_that_are_in_use(module: ModuleType) -> None:
    check, made = module.check, module.Pair(5)
    change(module, "number > LIMIT", "number >= LIMIT")
    assert check(3) == "large"
    change(module, "self.left * 2", "self.left * 3")
    assert made.double == 15
    assert isinstance(made, module.Pair)


def test_defaults(module: ModuleType) -> None:
    change(module, "left: int = 1", "left: int = 7")
    assert module.Pair() == (7,)
    change(module, "by=1", "by=2")
    assert module.larger(1) == 3


def test_constants_wherever_they_are_used(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    user = ModuleType("bootstrap.user")
    user.LIMIT = module.LIMIT  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bootstrap.user", user)
    change(module, "LIMIT = 3", "LIMIT = 4")
    assert module.check(4) == "small"
    assert vars(user)["LIMIT"] == 4


def test_executed_statements_are_reported(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    executed: set[tuple[str, int]] = set()
    monkeypatch.setattr(builtins, "__executed__", executed.add, raising=False)
    instrument(module)
    assert module.check(1) == "small"
    lines = SOURCE.splitlines()
    assert [lines[number - 1].strip() for _, number in sorted(executed)] == ["if number > LIMIT:", 'return "small"']
    assert {name for name, _ in executed} == {"bootstrap.sample"}
