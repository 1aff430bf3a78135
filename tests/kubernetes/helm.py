"""Runs helm for a cluster that kubectl reaches, with the words by which kubectl reaches it."""

import os
import subprocess
from pathlib import Path

from tests.kubernetes.kubectl import GRACE, Kubectl
from tests.kubernetes.waiting import ClusterError
from tests.support.manifests import helm


def run(kubectl: Kubectl, *words: str, seconds: float = 60.0) -> str:
    """Run helm in kubectl's namespace; returns its output.  Raises ClusterError with its complaint."""
    (at,) = (place for place, word in enumerate(kubectl.command) if Path(word).name == "kubectl")
    options = [word.replace("--context=", "--kube-context=") for word in kubectl.command[at + 1 :]]
    argv = (*kubectl.command[:at], str(helm.find()), *words, *options, f"--namespace={kubectl.namespace}")
    shown = f"helm {' '.join(words[:2])}"
    try:
        done = subprocess.run(
            argv, env=dict(os.environ), capture_output=True, text=True, timeout=seconds + GRACE, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise ClusterError(f"{shown}: it has not ended after {seconds + GRACE:.0f} s") from exc
    if done.returncode != 0:
        raise ClusterError(f"{shown}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
