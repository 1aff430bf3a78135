"""Signals in every phase, as an ordinary process and as PID 1."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import dns.message
import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.dns.liar import Liar, answer
from tests.support.peerfinder.program import PATIENCE, begin, end, fqdn, wait_until
from tests.support.peerfinder.shells import AS_PID_1, WITH_BASH, WITHOUT_BASH, make_params
from tests.unit.peerfinder.hooks.test_process import is_alive

pytestmark = pytest.mark.knot

STOP_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
OTHERS = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: to be PID 1 needs root for a PID namespace")


def waiting_for_records(knot: Knot, _folder: Path) -> subprocess.Popen[str]:
    knot.publish()
    process = begin("-on-start=true", nameserver=knot.nameserver)
    wait_until(lambda: knot.questions() > 2)
    return process


def waiting_for_an_answer(knot: Knot, _folder: Path) -> subprocess.Popen[str]:
    knot.freeze()
    process = begin("-on-start=true", nameserver=knot.nameserver)
    wait_until(lambda: hears(process.pid, signal.SIGTERM))
    sleep(1)
    return process


def hears(pid: int, number: signal.Signals) -> bool:
    """Whether a process has got as far as to have a handler for this signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> number - 1 & 1)


def running_a_hook(knot: Knot, folder: Path) -> subprocess.Popen[str]:
    process = begin(f"-on-start=touch {folder}/runs; exec sleep 60", nameserver=knot.nameserver)
    wait_until((folder / "runs").exists)
    # bash loses a signal that comes while it gives its place to the program.
    wait_until(lambda: "sleep" in programs_below(process.pid))
    return process


def programs_below(pid: int) -> list[str]:
    """The names of a process's children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children]


def steady(knot: Knot, folder: Path) -> subprocess.Popen[str]:
    process = begin(f"-on-change=touch {folder}/ran", nameserver=knot.nameserver)
    wait_until((folder / "ran").exists)
    sleep(0.3)
    return process


PHASES = [waiting_for_records, waiting_for_an_answer, running_a_hook, steady]

Phase = Callable[[Knot, Path], subprocess.Popen[str]]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_stop_signal_ends_us_at_once_while(
    galera: Knot, tmp_path: Path, phase: Phase, number: signal.Signals
) -> None:
    process = phase(galera, tmp_path)
    began = monotonic()
    process.send_signal(number)
    ended = end(process)

    assert ended.status == 128 + number
    assert monotonic() - began < 20
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("phase", [waiting_for_records, steady], ids=lambda phase: phase.__name__)
@pytest.mark.parametrize("number", OTHERS, ids=lambda number: number.name)
def test_another_signal_without_a_hook_ends_us_as_by_default_while(
    galera: Knot, tmp_path: Path, phase: Phase, number: signal.Signals
) -> None:
    process = phase(galera, tmp_path)
    process.send_signal(number)

    assert end(process).status == 128 + number


@pytest.mark.parametrize("number", OTHERS, ids=lambda number: number.name)
def test_another_signal_is_passed_on_to_a_running_hook_and_changes_nothing_else(
    galera: Knot, tmp_path: Path, number: signal.Signals
) -> None:
    text = f"trap 'echo got >> {tmp_path}/got' {number.name[3:]}; touch {tmp_path}/runs; while [ ! -e {tmp_path}/got ]"
    process = begin(f"-on-start={text}; do sleep 0.05; done; exit 0", nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    process.send_signal(number)

    assert end(process).status == 0
    assert (tmp_path / "got").read_text() == "got\n"


def test_a_stopped_hook_may_take_its_time_and_its_children_too(galera: Knot, tmp_path: Path) -> None:
    # What the hook started, such as a database, still has files to close.
    child = f"trap 'sleep 1; touch {tmp_path}/closed; exit' TERM; touch {tmp_path}/runs; while :; do sleep 0.05; done"
    process = begin(f'-on-start=sh -c "{child}"; true', nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    process.terminate()

    assert end(process).status == 143
    assert (tmp_path / "closed").exists()


def test_a_hook_that_ignores_the_stop_signal_is_killed_after_the_grace_period(galera: Knot, tmp_path: Path) -> None:
    text = f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/child; touch {tmp_path}/runs; while :; do sleep 1; done"
    process = begin(f"-on-start={text}", "-stop-grace=500ms", nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    process.terminate()

    assert end(process).status == 143
    wait_until(lambda: not is_alive(int((tmp_path / "child").read_text())))


def test_no_hook_is_killed_before_the_grace_period_ends_however_many_signals_come(galera: Knot, tmp_path: Path) -> None:
    got = tmp_path / "got"
    text = f"trap 'echo x >> {got}' TERM; touch {got} {tmp_path}/runs; n=0; "
    text += f"while [ $n -lt 60 ] && [ ! -e {tmp_path}/done ]; do sleep 0.05; done; exit 0"
    process = begin(f"-on-start={text}", nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    for number in range(1, 6):
        process.terminate()
        wait_until(lambda number=number: len(got.read_text().split()) == number)  # type: ignore[misc]
    assert process.poll() is None
    (tmp_path / "done").touch()

    assert end(process).status == 143


def test_a_signal_that_our_parent_ignores_stays_ignored(galera: Knot, tmp_path: Path) -> None:
    process = begin(
        f"-on-change=touch {tmp_path}/ran",
        nameserver=galera.nameserver,
        prefix=("sh", "-c", "trap '' HUP; exec \"$@\"", "sh"),
    )
    wait_until((tmp_path / "ran").exists)
    sleep(0.3)
    process.send_signal(signal.SIGHUP)
    sleep(0.5)
    assert process.poll() is None
    process.terminate()

    assert end(process).status == 143


SWEEP = """
import signal, sys
from peerfinder.core.names import Names
from peerfinder.core.status import Status
from peerfinder.core.watch import Rules
from peerfinder.dns.lookup import find_peers
from peerfinder.dns.nameservers import Nameservers
from peerfinder.hooks.process import Hook
from peerfinder.hooks.signals import Signals, StoppedBySignal
from peerfinder.poll import Plan, follow

servers, part, last, step = Nameservers.from_text(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
hook = Hook("on-change", "cat > /dev/null")
plan = Plan(Names("galera", "default", "cluster.local"), servers, Rules(), ("mysql-0",), None, hook)
signals, places, left = Signals(), set(), 0

def lines(frame, event, arg):
    global left
    path = frame.f_code.co_filename
    if event == "line" and part in path:
        left -= 1
        if left == 0:
            places.add(path.rpartition("/")[2])
            signal.raise_signal(signal.SIGTERM)
    return lines if part in path else None

def exit_with_error(*_):
    sys.exit(f"the signal at line {at} was lost")

find_peers(plan.names, servers, 5.0)  # It imports what is imported when the first answer comes.
signals.install()
signal.signal(signal.SIGALRM, exit_with_error)
for at in range(1, last, step):
    left = at
    signal.alarm(20)
    sys.settrace(lines)
    try:
        follow(plan, signals, lambda *_: None, Status(0.0))
    except StoppedBySignal:
        pass
    sys.settrace(None)
    signal.alarm(0)
    signals.take_received()
print(*sorted(places))
"""


@pytest.mark.parametrize(
    ("part", "last", "step", "places"),
    [
        ("/peerfinder/", 1500, 13, {"poll.py", "watch.py", "lookup.py", "resolver.py", "process.py", "signals.py"}),
        ("/dns/", 10000, 211, {"message.py", "name.py"}),
        # Here dnspython makes an error of its own of whatever is raised.
        ("/dns/rdtypes/", 30, 3, {"SRV.py"}),
    ],
    ids=["our own code", "dnspython", "dnspython where it reads records"],
)
def test_a_stop_signal_ends_us_at_any_line_of(galera: Knot, part: str, last: int, step: int, places: set[str]) -> None:
    sweep = [sys.executable, "-c", SWEEP, galera.nameserver, part, str(last), str(step)]
    ended = subprocess.run(sweep, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert places <= set(ended.stdout.split())


def changing(query: dns.message.Message, _over_tcp: bool) -> list[bytes]:
    """Answer with another set of peers each time, so that there is always a hook to run."""
    return [answer(query, fqdn("mysql-0", f"mysql-{random.randrange(1, 1000)}"))]


@pytest.mark.parametrize("prefix", [(), pytest.param(AS_PID_1, marks=needs_root)], ids=["a process", "PID 1"])
def test_a_stop_signal_ends_us_whenever_it_comes_in_a_loop_of_short_hooks(
    tmp_path: Path, prefix: tuple[str, ...]
) -> None:
    with Liar(changing) as liar:
        for number in range(8):
            ran = tmp_path / f"ran{number}"
            words = [f"-on-change=touch {ran}", "-interval=100ms", "-remove-after=0"]
            process = begin(*words, nameserver=liar.nameserver, prefix=prefix)
            wait_until(ran.exists)
            moment = random.uniform(0, 0.3)
            sleep(moment)
            os.kill(as_pid_1(process) if prefix else process.pid, signal.SIGTERM)

            assert end(process).status == 143, f"the signal came {moment} s after a hook had run"


def test_a_stop_signal_ends_a_dry_run_whose_output_is_not_read(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(1700)))  # A pipe holds 64 KiB.
    process = begin("-on-start=true", "-dry-run", "-max-pods=1700", nameserver=knot.nameserver)
    stderr = process.stderr
    assert stderr is not None
    wait_until(lambda: "would run" in stderr.readline())
    process.terminate()

    assert process.wait(PATIENCE) == 143


BLOCK = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_hooks_end_is_noticed_although_our_parent_blocks_signals(galera: Knot) -> None:
    ended = end(begin("-on-start=exit 3", nameserver=galera.nameserver, prefix=(sys.executable, "-c", BLOCK)))

    assert ended.status == 1


def test_a_stop_signal_ends_us_although_our_parent_blocks_signals(galera: Knot, tmp_path: Path) -> None:
    words = [f"-on-change=touch {tmp_path}/ran"]
    process = begin(*words, nameserver=galera.nameserver, prefix=(sys.executable, "-c", BLOCK))
    wait_until((tmp_path / "ran").exists)
    process.terminate()

    assert end(process).status == 143


FILL = """
import os, sys
os.set_blocking(2, False)
try:
    while True:
        os.write(2, b"x" * 512)
except BlockingIOError:
    os.set_blocking(2, True)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_stop_signal_ends_us_although_our_log_is_not_read(knot: Knot) -> None:
    process = begin("-on-start=true", nameserver=knot.nameserver, prefix=(sys.executable, "-c", FILL))
    wait_until(lambda: knot.questions() > 2)
    process.terminate()

    assert process.wait(PATIENCE) == 143


def test_a_storm_of_signals_and_children_leaves_no_trace(galera: Knot, tmp_path: Path) -> None:
    text = f"trap : USR1; touch {tmp_path}/runs; n=0; while [ $n -lt 200 ]; do n=$((n+1)); (:) & done; wait; exit 0"
    process = begin(f"-on-start={text}", nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    for _ in range(50):
        process.send_signal(signal.SIGUSR1)
        if process.poll() is not None:
            break
    ended = end(process)

    # A signal that comes just after the hook's end finds no hook: then it ends us.
    assert ended.status in (0, 128 + signal.SIGUSR1)
    assert "Traceback" not in ended.err


def as_pid_1(process: subprocess.Popen[str]) -> int:
    """Return the pid, seen from outside, of the only child of unshare: PID 1 of the new namespace."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: bool(children.read_text().split()))
    return int(children.read_text().split()[0])


@needs_root
@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_as_pid_1_a_stop_signal_ends_us_while_steady(galera: Knot, tmp_path: Path, number: signal.Signals) -> None:
    process = begin(f"-on-change=touch {tmp_path}/ran", nameserver=galera.nameserver, prefix=AS_PID_1)
    wait_until((tmp_path / "ran").exists)
    sleep(0.3)
    os.kill(as_pid_1(process), number)

    assert end(process).status == 128 + number


ALL_TRAPPED = """#!/bin/sh
for name in HUP USR1 USR2; do trap "echo $name >> FOLDER/got" $name; done
trap 'echo TERM >> FOLDER/got; exit 5' TERM
touch FOLDER/runs
while :; do sleep 0.05; done
"""


@needs_root
@pytest.mark.parametrize("pid_1", [(), AS_PID_1], ids=["a process", "PID 1"])
@pytest.mark.parametrize("shells", make_params({**WITH_BASH, **WITHOUT_BASH}))
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("SCRIPT", 5),
        ("'SCRIPT' \"a b\" $HOME >FOLDER/log 2>&1", 5),
        ("exec SCRIPT", 5),
        ("SCRIPT a; exit $?", 143),
        ("cat | SCRIPT", 143),
        ("if SCRIPT; then echo well; fi", 143),
    ],
)
def test_no_signal_that_a_hook_handles_ends_the_shell_that_started_it(  # noqa: PLR0917
    galera: Knot, tmp_path: Path, text: str, status: int, shells: tuple[str, ...], pid_1: tuple[str, ...]
) -> None:
    """Only a stop signal ends a shell that has to stay; what it started may take its time then."""
    script = tmp_path / "on-start.sh"
    script.write_text(ALL_TRAPPED.replace("FOLDER", str(tmp_path)))
    script.chmod(0o755)
    text = text.replace("SCRIPT", str(script)).replace("FOLDER", str(tmp_path))
    process = begin(f"-on-start={text}", "-exit-status=hook", nameserver=galera.nameserver, prefix=(*shells, *pid_1))
    wait_until((tmp_path / "runs").exists)
    pid, got = as_pid_1(process) if pid_1 else process.pid, tmp_path / "got"
    for number in (*OTHERS, signal.SIGTERM):
        os.kill(pid, number)
        wait_until(lambda name=number.name: got.exists() and name[3:] in got.read_text())  # type: ignore[misc]

    assert end(process).status == status
    assert got.read_text().split() == ["HUP", "USR1", "USR2", "TERM"]


@needs_root
@pytest.mark.parametrize("shells", make_params({**WITH_BASH, **WITHOUT_BASH}))
@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_stop_signal_runs_no_further_command_of_the_text(
    galera: Knot, tmp_path: Path, shells: tuple[str, ...], number: signal.Signals
) -> None:
    text = f"touch {tmp_path}/runs; sleep 60; touch {tmp_path}/after"
    process = begin(f"-on-start={text}", "-exit-status=hook", nameserver=galera.nameserver, prefix=shells)
    wait_until((tmp_path / "runs").exists)
    sleep(0.3)
    began = monotonic()
    process.send_signal(number)

    assert end(process).status == 128 + number
    assert monotonic() - began < 20
    assert not (tmp_path / "after").exists()


@needs_root
def test_as_pid_1_a_stop_signal_ends_us_while_waiting_for_records(knot: Knot) -> None:
    process = begin("-on-start=true", nameserver=knot.nameserver, prefix=AS_PID_1)
    wait_until(lambda: knot.questions() > 2)
    os.kill(as_pid_1(process), signal.SIGTERM)

    assert end(process).status == 143


@needs_root
def test_as_pid_1_a_stop_signal_is_passed_on_and_the_hook_ends_in_peace(galera: Knot, tmp_path: Path) -> None:
    text = f"trap 'sleep 0.5; touch {tmp_path}/closed; exit' TERM; touch {tmp_path}/runs; while :; do sleep 0.05; done"
    process = begin(f"-on-start={text}", nameserver=galera.nameserver, prefix=AS_PID_1)
    wait_until((tmp_path / "runs").exists)
    os.kill(as_pid_1(process), signal.SIGTERM)

    assert end(process).status == 143
    assert (tmp_path / "closed").exists()


EARLY = """
import os, signal, sys

def send_early(event, arguments):
    if event == "import" and arguments[0] == "peerfinder.hooks.signals":
        os.kill(os.getpid(), signal.SIGTERM)

del sys.argv[0]
sys.addaudithook(send_early)
from peerfinder.cli import main
main()
"""
"""Runs the program with a signal that comes before it can handle one."""


@needs_root
def test_as_pid_1_a_stop_signal_ends_us_although_it_came_before_it_could_be_handled(galera: Knot) -> None:
    prefix = (*AS_PID_1, sys.executable, "-c", EARLY)
    process = begin("-on-start=echo hook", "-on-change=true", nameserver=galera.nameserver, prefix=prefix)

    ended = end(process)
    assert (ended.status, ended.out) == (143, "")


@needs_root
def test_as_pid_1_orphans_are_reaped_during_and_after_a_hook(galera: Knot, tmp_path: Path) -> None:
    orphans = "for n in 1 2 3 4 5; do (setsid sleep 0.3 & ) ; done"
    process = begin(f"-on-change={orphans}; touch {tmp_path}/ran", nameserver=galera.nameserver, prefix=AS_PID_1)
    wait_until((tmp_path / "ran").exists)
    pid = as_pid_1(process)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: not children.read_text().split())
    os.kill(pid, signal.SIGTERM)

    assert end(process).status == 143


@needs_root
@pytest.mark.parametrize("status", [0, 1, 7])
def test_as_pid_1_the_exit_status_is_the_same(galera: Knot, status: int) -> None:
    words = {0: ["-on-start=true"], 1: ["-on-start=exit 9"], 7: ["-on-start=sleep 60", "-hook-timeout=200ms"]}

    assert end(begin(*words[status], nameserver=galera.nameserver, prefix=AS_PID_1)).status == status


def test_a_lookup_over_slow_tcp_is_left_at_once() -> None:
    with Liar(lambda query, over_tcp: [60.0] if over_tcp else [answer(query, fqdn("mysql-0"), truncated=True)]) as liar:
        process = begin("-on-start=true", nameserver=liar.nameserver)
        wait_until(lambda: len(liar.questions) > 1)
        began = monotonic()
        process.terminate()

        assert end(process).status == 143
        assert monotonic() - began < 30
