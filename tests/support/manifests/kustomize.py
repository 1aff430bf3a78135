"""Finds the program that builds the manifests: kustomize or kubectl on the PATH, or a kustomize built from its source.

python -m tests.support.manifests.kustomize     if there is none, builds one into the cache, outside of the clone
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

MODULE = "sigs.k8s.io/kustomize/kustomize/v5"

VERSION = "v5.8.2"
"""The newest version that Go 1.26 builds."""

BUILD_SECONDS = 1800.0
"""A first build fetches 25 modules and takes two minutes on two busy cores."""

Argv = tuple[str, ...]


def cached_path() -> Path:
    """The path of the program that we build ourselves."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "peerfinder-kustomize" / VERSION / "kustomize"


@cache
def find() -> Argv | None:
    """Find the command that builds a folder, without the folder's name; None when there is none."""
    if kustomize := shutil.which("kustomize"):
        return kustomize, "build"
    if os.access(cached_path(), os.X_OK):
        return str(cached_path()), "build"
    if kubectl := shutil.which("kubectl"):
        return kubectl, "kustomize"
    return None


def build(folder: Path) -> str:
    """Build the manifests of a kustomization; returns one text.  Raises RuntimeError with kustomize's message."""
    command = find()
    if command is None:
        raise FileNotFoundError("kustomize")
    done = subprocess.run((*command, str(folder)), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{folder}: {done.stderr.strip()}")
    return done.stdout


def install() -> None:
    """Build the program into the cache, from the Go module proxy; raises subprocess.CalledProcessError."""
    folder = cached_path().parent
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
    subprocess.run(("go", "install", f"{MODULE}@{VERSION}"), env=environment, check=True, timeout=BUILD_SECONDS)


def main() -> int:
    """Print the command; build the program first if there is none."""
    command = find()
    if command is None:
        if not shutil.which("go"):
            print("install kustomize, kubectl, or go to build kustomize with: none of them is here", file=sys.stderr)
            return 1
        install()
        find.cache_clear()
        command = find()
    print(" ".join(command or ()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
