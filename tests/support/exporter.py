"""The real mysqld_exporter, with the account, the file and the options that a user gives it.

python -m tests.support.exporter     if there is none, builds one into the cache, outside of the clone
"""

import contextlib
import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dns.knot import free_port
from tests.paths import ROOT
from tests.support.bootstrap.metrics import Metrics, parse_metrics
from tests.support.go_program import GoProgram, NoGoError, print_path

VERSION = "v0.19.0"
"""The newest version that the Go module proxy was seen to have; the manifest has the image of the same."""

MODULE = "github.com/prometheus/mysqld_exporter"

PROGRAM = GoProgram("mysqld_exporter", MODULE, VERSION, module=MODULE)

_PATCH = yaml.safe_load((ROOT / "manifests/components/metrics/mysqld-exporter/container.yaml").read_text())

CONTAINER: Mapping[str, Any] = _PATCH[-1]["value"]

PAGE = (ROOT / "docs" / "metrics.md").read_text()

USER = "galera_exporter"

PASSWORD = "a-password-for-the-exporter"

PATIENCE_S = 30.0


def read_statements() -> list[str]:
    """The statements of docs/metrics.md that make the account."""
    (found,) = re.findall(r"<<END\n(.*?)\nEND\n", PAGE, re.DOTALL)
    return [line.removesuffix(";").replace("${password:?}", PASSWORD) for line in found.splitlines()]


def read_file() -> str:
    """The my.cnf that docs/metrics.md makes."""
    line: str
    (line,) = re.findall(r"printf '(\[client\][^']+)'", PAGE)
    return line.replace("\\n", "\n").replace("%s", PASSWORD)


class Exporter:
    """One that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process, self.port = process, port

    def read(self) -> Metrics:
        """Scrape it once."""
        return parse_metrics(self.ask("/metrics"))

    def ask(self, path: str) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        assert answer.status == 200, text
        return text


def make_arguments(my_cnf: Path) -> Sequence[str]:
    """The arguments of the manifest's container, with the file at another place."""
    (mount,) = CONTAINER["volumeMounts"]
    return [word.replace(f"{mount['mountPath']}/my.cnf", str(my_cnf)) for word in CONTAINER["args"]]


@contextmanager
def exporter(my_cnf: Path) -> Iterator[Exporter]:
    """Run it on loopback with this file; skips the test, loudly, where it cannot be built."""
    try:
        program = PROGRAM.ensure_built()
    except (NoGoError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"NOT TESTED: mysqld_exporter: {exc}")
    port = free_port("127.0.0.1")
    command = (program, *make_arguments(my_cnf), f"--web.listen-address=127.0.0.1:{port}")
    log = my_cnf.with_name("exporter.log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        running, end = Exporter(process, port), time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError):
                running.read()
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


if __name__ == "__main__":
    sys.exit(print_path(PROGRAM.ensure_built))
