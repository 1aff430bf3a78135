"""What the lab does to the processes of a container."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.processes import freeze

THREADS = """
import threading, time
def work():
    while True:
        pass
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
print("up", flush=True)
time.sleep(1000)
"""


def read_states(pid: int) -> set[str]:
    return {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()}


def test_when_freeze_returns_no_thread_of_the_process_runs() -> None:
    with subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(20):
                freeze([process.pid])
                assert read_states(process.pid) == {"T"}
                process.send_signal(signal.SIGCONT)
        finally:
            process.kill()


def test_a_process_that_has_ended_stands_still() -> None:
    with subprocess.Popen(["true"]) as process:
        freeze([process.pid])
        process.send_signal(signal.SIGCONT)
    freeze([process.pid])


def test_a_process_that_does_not_stop_in_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        with monkeypatch.context() as patched:
            patched.setattr("os.kill", lambda *_: None)
            with pytest.raises(TimeoutError, match="does not stand still"):
                freeze([process.pid], seconds=0.05)
        process.kill()
