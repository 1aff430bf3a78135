"""yamllint and shellcheck find nothing in the files and scripts of the manifests."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.manifests.built import MANIFESTS


def complaints(*argv: str | Path) -> str:
    """Run a linter and return its output; it must fail exactly if it prints something."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode != 0) == bool(done.stdout), done.stderr
    return done.stdout


def test_yamllint_finds_nothing() -> None:
    if find_spec("yamllint") is None:
        pytest.skip("NOT TESTED: the form of the manifests; yamllint is missing: run scripts/setup.sh test")

    assert complaints(sys.executable, "-m", "yamllint", "-c", MANIFESTS / ".yamllint", MANIFESTS) == ""


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck", path=Path(sys.executable).parent)
    if shellcheck is None:
        pytest.skip("NOT TESTED: the scripts of the manifests; shellcheck is missing: run scripts/setup.sh test")
    scripts = sorted(MANIFESTS.rglob("*.sh"))

    assert scripts
    assert complaints(shellcheck, *scripts) == ""
