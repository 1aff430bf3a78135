"""Finds the program that renders the chart: helm on the PATH, or one that is built from its source.

python -m tests.support.manifests.helm     if there is none, builds one into the cache, outside of the clone
HELM names another helm: for a second run of the tests with version 4.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.paths import ROOT
from tests.support.go_program import GoProgram, print_path
from tests.support.manifests.built import Documents, parse

MODULE = "helm.sh/helm/v3"

MAJOR, MINOR = "1", "37"
"""The version of Kubernetes that helm assumes when it renders without a cluster: that of its own client library."""

PROGRAM = GoProgram(
    "helm",
    f"{MODULE}/cmd/helm",
    "v3.22.0",
    # As upstream's Makefile does it; without these, helm takes itself for one of Kubernetes 1.20.
    stamps={
        f"{MODULE}/internal/version.version": "v3.22.0",
        f"{MODULE}/pkg/lint/rules.k8sVersionMajor": MAJOR,
        f"{MODULE}/pkg/lint/rules.k8sVersionMinor": MINOR,
        f"{MODULE}/pkg/chartutil.k8sVersionMajor": MAJOR,
        f"{MODULE}/pkg/chartutil.k8sVersionMinor": MINOR,
    },
    seconds=3600.0,  # a first build compiles 900 packages, and takes eight minutes on two busy cores
)

CHART = ROOT / "manifests/chart/galera"

MISSING = "NOT TESTED: the chart; there is no helm: run `python -m tests.support.manifests.helm`"

Values = Mapping[str, Any]


class HelmError(Exception):
    """Helm has refused; the text is its own."""


@cache
def find() -> str | None:
    """Find the program; None when there is none."""
    return os.environ.get("HELM") or PROGRAM.find()


def run(*words: str, env: Mapping[str, str] | None = None, seconds: float = 120.0) -> str:
    """Run helm, without the settings of the user who runs the tests; returns its output.  Raises HelmError."""
    program = find()
    if program is None:
        raise FileNotFoundError("helm")
    with tempfile.TemporaryDirectory() as home:
        own = {"PATH": os.environ["PATH"], "HOME": home, **(env or {})}
        done = subprocess.run((program, *words), env=own, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise HelmError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def template(values: Values, *words: str, release: str = "db", namespace: str = "db", chart: Path = CHART) -> Documents:
    """Render the chart without a cluster.  Raises HelmError."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(values))
        file.flush()
        text = run("template", release, str(chart), f"--namespace={namespace}", f"--values={file.name}", *words)
    return tuple(one for one in parse(text) if one)


if __name__ == "__main__":
    sys.exit(print_path(lambda: find() or PROGRAM.build()))
