"""docs/faults.md agrees with the marks of the tests."""

import re
import tomllib
from pathlib import Path

from tests.paths import ROOT

MARK = re.compile(r"pytest\.mark\.(D\d+)\b")


def test_each_fault_of_the_page_has_tests_in_the_named_files_and_each_mark_is_on_the_page() -> None:
    rows = re.findall(r"^\| (D\d+) \|.*\| ([^|]+) \|$", (ROOT / "docs/faults.md").read_text(), re.MULTILINE)
    listed = {(name, Path(path).name) for name, paths in rows for path in re.findall(r"`([^`]+)`", paths)}
    files = [
        p for folder in ("faults", "lab", "containers") for p in (ROOT / "tests/system" / folder).rglob("test_*.py")
    ]
    marked = {(name, path.name) for path in files for name in MARK.findall(path.read_text())}

    assert listed == marked


def test_each_fault_of_the_page_has_a_mark_in_pyproject() -> None:
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    names = {name for marker in markers if re.fullmatch(r"D\d+", name := marker.partition(":")[0])}

    assert names == set(re.findall(r"^\| (D\d+) \|.*`", (ROOT / "docs/faults.md").read_text(), re.MULTILINE))
