"""All ways in which a module is changed by one small step: the mutants that some test must notice.

A condition is always true or always false, one side of it is missing, a bound is moved by one, a statement is dropped,
two effects change places.  Texts for humans are not changed.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

FLIPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
"""Comparisons, and their opposites."""

BOUNDS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
"""Comparisons that are moved by one."""

NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
"""Functions, and what they are exchanged for."""

SELVES = ("self", "p", "state", "text", "log", "orders", "step")
"""Names of values whose methods return another such value; to drop the call leaves the old one."""

DROPPED = "(dropped)"
SWAPPED = "(after the next one)"


class Site(NamedTuple):
    """Where a node stands in its parent."""

    owner: ast.AST
    field: str
    at: int | None = None


class Mutation(NamedTuple):
    """One small change of a module."""

    place: str
    """The function, `Class.function`, or class; empty = the module."""
    line: int
    """The line of the statement that is changed; 0 = it is executed when the module is imported."""
    before: str
    after: str
    site: Site
    nodes: list[ast.AST]
    """What replaces the node, and for a swap also the next one."""

    @property
    def change(self) -> str:
        """The change as one text, by which a list names it."""
        return f"{self.before} -> {self.after}"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Change the tree during the block."""
        owner, field, at = self.site
        if at is None:
            old = getattr(owner, field)
            setattr(owner, field, self.nodes[0])
            yield
            setattr(owner, field, old)
        else:
            whole: list[ast.AST] = getattr(owner, field)
            kept = whole[:]
            whole[at : at + max(1, len(self.nodes))] = self.nodes
            yield
            whole[:] = kept


def find_mutations(tree: ast.Module) -> list[Mutation]:
    """All mutations of a module, in the order of its text; equal texts in one place are numbered from the second on."""
    found = []
    seen: dict[tuple[str, str], int] = {}
    for mutation in _in_body(tree, ""):
        if mutation.before == mutation.after:
            continue
        key = (mutation.place, mutation.change)
        seen[key] = seen.get(key, 0) + 1
        after = mutation.after if seen[key] == 1 else f"{mutation.after} ({seen[key]})"
        found.append(mutation._replace(after=after))
    return found


def _in_body(owner: ast.Module | ast.ClassDef, place: str) -> Iterator[Mutation]:
    """Change what is executed at the import, and all functions."""
    for statement in owner.body:
        match statement:
            case ast.FunctionDef():
                yield from _in_function(statement, f"{place}.{statement.name}".lstrip("."))
            case ast.ClassDef():
                yield from _in_body(statement, f"{place}.{statement.name}".lstrip("."))
            case ast.AnnAssign(value=ast.Constant()):
                yield from _constant(_Context(place or ast.unparse(statement.target), 0), Site(statement, "value"))
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(value=int())) if not place:
                yield from _constant(_Context(name, 0), Site(statement, "value"))


class _Context(NamedTuple):
    place: str
    line: int

    def change(self, site: Site, new: ast.AST, before: str = "", after: str = "") -> Mutation:
        old = _node_at(site)
        ast.copy_location(new, old)
        return Mutation(
            self.place,
            self.line,
            before or ast.unparse(old),
            after or ast.unparse(new),
            site,
            [ast.fix_missing_locations(new)],
        )


def _node_at(site: Site) -> ast.AST:
    found = getattr(site.owner, site.field)
    node = found if site.at is None else found[site.at]
    assert isinstance(node, ast.AST)
    return node


def _in_function(function: ast.FunctionDef, place: str) -> Iterator[Mutation]:
    for field in ("defaults", "kw_defaults"):
        for index, default in enumerate(getattr(function.args, field)):
            if isinstance(default, ast.Constant):
                yield from _constant(_Context(place, 0), Site(function.args, field, index))
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    yield from _block(function, "body", place, {"_", *(argument.arg for argument in arguments)})


def _block(owner: ast.AST, field: str, place: str, known: set[str]) -> Iterator[Mutation]:
    """Change the statements of a block; `known` are the names that have a value before it."""
    block: list[ast.stmt] = getattr(owner, field)
    for index, statement in enumerate(block):
        here, site = _Context(place, statement.lineno), Site(owner, field, index)
        if isinstance(statement, ast.FunctionDef):
            yield from _in_function(statement, place)
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        if index + 1 < len(block) and _has_effect(statement) and _has_effect(block[index + 1]):
            text = ast.unparse(statement)
            yield Mutation(place, here.line, text, SWAPPED, site, [block[index + 1], statement])
        yield from _statement(here, site, statement, known)
        known = known | {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _is_stored(node)}
        for inner in ("body", "orelse", "finalbody"):
            if isinstance(getattr(statement, inner, None), list):
                yield from _block(statement, inner, place, known)
        for handler in getattr(statement, "handlers", []):
            yield from _block(handler, "body", place, known)


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _has_effect(statement: ast.stmt) -> bool:
    """Whether a simple statement yields."""
    if not isinstance(statement, ast.Expr | ast.Assign):
        return False
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(statement))


def _statement(here: _Context, site: Site, statement: ast.stmt, known: set[str]) -> Iterator[Mutation]:
    match statement:
        case ast.Expr() | ast.AugAssign() | ast.Continue() | ast.Break():
            yield here.change(site, ast.Pass(), after=DROPPED)
        case ast.Assign(value=ast.Yield()):
            # The effect is not performed, and nothing failed.
            yield here.change(Site(statement, "value"), ast.Constant(""), after=DROPPED)
        case ast.Assign(targets=targets):
            names = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
            if all(name.id in known for name in names):
                yield here.change(site, ast.Pass(), after=DROPPED)
    for field, value in ast.iter_fields(statement):
        if field in ("annotation", "targets", "target"):
            continue
        if isinstance(value, ast.expr):
            is_condition = field == "test"
            yield from _expression(here, Site(statement, field), value, is_condition=is_condition)
        elif field == "items":
            for item in value:
                yield from _expression(here, Site(item, "context_expr"), item.context_expr)


def _expression(here: _Context, site: Site, node: ast.expr, *, is_condition: bool = False) -> Iterator[Mutation]:
    """Change an expression; of a condition both outcomes are forced, so its opposite is no mutant of its own."""
    if is_condition:
        yield here.change(site, ast.Constant(value=True))
        yield here.change(site, ast.Constant(value=False))
    match node:
        case ast.JoinedStr():
            return  # a text for humans
        case ast.BoolOp(op=op, values=values):
            for left in _without_each(values):
                yield here.change(site, left[0] if len(left) == 1 else ast.BoolOp(op, left))
            for index, value in enumerate(values):
                yield from _operand(here, Site(node, "values", index), value, is_condition=is_condition)
            return
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            if not is_condition:
                yield here.change(site, operand)
            yield from _operand(here, Site(node, "operand"), operand, is_condition=is_condition)
            return
        case ast.Compare():
            yield from _compare(here, site, node, is_condition=is_condition)
        case ast.Call():
            yield from _call(here, site, node)
        case _:
            yield from _plain(here, site, node)
    yield from _children(here, node)


def _plain(here: _Context, site: Site, node: ast.expr) -> Iterator[Mutation]:
    """Change an expression that is neither a condition nor a call."""
    match node:
        case ast.Constant():
            yield from _constant(here, site)
        case ast.BinOp(left=left, right=right, op=op) if not isinstance(op, ast.Mod):
            yield here.change(site, left)
            if isinstance(op, ast.BitOr | ast.BitAnd):
                yield here.change(site, right)
        case ast.Set() | ast.List() | ast.Tuple():
            yield from _display(here, site, node)
        case ast.Subscript(value=value, slice=ast.Slice()):
            yield here.change(site, value)


def _display(here: _Context, site: Site, node: ast.Set | ast.List | ast.Tuple) -> Iterator[Mutation]:
    """Leave out each element; not of a tuple of a known length."""
    for left in _without_each(node.elts):
        match node:
            case ast.Set():
                yield here.change(site, ast.Set(left) if left else ast.Call(ast.Name("set", ast.Load()), [], []))
            case ast.List():
                yield here.change(site, ast.List(left, ast.Load()))
            case ast.Tuple() if any(isinstance(element, ast.Starred) for element in node.elts):
                yield here.change(site, ast.Tuple(left, ast.Load()))


def _without_each(elements: list[ast.expr]) -> Iterator[list[ast.expr]]:
    for index in range(len(elements)):
        yield elements[:index] + elements[index + 1 :]


def _children(here: _Context, node: ast.AST) -> Iterator[Mutation]:
    for field, child in ast.iter_fields(node):
        for index, inner in enumerate(child) if isinstance(child, list) else [(None, child)]:
            yield from _child(here, Site(node, field, index), inner)


def _child(here: _Context, site: Site, child: object) -> Iterator[Mutation]:
    match child:
        case ast.expr():
            is_condition = site.field in ("test", "ifs")
            yield from _expression(here, site, child, is_condition=is_condition)
        case ast.comprehension() | ast.keyword():
            yield from _children(here, child)


def _operand(here: _Context, site: Site, node: ast.expr, *, is_condition: bool) -> Iterator[Mutation]:
    """Change a part of a condition: to force it to one outcome is the same as to drop it, or to force the whole."""
    for mutation in _expression(here, site, node, is_condition=is_condition):
        is_forced = is_condition and mutation.site == site and mutation.after in ("True", "False")
        if not is_forced:
            yield mutation


def _compare(here: _Context, site: Site, node: ast.Compare, *, is_condition: bool) -> Iterator[Mutation]:
    table = BOUNDS if is_condition and len(node.ops) == 1 else BOUNDS | FLIPS
    for index, op in enumerate(node.ops):
        if new := table.get(type(op)):
            ops = [*node.ops[:index], new(), *node.ops[index + 1 :]]
            yield here.change(site, ast.Compare(node.left, ops, node.comparators))
    for index, (op, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple):
            for left in _without_each(right.elts):
                yield here.change(Site(node, "comparators", index), ast.Tuple(left, ast.Load()))


def _constant(here: _Context, site: Site) -> Iterator[Mutation]:
    node = _node_at(site)
    assert isinstance(node, ast.Constant)
    match node.value:
        case bool():
            yield here.change(site, ast.Constant(value=not node.value))
        case int():
            yield here.change(site, ast.Constant(node.value + 1))
        case "":
            yield here.change(site, ast.Constant("x"))


def _call(here: _Context, site: Site, node: ast.Call) -> Iterator[Mutation]:
    match node.func:
        case ast.Name(name) if name in NAMES:
            new = ast.Call(ast.Name(NAMES[name], ast.Load()), node.args, node.keywords)
            yield here.change(site, new)
        case ast.Attribute(value=ast.Name(name)) if name not in SELVES:
            pass  # a module's function, or a predicate
        case ast.Attribute(value=value, attr=method) if method != "_replace":
            yield here.change(site, value)
    for index, keyword in enumerate(node.keywords):
        left = node.keywords[:index] + node.keywords[index + 1 :]
        text = f"{ast.unparse(node.func)}(..., {keyword.arg}={ast.unparse(keyword.value)})"
        yield here.change(site, ast.Call(node.func, node.args, left), text, f"{ast.unparse(node.func)}(...)")
