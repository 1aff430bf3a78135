"""Work on several threads, and a process that ends whatever they do."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from bootstrap.process.workers import Workers

PATIENCE_S = 60


def test_all_that_ends_in_time_is_returned() -> None:
    release = threading.Event()
    workers = Workers(2, "test")

    found = workers.run({1: lambda: "a", 2: lambda: "b", 3: lambda: "c"}, PATIENCE_S)
    late = workers.run({1: lambda: release.wait(PATIENCE_S), 2: lambda: True}, 0.2)
    release.set()

    assert found == {1: "a", 2: "b", 3: "c"}
    assert late == {2: True}
    assert workers.run({}, PATIENCE_S) == {}


def test_what_was_not_begun_in_time_is_dropped() -> None:
    release, began = threading.Event(), []
    workers = Workers(1, "test")

    assert workers.run({1: lambda: release.wait(PATIENCE_S), 2: lambda: began.append(2)}, 0.2) == {}
    release.set()

    assert workers.run({3: lambda: "next"}, PATIENCE_S) == {3: "next"}
    assert began == []


def test_a_fault_is_the_callers() -> None:
    def fail() -> None:
        raise ValueError("a fault")

    workers = Workers(1, "test")
    with pytest.raises(ValueError, match="a fault"):
        workers.run({1: fail}, PATIENCE_S)
    assert workers.run({1: lambda: 1}, PATIENCE_S) == {1: 1}


def test_threads_are_no_more_than_the_work_and_no_more_than_allowed() -> None:
    workers = Workers(3, "counted")
    for count in (1, 2, 9):
        workers.run(dict.fromkeys(range(count), int), PATIENCE_S)

    assert sum(one.name == "counted" for one in threading.enumerate()) == 3


STUCK = """
import sys, threading, time
from bootstrap.process.log import die_by_signal
from bootstrap.process.workers import Workers
die_by_signal(0.5 if "main" in sys.argv else None)
Workers(2, "stuck").run({1: threading.Event().wait, 2: threading.Event().wait}, 0.1)
print("ready", flush=True)
try:
    time.sleep(60)
finally:
    if "main" in sys.argv:
        threading.Event().wait()
"""


@pytest.mark.parametrize("place", ["worker", "main"])
def test_a_signal_ends_a_process_with_stuck_threads(place: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", STUCK, place], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        try:
            assert process.wait(10) == 128 + signal.SIGTERM
        finally:
            process.kill()
        assert time.monotonic() - began < 5
