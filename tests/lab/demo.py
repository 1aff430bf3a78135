"""The demo: three real servers start, lose power under load, and come back with every acknowledged row.

The demo only shows what the agents do; it decides nothing.
The exit status is 0 only if all checks succeed.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import pymysql

from tests.lab import machine, oracle, report, user
from tests.lab.decisions import Decisions
from tests.lab.lab import Lab, LabTimeoutError
from tests.lab.layout import NoNetworkError, PathTooLongError
from tests.lab.screen import Screen
from tests.lab.view import Row, read_rows
from tests.lab.writer import Writer

PODS = 3

WRITING = 5.0
"""Seconds of writing before the power is cut."""

EXPECTED = (
    user.NotInstalledError,
    NoNetworkError,
    PathTooLongError,
    LabTimeoutError,
    TimeoutError,
    pymysql.Error,
    report.ReportFailedError,
)
"""Faults that are printed in one line, without a traceback."""

BANNER = """\
Three Galera pods start on loopback addresses: real mariadbd, real DNS, no container, no Kubernetes.
A client writes; then all processes of all pods are killed at once (kill -9), as in a power cut.
The pods find each other, the right one bootstraps, and every acknowledged row must be on all three."""


def main(svg: Path | None = None) -> int:
    """Run the demo on standard output, and write its outage as a picture; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    screen = Screen(sys.stdout)
    try:
        machine.check()
        screen.print(BANNER + "\n")
        with Lab(replicas=PODS) as lab, _without_interrupts_at_the_end():
            return _show(lab, screen, svg)
    except EXPECTED as exc:
        sys.stderr.write(f"demo: {exc}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ndemo: interrupted; all processes have ended and the folder is removed\n")
        return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _without_interrupts_at_the_end() -> Iterator[None]:
    """Ignore signals from the end of the block on, so that a second Ctrl-C does not interrupt the lab's clean-up."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


class Watch:
    """Keeps the table up to date and prints decisions while the demo goes on; a context manager."""

    def __init__(self, lab: Lab, screen: Screen) -> None:
        self._lab, self._screen, self._decisions = lab, screen, Decisions(lab)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.rows: list[Row] = []
        """The rows of the table as last read."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._screen.freeze()

    def is_all_synced(self) -> bool:
        """Whether the table from the agents shows that all pods are Synced."""
        return all(row.local_state == "Synced" and row.size == str(PODS) for row in self.rows)

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.rows = read_rows(self._lab)
            self._decisions.show(self._screen)
            self._screen.draw(self.rows)
            self._stop.wait(0.5)


def _start(lab: Lab, screen: Screen) -> tuple[float, float]:
    """Start all pods that are off; returns the seconds until the first is Primary and until all are Synced."""
    began = time.monotonic()
    with Watch(lab, screen) as watch:
        if lab.pods:
            lab.start_all()
        else:
            lab.up()
        lab.wait_primary()
        primary = time.monotonic() - began
        screen.print_timed(f"first Primary Component after {primary:.1f} s")
        lab.wait_synced(PODS)
        synced = time.monotonic() - began
        lab.wait("the agents report that all are Synced", watch.is_all_synced, 60.0)
    return primary, synced


def _show(lab: Lab, screen: Screen, svg: Path | None) -> int:
    screen.print_timed(f"first start of {PODS} pods in {lab.folder}")
    first = _start(lab, screen)
    with Writer(lab.layout, [pod.ip for pod in lab.pods.values()], lab.folder / "acknowledged") as writer:
        screen.print()
        screen.print_timed(
            f"{len(lab.pods)} servers are Synced; a client writes through all of them for {WRITING:.0f} s"
        )
        writer.wait_for(1)
        time.sleep(WRITING)
        lab.kill_everything()
    screen.print_timed(
        f"POWER CUT under load: all servers and agents were killed; {writer.count} rows were acknowledged"
    )
    screen.draw(read_rows(lab))
    screen.freeze()
    screen.print()
    screen.print_timed("power is back: all pods start")
    again = _start(lab, screen)
    status = _judge(lab, writer, screen, first, again)
    _draw(lab, screen, svg)
    return status


def _draw(lab: Lab, screen: Screen, svg: Path | None) -> None:
    """Show the outage as the agents have seen it."""
    pod = lab.pod(0)
    screen.print()
    screen.print("the same outage, as `galera-bootstrap events --all` shows it to a human who looks later:")
    screen.print()
    screen.print(report.run(pod, "galera-bootstrap", "events", "--all").rstrip("\n"))
    if svg is not None:
        svg.write_text(report.run(pod, "galera-bootstrap", "events", "--all", "--svg", "-"))


def _judge(lab: Lab, writer: Writer, screen: Screen, first: tuple[float, float], again: tuple[float, float]) -> int:
    verdict = oracle.judge(lab, writer.acknowledged)
    screen.print()
    for pod, rows in verdict.rows.items():
        screen.print(
            f"{pod}: {rows} rows, {len(verdict.missing[pod])} of {verdict.expected} acknowledged ones missing, "
            f"checksum {verdict.checksums[pod]}, cluster {verdict.uuids[pod]}"
        )
    screen.print()
    screen.print(f"first start     first Primary {first[0]:5.1f} s   {PODS} x Synced {first[1]:5.1f} s")
    screen.print(f"after the cut   first Primary {again[0]:5.1f} s   {PODS} x Synced {again[1]:5.1f} s")
    for complaint in verdict.complaints:
        screen.print(f"FAILED: {complaint}")
    if verdict.is_correct and verdict.expected:
        screen.print(f"OK: all {verdict.expected} acknowledged rows are on all {PODS} servers of one cluster.")
        return 0
    return 1
