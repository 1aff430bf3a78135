"""Finds the program that builds the manifests: kustomize or kubectl on the PATH, or a kustomize built from its source.

python -m tests.support.manifests.kustomize     if there is none, builds one into the cache, outside of the clone
"""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.go_program import GoProgram, print_path

PROGRAM = GoProgram("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.8.2")
"""The newest version that Go 1.26 builds; a first build fetches 25 modules and takes two minutes on two busy cores."""

Argv = tuple[str, ...]


@cache
def find() -> Argv | None:
    """Find the command that builds a folder, without the folder's name; None when there is none."""
    if kustomize := PROGRAM.find():
        return kustomize, "build"
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


if __name__ == "__main__":
    sys.exit(print_path(lambda: " ".join(find() or (PROGRAM.build(), "build"))))
