"""A Kubernetes API on loopback, and the plugin as a human calls it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.kubectl.api import Api
from tests.support.kubectl.objects import pod, stateful_set
from tests.support.kubectl.tools import PLUGIN, SHELLS, require_kubectl, require_shell

SECONDS = 120.0
"""A generous bound for one call: each is some ten processes."""

Done = subprocess.CompletedProcess[str]

Galera = Callable[..., Done]
"""(word, ..., stdin="", shell="dash") -> what `kubectl galera` with these words has done."""


@pytest.fixture
def api() -> Iterator[Api]:
    """A namespace `db` with a cluster `mysql` of three members that are ready."""
    with Api() as api:
        api.objects["statefulsets"] = [stateful_set()]
        api.objects["pods"] = [pod(f"mysql-{ordinal}") for ordinal in range(3)]
        yield api


@pytest.fixture
def galera(api: Api, tmp_path: Path) -> Galera:
    """Calls the plugin with a kubeconfig for that API."""
    kubectl = require_kubectl()
    config = api.write_config(tmp_path / "config")

    def call(*words: str, stdin: str = "", shell: str = "dash", **environment: str) -> Done:
        known = {name: value for name, value in os.environ.items() if name not in ("KUBECONFIG", "NO_COLOR")}
        return subprocess.run(
            [*require_shell(shell), str(PLUGIN / "kubectl-galera"), *words],
            env=known | {"KUBECONFIG": str(config), "PATH": f"{kubectl.parent}:{known['PATH']}"} | environment,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return call


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each shell that the plugin must run in."""
    name: str = request.param
    require_shell(name)
    return name
