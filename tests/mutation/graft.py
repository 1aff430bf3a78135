"""Put the code of a changed module into the one that is loaded: everything that has imported it runs the change.

Only what the change can touch is replaced: code and simple defaults of functions, and simple constants.  Classes stay,
so values that were made before are still of them.  There is no way back: this is for a process of its own.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

from tests.paths import ROOT

Simple = bool | int | str | None


def find_modules(folder: Path) -> list[ModuleType]:
    """Import all modules of a folder of the checkout."""
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths if path.name != "__init__.py"]
    return [import_module(name) for name in names]


def parse(module: ModuleType) -> ast.Module:
    """Parse a module's text."""
    return ast.parse(Path(str(module.__file__)).read_text())


def graft(module: ModuleType, tree: ast.Module) -> None:
    """Let a loaded module do what this tree says."""
    fresh = ModuleType(module.__name__)
    exec(compile(tree, str(module.__file__), "exec"), vars(fresh))
    for (name, old), new in zip(vars_of(module), (value for _, value in vars_of(fresh)), strict=True):
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            old.__code__ = new.__code__
            old.__defaults__ = _merge(old.__defaults__, new.__defaults__)
            defaults = new.__kwdefaults__ or {}
            old.__kwdefaults__ = (old.__kwdefaults__ or {}) | {
                k: v for k, v in defaults.items() if isinstance(v, Simple)
            }
        elif isinstance(new, Simple) and new != old:
            for user in [other for key, other in sys.modules.items() if key.startswith("bootstrap.")]:
                if getattr(user, name, new) == old:
                    setattr(user, name, new)


def vars_of(module: ModuleType) -> Iterator[tuple[str, object]]:
    """All functions and simple constants that a module defines, in the order of its text."""
    for name, value in vars(module).items():
        if not name.startswith("__"):
            yield from _parts(name, value, module.__name__)


def _parts(name: str, value: object, home: str) -> Iterator[tuple[str, object]]:
    value = inspect.unwrap(value) if callable(value) else value
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    if isinstance(value, type):
        if value.__module__ == home:
            for inner, member in vars(value).items():
                if inner in ("__new__", "__init__") or not inner.startswith("__"):
                    yield from (part for part in _parts(inner, member, home) if isinstance(part[1], FunctionType))
    elif isinstance(value, FunctionType):
        if value.__module__ in (home, f"namedtuple_{name}") or name in ("__new__", "__init__"):
            yield name, value
    elif isinstance(value, Simple):
        yield name, value


def _merge(old: tuple[object, ...] | None, new: tuple[object, ...] | None) -> tuple[object, ...] | None:
    """The old defaults, with what is simple of the new ones."""
    if old is None or new is None:
        return old
    return tuple(b if isinstance(b, Simple) else a for a, b in zip(old, new, strict=True))


class _Instrumented(ast.NodeTransformer):
    """Report each statement of a function before it is executed."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module.__name__

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        self.report(node, "body")
        return node

    def report(self, node: ast.AST, field: str) -> None:
        block: list[ast.stmt] = getattr(node, field)
        reported: list[ast.stmt] = []
        for statement in block:
            (call,) = ast.parse(f"__executed__(({self.module!r}, {statement.lineno}))").body
            reported += [ast.copy_location(call, statement), statement]
            for inner in ("body", "orelse", "finalbody"):
                if isinstance(getattr(statement, inner, None), list) and not isinstance(statement, ast.FunctionDef):
                    self.report(statement, inner)
            for handler in getattr(statement, "handlers", []):
                self.report(handler, "body")
        setattr(node, field, reported)


def instrument(module: ModuleType) -> None:
    """Let a module call `__executed__((its name, line))` of the builtins before each statement of a function."""
    graft(module, ast.fix_missing_locations(_Instrumented(module).visit(parse(module))))
