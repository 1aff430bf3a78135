"""The import rules of docs/architecture.md, read from the code's own imports."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for package in ("peerfinder", "bootstrap") for path in (ROOT / package).rglob("*.py"))

PURE = {
    "peerfinder": {"peers", "domain", "watch", "pace", "doctor", "observed", "status", "handover", "wire", "errors"},
    "bootstrap": {
        "errors", "facts", "decide", "promise", "grastate", "gvwstate", "position", "record", "seal", "pod", "classify",
        "world", "verdict", "probes", "standing", "lineage", "word", "version", "exposition", "metrics", "events",
        "tally", "overview", "joining", "leaving", "binlog", "proof", "remember",
    },
}  # fmt: skip
"""Modules that only compute: standard library without I/O, and other pure modules."""

LEAVES = {
    "peerfinder": {"nameservers", "lookup", "hook", "resolver", "signals", "ordinals", "probe", "health", "relay"},
    "bootstrap": {
        "render",
        "datadir",
        "recover",
        "journal",
        "permission",
        "lock",
        "exchange",
        "server",
        "initialise",
        "control",
        "files",
        "install",
        "bounded",
        "health",
        "eventlog",
        "arrived",
        "written",
        "tls",
        "backups",
        "restored",
    },
}
"""Modules that touch the world; they may import pure modules and, of the leaves, only those in LEAF_USES."""

LEAF_USES = {
    "bootstrap.journal": {"bootstrap.files"},
    "bootstrap.permission": {"bootstrap.files"},
    "bootstrap.eventlog": {"bootstrap.files"},
    "bootstrap.render": {"bootstrap.files"},
    "bootstrap.install": {"bootstrap.files"},
    "bootstrap.datadir": {"bootstrap.files", "bootstrap.recover", "bootstrap.written"},
    "bootstrap.written": {"bootstrap.files"},
    "bootstrap.initialise": {"bootstrap.files"},
    "bootstrap.backups": {"bootstrap.files"},
    "bootstrap.restored": {"bootstrap.files"},
    "bootstrap.exchange": {"bootstrap.bounded"},
    "bootstrap.health": {"bootstrap.bounded"},
    "peerfinder.resolver": {"peerfinder.nameservers"},
    "peerfinder.lookup": {"peerfinder.nameservers", "peerfinder.resolver"},
    "peerfinder.ordinals": {"peerfinder.nameservers", "peerfinder.lookup", "peerfinder.resolver"},
    "peerfinder.probe": {"peerfinder.nameservers", "peerfinder.resolver"},
    "peerfinder.hook": {"peerfinder.signals", "peerfinder.relay"},
}
"""The exceptions, each because the used leaf is a plain tool (an atomic file, a socket) and not a peer."""

THIRD_PARTY = {
    "dns": {"peerfinder.lookup", "peerfinder.resolver", "peerfinder.probe"},
    "pymysql": {"bootstrap.server"},
    "jinja2": {"bootstrap.render"},
    "click": {"peerfinder.cli", "bootstrap.cli", "peerfinder.commands", "bootstrap.commands"},
    "tenacity": {f"{package}.{leaf}" for package, leaves in LEAVES.items() for leaf in leaves},
}
"""Who may import which dependency."""

IO_MODULES = {
    "socket", "subprocess", "os", "pathlib", "threading", "time", "http", "urllib", "signal", "fcntl", "logging",
    "shutil", "tempfile", "selectors", "asyncio", "random", "secrets",
}  # fmt: skip
"""Standard modules that a pure module must not import: I/O, clocks, randomness, threads."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(path: Path) -> set[str]:
    """Every module that the file imports at run time, wherever the import stands."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not is_type_checking(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            found |= {
                f"{module}.{alias.name}"
                if module.split(".")[0] in PURE and is_module(f"{module}.{alias.name}")
                else module
                for alias in node.names
            }
    return found


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def layer_of(dotted: str) -> str:
    package, _, rest = dotted.partition(".")
    head = rest.split(".")[0]
    if head in PURE[package]:
        return "pure"
    if head in LEAVES[package]:
        return "leaf"
    return "commands" if head in ("commands", "cli", "main", "containers", "__main__") else "loop"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_inwards(path: Path) -> None:
    name, layer = name_of(path), layer_of(name_of(path))
    ours = {m for m in imports_of(path) if m.split(".")[0] in PURE and m not in PURE}
    for used in ours:
        assert not (name.startswith("peerfinder") and used.startswith("bootstrap")), f"{name} imports {used}"
        other = layer_of(used)
        if layer == "pure":
            assert other == "pure", f"{name} is pure and imports {used}"
        elif layer == "leaf":
            assert other == "pure" or used in LEAF_USES.get(name, set()), f"leaf {name} imports {used}"
        elif layer == "loop":
            assert other != "commands", f"{name} imports the command {used}"


@pytest.mark.parametrize("path", [p for p in MODULES if layer_of(name_of(p)) == "pure"], ids=name_of)
def test_a_pure_module_does_no_io(path: Path) -> None:
    assert not {m.split(".")[0] for m in imports_of(path)} & IO_MODULES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_dependency_stays_in_its_place(path: Path) -> None:
    name = name_of(path)
    for module in imports_of(path):
        top = module.split(".")[0]
        if top in PURE or top in sys.stdlib_module_names:
            continue
        allowed = THIRD_PARTY.get(top, set())
        assert any(name == a or name.startswith(f"{a}.") for a in allowed), f"{name} imports {top}"
