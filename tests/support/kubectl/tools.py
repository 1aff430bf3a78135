"""Finds the programs that the plugin's tests need: a real kubectl, krew, and krew's validator of manifests.

python -m tests.support.kubectl.tools     builds krew and its validator into the cache, from the Go module proxy
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kubernetes.machines.binaries import program
from tests.paths import ROOT

KREW = "v0.4.3"
"""The newest version that the Go module proxy was seen to have."""

KREW_PROGRAMS = {"krew": "cmd/krew", "validate-krew-manifest": "cmd/validate-krew-manifest"}

BUILD_SECONDS = 1800.0

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


def krew_folder() -> Path:
    """The cache for krew's programs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "peerfinder-krew" / KREW


def require_krew(name: str) -> Path:
    """Return a program of krew; skips the test, loudly, where it was not built."""
    path = krew_folder() / name
    if not os.access(path, os.X_OK):
        pytest.skip(f"NOT TESTED: krew's manifest; no {path}: run `make manifest-tools`, which needs go")
    return path


def main() -> int:
    """Build what is missing."""
    missing = [path for name, path in KREW_PROGRAMS.items() if not os.access(krew_folder() / name, os.X_OK)]
    if missing and not shutil.which("go"):
        print("install go to build krew's validator with (https://go.dev/dl)", file=sys.stderr)
        return 1
    for path in missing:
        krew_folder().mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(krew_folder()), "CGO_ENABLED": "0"}
        words = ("go", "install", f"sigs.k8s.io/krew/{path}@{KREW}")
        subprocess.run(words, env=environment, check=True, timeout=BUILD_SECONDS)
    print(krew_folder())
    return 0


if __name__ == "__main__":
    sys.exit(main())
