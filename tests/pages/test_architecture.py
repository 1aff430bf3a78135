"""The order of folders in docs/architecture.md, read from the code's own imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

ORDER = {
    "bootstrap": (
        "__main__",
        "main",
        "cli",
        "commands",
        "entrypoints",
        "agent starter operations",
        "datadir",
        "mariadb",
        "network",
        "control",
        "storage",
        "settings",
        "secret_files",
        "setting_checks",
        "core.status core.participant core.repository",
        "core.system_tables core.obstacles",
        "core.decision core.galera core.binlog",
        "core.model",
        "process",
        "errors",
    ),
    "peerfinder": (
        "cli",
        "commands",
        "poll",
        "doctor log witness",
        "hooks dns health",
        "core",
        "flags imports environment",
        "errors",
    ),
}
"""Folders and files of a package from the top to the bottom; what shares a line does not import each other."""

SHARED = ("core", "dns", "imports", "environment", "errors")
"""What `bootstrap` may use of `peerfinder`."""

PLACE_OF = {
    "dns": ("peerfinder.dns",),
    "pymysql": ("bootstrap.mariadb.client", "bootstrap.operations.binlog.log_source"),
    "jinja2": ("bootstrap.mariadb.config",),
    "click": ("peerfinder.cli", "peerfinder.commands", "bootstrap.cli", "bootstrap.commands"),
    "tenacity": ("bootstrap.control",),
}
"""Where each dependency may be imported."""

IO_MODULES = {
    "socket", "subprocess", "os", "pathlib", "threading", "time", "http", "urllib", "signal", "fcntl", "logging",
    "shutil", "tempfile", "selectors", "asyncio", "random", "secrets",
}  # fmt: skip
"""What nothing under `core` imports: I/O, clocks, randomness, threads."""

LINES, FILES = 320, 12


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for package in ORDER for path in sorted((ROOT / package).rglob("*.py"))}


def imports_of(path: Path) -> set[str]:
    """Every module that the file imports, wherever the import stands, type checkers' ones included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "_typeshed":
            continue  # for type checkers only, no module
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found


def floor_of(module: str) -> tuple[int, str]:
    """The line of ORDER that a module stands in, and which of the line's folders it is in."""
    package, _, rest = module.partition(".")
    for floor, line in enumerate(ORDER[package]):
        for folder in line.split():
            if rest == folder or rest.startswith(f"{folder}."):
                return floor, folder
    raise AssertionError(f"{module} has no place in the order of folders")


def crossing(module: str) -> list[str]:
    """What this module imports against the order."""
    package, (floor, folder) = module.split(".", maxsplit=1)[0], floor_of(module)
    wrong = []
    for used in imports_of(MODULES[module]) & MODULES.keys():
        other = used.split(".", maxsplit=1)[0]
        if other != package:
            allowed = package == "bootstrap" and floor_of(used)[1] in SHARED
        elif used == package:
            allowed = True  # its docstring and version
        else:
            below, beside = floor_of(used)
            allowed = below > floor or (below, beside) == (floor, folder)
        wrong += [] if allowed else [used]
    return wrong


def foreign(module: str) -> list[str]:
    """The dependencies that this module imports outside of their places."""
    tops = {used.split(".", maxsplit=1)[0] for used in imports_of(MODULES[module])}
    tops -= ORDER.keys() | set(sys.stdlib_module_names)
    return [top for top in tops if not any(f"{module}.".startswith(f"{at}.") for at in PLACE_OF.get(top, ()))]


INSIDE = [m for m, path in MODULES.items() if m not in ORDER and path.name != "__init__.py"]


def test_no_import_runs_against_the_order_of_folders() -> None:
    assert {module: wrong for module in INSIDE if (wrong := crossing(module))} == {}


def test_a_dependency_stays_in_its_place() -> None:
    assert {module: wrong for module in INSIDE if (wrong := foreign(module))} == {}


def test_core_is_pure() -> None:
    core = [module for module in INSIDE if module.split(".")[1] == "core"]
    assert len(core) > 20

    tops = {m: {used.split(".", maxsplit=1)[0] for used in imports_of(MODULES[m])} & IO_MODULES for m in core}
    assert {module: found for module, found in tops.items() if found} == {}


def test_the_images_leave_out_nothing_that_is_imported() -> None:
    """Also what is imported only inside of a function, which no start of a container would show."""
    text = (ROOT / "images/galera-install/pyproject.toml").read_text()
    left_out = set(tomllib.loads(text)["tool"]["cxfreeze"]["build_exe"]["excludes"])
    used = {module.partition(".")[0] for path in MODULES.values() for module in imports_of(path)}
    assert "xml" in left_out
    assert used & left_out == set()


def test_every_file_says_what_it_is_for_and_a_folder_only_that() -> None:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), module
        if path.name == "__init__.py" and module not in ORDER:
            assert len(tree.body) == 1, f"{module} is more than its charter: it would be paid for at every start"


def test_files_and_folders_stay_small() -> None:
    long = {m: n for m, path in MODULES.items() if (n := len(path.read_text().splitlines())) > LINES}
    folders = {path.parent for path in MODULES.values()}
    full = {
        name_of(f): n for f in folders if (n := len([p for p in f.glob("*.py") if p.name != "__init__.py"])) > FILES
    }
    assert (long, full) == ({}, {})


@pytest.mark.parametrize("package", ORDER)
def test_the_page_shows_the_same_order(package: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(rf"^\| (`{package}/[^|]*) \|", text, flags=re.MULTILINE)
    shown = [frozenset(re.findall(rf"`{package}/([\w/]+?)(?:/|\.py)?`", row)) for row in rows]
    order = [frozenset(line.replace(".", "/").split()) - {"__main__"} for line in ORDER[package]]
    assert [name for row in shown for name in sorted(row)] == [name for line in order for name in sorted(line)]
