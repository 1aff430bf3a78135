"""kubectl completes `kubectl galera`: it runs kubectl_complete-galera with what was typed."""

import os
import subprocess
from pathlib import Path

import pytest

from bootstrap.cli import DECIDE
from tests.support.kubectl.api import Api
from tests.support.kubectl.objects import pod, stateful_set
from tests.support.kubectl.tools import PLUGIN, require_kubectl, require_shell

COMMANDS = ["status", "explain", "events", "healthz", "logs", "sql", "backup", "restore", *DECIDE, "doctor", "help"]

PODS = ["mysql-0", "mysql-1", "mysql-2"]


def complete(api: Api, tmp_path: Path, *words: str, through_kubectl: bool = True, shell: str = "dash") -> list[str]:
    """Return what is offered for the last word, and the directive."""
    kubectl = require_kubectl()
    config = api.write_config(tmp_path / "config")
    path = f"{PLUGIN}:{kubectl.parent}:{os.environ['PATH']}"
    ours = [*require_shell(shell), str(PLUGIN / "kubectl_complete-galera"), *words]
    argv = [str(kubectl), "__complete", "galera", *words] if through_kubectl else ours
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(config)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("st",), ["status"]),
        (
            ("",),
            [
                "status",
                "explain",
                "events",
                "healthz",
                "logs",
                "sql",
                "backup",
                "restore",
                "force",
                "discard",
                "adopt",
                "doctor",
                "help",
            ],
        ),
        (("status", ""), PODS),
        (("force", "mysql-"), PODS),
        (("-n", "db", "status", "mysql-1"), ["mysql-1"]),
        (("--namespace=db", "explain", "--a"), ["--all"]),
        (("events", "--s"), ["--since", "--svg", "--selector"]),
        (("logs", "mysql-0", ""), ["install", "agent", "bootstrap", "mysql"]),
        (("status", "mysql-0", ""), []),
        (("status", "-o", ""), ["table", "json"]),
        (("--cluster", "my"), ["mysql"]),
        (("--context", ""), ["lab"]),
        (("-n", "elsewhere", "status", ""), []),
        (("-l", "app=none", "status", ""), []),
        (("backup", ""), []),
    ],
)
def test_what_is_offered(api: Api, tmp_path: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert complete(api, tmp_path, *words, through_kubectl=False) == [*offered, ":4"]


def test_each_shell_offers_the_same(api: Api, tmp_path: Path, shell: str) -> None:
    offered = complete(api, tmp_path, "-n", "db", "--cluster=mysql", "logs", "", through_kubectl=False, shell=shell)
    assert offered == [*PODS, ":4"]


def test_files_are_offered_where_a_file_is_meant(api: Api, tmp_path: Path) -> None:
    assert complete(api, tmp_path, "events", "--svg", "x", through_kubectl=False) == [":0"]


def test_kubectl_asks_for_it(api: Api, tmp_path: Path) -> None:
    api.objects["statefulsets"] = [stateful_set("shop")]
    api.objects["pods"] = [pod("shop-0")]
    assert complete(api, tmp_path, "status", "sh") == ["shop-0", ":4"]
