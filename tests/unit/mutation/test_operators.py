"""How code is changed: one small step each, and none that a text for humans alone would show."""

import ast
import textwrap

import pytest

from tests.mutation.operators import DROPPED, SWAPPED, find_mutations

STATEMENTS: dict[str, tuple[str, set[str]]] = {
    "a condition is forced, and each of its sides is dropped": (
        "if a and not b:\n    return c",
        {"a and (not b) -> True", "a and (not b) -> False", "a and (not b) -> a", "a and (not b) -> not b"},
    ),
    "a value is turned round": (
        "return a == b or not c",
        {"a == b or not c -> not c", "a == b or not c -> a == b", "a == b -> a != b", "not c -> c"},
    ),
    "a bound is moved by one": ("if a < b:\n    return c", {"a < b -> True", "a < b -> False", "a < b -> a <= b"}),
    "each member of a set is left out": (
        "return a in (b, c)",
        {"a in (b, c) -> a not in (b, c)", "(b, c) -> (c,)", "(b, c) -> (b,)"},
    ),
    "constants": ("return f(1, True, '', 'text')", {"1 -> 2", "True -> False", "'' -> 'x'"}),
    "keywords": ("return f(a, x=b)", {"f(..., x=b) -> f(...)"}),
    "any and all, min and max": (
        "return any(a) and max(b)",
        {"any(a) and max(b) -> max(b)", "any(a) and max(b) -> any(a)", "any(a) -> all(a)", "max(b) -> min(b)"},
    ),
    "sets": ("return a | b - c", {"a | b - c -> a", "a | b - c -> b - c", "b - c -> b"}),
    "elements": ("return [a, *b]", {"[a, *b] -> [*b]", "[a, *b] -> [a]"}),
    "slices": ("return a[1:]", {"a[1:] -> a", "1 -> 2"}),
    "a comprehension's condition": ("return {x for x in a if x}", {"x -> True", "x -> False"}),
    "an effect is dropped, or comes after the next one": (
        "yield A()\nyield B()",
        {f"yield A() -> {DROPPED}", f"yield B() -> {DROPPED}", f"yield A() -> {SWAPPED}"},
    ),
    "an effect that may fail is dropped": ("a = yield A()\nreturn a", {f"(yield A()) -> {DROPPED}"}),
    "a new value is dropped where there was one": ("p = f(p)\nr = p", {f"p = f(p) -> {DROPPED}"}),
    "a method that returns the same kind of value": ("return p.with_x(a)", {"p.with_x(a) -> p"}),
    "a text for humans": ("return f'{a and b} is not {1}'", set()),
}


@pytest.mark.parametrize(("body", "changes"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_function_is_changed(body: str, changes: set[str]) -> None:
    source = f'def f(p, q=None):\n    """It."""\n{textwrap.indent(body, "    ")}\n'
    found = find_mutations(ast.parse(source))
    assert {mutation.change for mutation in found} == changes
    assert {mutation.place for mutation in found} <= {"f"}


def test_what_is_executed_at_the_import_is_changed_too() -> None:
    source = "LIMIT = 3\nclass C:\n    x: int = 0\n    @property\n    def y(self, *, z=False): return self.x > 1\n"
    assert [(m.place, m.line, m.change) for m in find_mutations(ast.parse(source))] == [
        ("LIMIT", 0, "3 -> 4"),
        ("C", 0, "0 -> 1"),
        ("C.y", 0, "False -> True"),
        ("C.y", 5, "self.x > 1 -> self.x >= 1"),
        ("C.y", 5, "1 -> 2"),
    ]


def test_equal_changes_of_one_function_have_numbers() -> None:
    changes = [m.change for m in find_mutations(ast.parse("def f(): return g(1, 1)"))]
    assert changes == ["1 -> 2", "1 -> 2 (2)"]


def test_a_change_is_there_during_the_block_only() -> None:
    tree = ast.parse("def f(a, b):\n    yield a\n    yield b\n    return a and b\n")
    before, seen = ast.unparse(tree), set()
    for mutation in find_mutations(tree):
        with mutation.applied():
            seen.add(ast.unparse(tree))
        assert ast.unparse(tree) == before
    assert before not in seen
    assert before.replace("yield a\n    yield b", "yield b\n    yield a") in seen
    assert before.replace("a and b", "b") in seen
