"""The decisions that the code can make, read from the code."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tests.paths import ROOT

KINDS = ("Bootstrap", "Join", "Wait", "Hold", "Stop")

SOURCES = [ast.parse(path.read_text()) for path in sorted((ROOT / "bootstrap").rglob("*.py"))]


@dataclass(frozen=True)
class Message:
    """A message in the code."""

    kind: str
    rule: str
    words: tuple[str, ...]
    """Its fixed parts, in order."""

    def __str__(self) -> str:
        return f"{self.kind.lower()} [{self.rule}] {' ... '.join(self.words)}"


def messages() -> Iterator[Message]:
    """Yield all decisions in the code that have the name of a rule; code that passes a decision on has none."""
    for tree in SOURCES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                match node.args[:2]:
                    case [ast.Constant(value=str(rule)), reason]:
                        yield Message(node.func.id, rule, constants(reason))


def constants(node: ast.expr) -> tuple[str, ...]:
    """Return the fixed parts of a sentence."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    found = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return tuple(text.strip() for text in found if text.strip(" ,:()"))
