"""A real Prometheus on loopback, for one test."""

import http.client
import json
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dns.knot import free_port

PATIENCE_S = 180.0

Labels = Mapping[str, str]


class QueryRefusedError(Exception):
    """Prometheus does not take the expression; the text is its own."""


class Prometheus:
    """Its API."""

    def __init__(self, port: int) -> None:
        self.port = port

    def query(self, expression: str, seconds: int) -> list[dict[str, Any]]:
        """The series of an expression in the last seconds, a point each second.  Raises QueryRefusedError."""
        now = time.time()
        asked = {"query": expression, "start": now - seconds, "end": now, "step": 1}
        answer = self._ask(f"/api/v1/query_range?{urllib.parse.urlencode(asked)}")
        if answer["status"] != "success":
            raise QueryRefusedError(f"{answer['error']}: {expression}")
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def read_alerts(self) -> dict[str, str]:
        """Alert -> inactive, pending or firing, or why its expression failed."""
        groups = self._ask("/api/v1/rules")["data"]["groups"]
        return {rule["name"]: rule["state"] if rule["health"] == "ok" else f"{rule['health']} {rule.get('lastError')}"
                for group in groups for rule in group["rules"]}  # fmt: skip

    def is_ready(self) -> bool:
        try:
            self._ask("/api/v1/status/runtimeinfo")
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return True

    def _ask(self, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer: dict[str, Any] = json.load(connection.getresponse())
        finally:
            connection.close()
        return answer


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, Labels], rules: list[dict[str, Any]]) -> Iterator[Prometheus]:
    """Run one that reads the targets (HOST:PORT -> labels) each second, and evaluates the rules as often."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("NOT TESTED: dashboards and alerts by a real Prometheus; apt-get install prometheus")
    port = free_port("127.0.0.1")
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "galera", "rules": rules}]}))
    sources = [{"targets": [target], "labels": dict(labels)} for target, labels in targets.items()]
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "galera", "static_configs": sources}],
        })
    )  # fmt: skip
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        running, deadline = Prometheus(port), time.monotonic() + PATIENCE_S
        while not running.is_ready():
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            assert time.monotonic() < deadline, "Prometheus does not answer"
            time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
