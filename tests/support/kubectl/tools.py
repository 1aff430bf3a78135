"""Finds the programs that the plugin's tests need: a real kubectl, krew, and krew's validator of manifests.

python -m tests.support.kubectl.tools     builds krew and its validator into the cache, from the Go module proxy
"""

import shutil
import sys
from pathlib import Path

import pytest

from tests.kubernetes.machines.binaries import program
from tests.paths import ROOT
from tests.support.go_program import GoProgram, print_path

KREW = "v0.4.3"
"""The newest version that the Go module proxy was seen to have."""

KREW_PROGRAMS = {
    name: GoProgram(name, f"sigs.k8s.io/krew/cmd/{name}", KREW) for name in ("krew", "validate-krew-manifest")
}

PLUGIN = ROOT / "scripts/plugin"

SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox": ("busybox", "sh")}
"""The shells that the plugin must run in."""


def find_kubectl() -> Path | None:
    """Find a kubectl: that of the PATH, or the one that the test cluster has built."""
    if found := shutil.which("kubectl"):
        return Path(found)
    built = program("kubectl")
    return built if built.is_file() else None


def require_kubectl() -> Path:
    """Return a kubectl; skips the test, loudly, where there is none."""
    found = find_kubectl()
    if found is None:
        pytest.skip("NOT TESTED: kubectl galera; no kubectl is in the PATH, and `make e2e` has built none")
    return found


def require_shell(name: str) -> tuple[str, ...]:
    """Return the words that start this shell; skips the test, loudly, where it is missing."""
    if shutil.which(SHELLS[name][0]) is None:
        pytest.skip(f"NOT TESTED: kubectl galera in {name}: apt-get install {name}")
    return SHELLS[name]


def require_krew(name: str) -> Path:
    """Return a program of krew of that very version; skips the test, loudly, where it was not built."""
    program = KREW_PROGRAMS[name]
    if program.built is None:
        pytest.skip(f"NOT TESTED: krew's manifest; no {program.cached}: run `make manifest-tools`, which needs go")
    return program.built


def build_krew() -> str:
    """Build what is missing; returns the paths.  Raises NoGoError."""
    return "\n".join(program.ensure_built() for program in KREW_PROGRAMS.values())


if __name__ == "__main__":
    sys.exit(print_path(build_krew))
