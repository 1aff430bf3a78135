"""The library for wrong clocks and bad disks has its documented effects, and no others."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab import faulty
from tests.lab.user import NotInstalledError


def run_python(code: str, **env: str) -> str:
    """Run Python code with the library; returns its output."""
    try:
        env |= {"LD_PRELOAD": str(faulty.build_library())}
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    done = subprocess.run((sys.executable, "-c", code), env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_time_of_day_is_shifted_and_a_wait_lasts_as_long_as_before() -> None:
    code = (
        "import threading, time; began = time.monotonic(); time.sleep(0.2); threading.Event().wait(0.2); "
        "print(time.time(), time.monotonic() - began)"
    )
    now, waited = map(float, run_python(code, LAB_SHIFT="-7200").split())

    assert time.time() - 7200 == pytest.approx(now, abs=60)
    assert 0.4 <= waited < 30


def test_only_the_paths_of_a_bad_disk_fail_and_only_while_it_is_bad(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("data/a", "other"):
        (tmp_path / name).write_text("whole")
    bad = tmp_path / "bad"
    code = f"print(open('{tmp_path}/data/a').read(), open('{tmp_path}/other').read())"
    assert run_python(code, LAB_BAD=str(bad)) == "whole whole\n"
    bad.write_text(f"{tmp_path}/data\n")
    assert "Errno 5" in run_python(code, LAB_BAD=str(bad))
    assert "Errno 5" in run_python(f"import os; os.fsync(os.open('{tmp_path}/data/a', os.O_RDONLY))", LAB_BAD=str(bad))
    assert run_python(f"print(open('{tmp_path}/other').read())", LAB_BAD=str(bad)) == "whole\n"
    bad.unlink()
    assert run_python(code, LAB_BAD=str(bad)) == "whole whole\n"
