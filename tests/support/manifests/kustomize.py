"""The program that builds the manifests: kustomize or kubectl on the PATH, or a kustomize built from its source.

python -m tests.support.manifests.kustomize     builds one into the cache, outside of the clone, where there is none
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

MODULE = "sigs.k8s.io/kustomize/kustomize/v5"

VERSION = "v5.8.2"
"""The newest that Go 1.26 builds."""

BUILD_SECONDS = 1800.0
"""A cold build fetches 25 modules and takes two minutes on two busy cores."""

Argv = tuple[str, ...]


def cached() -> Path:
    """Where the program is that we build ourselves."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "peerfinder-kustomize" / VERSION / "kustomize"


@cache
def found() -> Argv | None:
    """The command that builds a folder, without the folder; None when there is none here."""
    if kustomize := shutil.which("kustomize"):
        return kustomize, "build"
    if os.access(cached(), os.X_OK):
        return str(cached()), "build"
    if kubectl := shutil.which("kubectl"):
        return kubectl, "kustomize"
    return None


def build(folder: Path) -> str:
    """The manifests of a kustomization, as one text; raises RuntimeError with what kustomize says."""
    command = found()
    if command is None:
        raise FileNotFoundError("kustomize")
    done = subprocess.run((*command, str(folder)), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{folder}: {done.stderr.strip()}")
    return done.stdout


def install() -> None:
    """Build the program into the cache, by the Go module proxy; raises subprocess.CalledProcessError."""
    folder = cached().parent
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
    subprocess.run(("go", "install", f"{MODULE}@{VERSION}"), env=environment, check=True, timeout=BUILD_SECONDS)


def main() -> int:
    """Say what is there, or build it."""
    command = found()
    if command is None:
        if not shutil.which("go"):
            print("there is no kustomize, no kubectl, and no go to build one with", file=sys.stderr)
            return 1
        install()
        found.cache_clear()
        command = found()
    print(" ".join(command or ()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
