"""Children that do not outlive the call that runs them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootstrap.errors import ServerMissingError
from bootstrap.process import child

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_output_errors_and_status_are_kept_apart() -> None:
    done = child.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (done.status, done.output, done.errors) == (3, "out\n", "err\n")


def test_errors_can_be_part_of_the_output() -> None:
    done = child.run(python("import sys; print('err', file=sys.stderr)"), stderr=subprocess.STDOUT)
    assert (done.output, done.errors) == ("err\n", "")


@pytest.mark.parametrize(("given", "read"), [(None, ""), ("", ""), ("a\nb", "a\nb")])
def test_its_input_is_what_is_given_and_ends(given: str | None, read: str) -> None:
    assert child.run(python("import sys; sys.stdout.write(sys.stdin.read())"), given).output == read


def test_its_input_can_be_an_open_file(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("a\nb")
    with (tmp_path / "input").open("rb") as file:
        done = child.run(python("import sys; sys.stdout.write(sys.stdin.read())"), file.fileno())
    assert done.output == "a\nb"


def test_only_the_descriptors_that_are_named_are_inherited() -> None:
    fds = [os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)]
    for fd in fds:
        os.set_inheritable(fd, True)
    code = "import os, sys; print([os.path.exists(f'/proc/self/fd/{fd}') for fd in sys.argv[1:]])"
    try:
        assert child.run(python(code, *map(str, fds)), keep_fds=(fds[0],)).output == "[True, False]\n"
    finally:
        for fd in fds:
            os.close(fd)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ServerMissingError, match=r"cannot run no-such-program: No such file.*the database's own image"):
        child.run(("no-such-program",))


def test_after_the_timeout_nothing_is_left(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); {DEAF}"
    with pytest.raises(subprocess.TimeoutExpired):
        child.run(python(code), timeout=2)
    assert not is_running(int(pid.read_text()))


@pytest.mark.parametrize("own_group", [False, True])
def test_it_dies_with_a_call_that_is_interrupted(tmp_path: Path, own_group: bool) -> None:
    """And with a group of its own, what it has started, too."""
    pids = tmp_path / "pids"
    grandchild = (
        f"{sys.executable} -c 'import time; time.sleep(60)' & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait"
    )
    code = (
        "from bootstrap.process import child, log; log.die_by_signal(); "
        f"child.run(('sh', '-c', {grandchild!r}), stdout=-3, stderr=-3, own_group={own_group})"
    )
    caller = subprocess.Popen(python(code))
    deadline = time.monotonic() + 30
    while not pids.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    shell, below = map(int, pids.read_text().split())
    caller.terminate()
    try:
        assert caller.wait(30) == 128 + signal.SIGTERM
        wait_until_gone(shell)
        if own_group:
            wait_until_gone(below)
        else:
            assert is_running(below)
    finally:
        if is_running(below):
            os.kill(below, signal.SIGKILL)


def test_stop_ends_in_order_or_by_force() -> None:
    with child.start(python(DEAF), stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        assert not child.stop(deaf, 0.2)
        assert deaf.returncode == -signal.SIGKILL
    with child.start(python("print('up', flush=True); input()"), stdout=subprocess.PIPE, stdin=subprocess.PIPE) as good:
        assert good.stdout is not None
        good.stdout.readline()
        assert child.stop(good, 30)
        assert good.returncode == -signal.SIGTERM
        # Once more is harmless: it has been reaped.
        assert child.stop(good, 30)
