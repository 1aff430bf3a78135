"""The modules that are mutated, their mutants, and the list of those that are equivalent."""

import ast
import tomllib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tests.mutation.graft import find_modules, parse
from tests.mutation.operators import Mutation, find_mutations
from tests.paths import ROOT

CORE = ROOT / "bootstrap/core"
EQUIVALENT = ROOT / "tests/mutation/equivalent.toml"


class Target(NamedTuple):
    """A module to be mutated."""

    module: ModuleType
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its name below `core`."""
        return self.module.__name__.removeprefix("bootstrap.core.")

    @property
    def test_file(self) -> str:
        """The end of the name of the file with its own tests."""
        folder, _, module = self.name.rpartition(".")
        return f"{folder}/test_{module}.py"


class Mutant(NamedTuple):
    """A change of a target."""

    target: Target
    mutation: Mutation

    @property
    def place(self) -> str:
        """Its module and function."""
        return f"{self.target.name}:{self.mutation.place}"

    @property
    def key(self) -> tuple[str, str]:
        """What the list of equivalent mutants names it by."""
        return self.place, self.mutation.change

    def __str__(self) -> str:
        return f"{self.place} line {self.mutation.line}: {self.mutation.change}"


def find_targets(paths: list[Path]) -> list[Target]:
    """The modules in these files and folders."""
    return [Target(module, parse(module)) for path in paths for module in find_modules(path)]


def find_mutants(targets: list[Target]) -> list[Mutant]:
    """All mutants of these modules."""
    return [Mutant(target, mutation) for target in targets for mutation in find_mutations(target.tree)]


def read_equivalent() -> dict[tuple[str, str], str]:
    """The list of equivalent mutants: place and change -> reason."""
    listed: dict[str, dict[str, str]] = tomllib.loads(EQUIVALENT.read_text())
    return {(place, change): reason for place, changes in listed.items() for change, reason in changes.items()}
