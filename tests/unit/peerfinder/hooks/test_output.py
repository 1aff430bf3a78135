"""A hook's output line by line: whose it is, at once, whole, and octet by octet what it was."""

import json
import re
import signal
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.dns.knot import Knot
from tests.support.peerfinder.program import PATIENCE, Ended, begin, end, wait_until

pytestmark = pytest.mark.knot

LINES = "-hook-output=lines"


def run_into_pipe(folder: Path, text: str, *words: str, knot: Knot) -> tuple[Ended, bytes]:
    """Run a hook, both streams of ours in one pipe; return what came out of it."""
    out = folder / "out"
    prefix = ("sh", "-c", f'"$@" 2>&1 | cat > {out}', "sh")
    return end(begin(f"-on-start={text}", LINES, *words, nameserver=knot.nameserver, prefix=prefix)), out.read_bytes()


def test_each_line_has_the_event_before_it_and_its_stream(galera: Knot) -> None:
    ended = end(begin("-on-start=head -n 1; echo oh >&2; echo", LINES, nameserver=galera.nameserver))

    assert ended.out.splitlines() == ["on-start: mysql-0.galera.default.svc.cluster.local", "on-start: "]
    assert "on-start: oh" in ended.err.splitlines()


def test_a_line_is_there_while_the_hook_runs_and_a_part_of_one_when_it_ends(galera: Knot, tmp_path: Path) -> None:
    text = f"echo first; printf rest; until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    process = begin(f"-on-start={text}", LINES, nameserver=galera.nameserver)
    assert process.stdout
    assert process.stdout.readline() == "on-start: first\n"
    (tmp_path / "go").touch()

    assert end(process).out == "on-start: rest\n"


def test_octets_stay_what_they_are(galera: Knot, tmp_path: Path) -> None:
    octets = bytes(range(256)).replace(b"\n", b"")
    (tmp_path / "octets").write_bytes(octets + b"\n" + octets)

    _, out = run_into_pipe(tmp_path, f"cat {tmp_path}/octets", knot=galera)

    assert out.count(b"on-start: " + octets + b"\n") == 2


def test_no_line_gets_into_another(galera: Knot, tmp_path: Path) -> None:
    """Eight writers, some on standard error, lines longer than a pipe takes at once, our own log between them."""
    writer = "awk -v c=$n 'BEGIN { s = c; while (length(s) < 5000) s = s c; for (i = 0; i < 100; i++) print s }'"
    hook = f"for n in a b c d; do {writer} & {writer} >&2 & done; wait"

    _, out = run_into_pipe(tmp_path, hook, knot=galera)

    lines = out.decode().splitlines()
    passed_on = [line.removeprefix("on-start: ") for line in lines if line.startswith("on-start: ")]
    assert len(passed_on) == 800
    # The kernel itself cuts lines of several writers to one pipe; in one piece we pass on what came so.
    assert all(re.fullmatch(r"[abcd]+", line) for line in passed_on)
    assert all(" peer-finder info: " in line for line in lines if not line.startswith("on-start: "))


def test_a_very_long_line_comes_in_parts_and_whole(galera: Knot, tmp_path: Path) -> None:
    _, out = run_into_pipe(tmp_path, "head -c 1000000 /dev/zero | tr '\\0' x", knot=galera)

    parts = [line.removeprefix(b"on-start: ") for line in out.splitlines() if line.startswith(b"on-start: ")]
    assert b"".join(parts) == b"x" * 1_000_000
    assert 1 < len(parts) < 100


def test_much_output_arrives_whole(galera: Knot, tmp_path: Path) -> None:
    _, out = run_into_pipe(tmp_path, "seq 1 300000", knot=galera)

    passed_on = [line for line in out.splitlines() if line.startswith(b"on-start: ")]
    assert passed_on == [b"on-start: %d" % number for number in range(1, 300001)]


def test_json_lines_are_objects_all_of_them(galera: Knot, tmp_path: Path) -> None:
    _, out = run_into_pipe(tmp_path, "printf 'a\\377b\\n'; echo oh >&2; exit 3", "-log-format=json", knot=galera)

    lines = [json.loads(line) for line in out.splitlines()]
    assert {tuple(line) for line in lines} == {("time", "level", "event", "message")}
    assert [line["message"] for line in lines if line["event"] == "on-start-stdout"] == ["a\\xffb"]
    assert [line["message"] for line in lines if line["event"] == "on-start-stderr"] == ["oh"]
    assert lines[-1]["event"] == "HookFailedError", "the hook's output comes before its result"


def test_a_daemon_that_keeps_its_output_open_does_not_hold_us(galera: Knot, tmp_path: Path) -> None:
    began = monotonic()
    ended = end(begin(f"-on-start=echo x; sleep 60 & echo $! > {tmp_path}/pid", LINES, nameserver=galera.nameserver))

    assert (ended.status, ended.out) == (0, "on-start: x\n")
    assert monotonic() - began < 40


def test_the_output_of_a_daemon_that_a_hook_leaves_is_passed_on_while_we_run(galera: Knot) -> None:
    words = ("-on-start=(sleep 1; echo later) & echo now", "-on-change=true", LINES)
    process = begin(*words, nameserver=galera.nameserver)
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == ["on-start: now\n", "on-start: later\n"]
    process.terminate()

    assert end(process).status == 143


def test_the_database_as_hook_is_stopped_in_peace_and_its_last_line_is_passed_on(galera: Knot, tmp_path: Path) -> None:
    text = f"trap 'echo bye; exit 0' TERM; touch {tmp_path}/up; while :; do sleep 0.1; done"
    process = begin(f"-on-start={text}", LINES, nameserver=galera.nameserver)
    wait_until((tmp_path / "up").exists)
    process.terminate()
    ended = end(process)

    assert (ended.status, ended.out) == (143, "on-start: bye\n")


def test_a_reader_that_stalls_stops_the_hook_and_no_stop_signal(galera: Knot, tmp_path: Path) -> None:
    text = f"yes & touch {tmp_path}/up; wait"
    process = begin(f"-on-start={text}", LINES, nameserver=galera.nameserver)
    wait_until((tmp_path / "up").exists)
    sleep(1)
    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE) == 143, "although the output is not read"
    end(process)


def test_a_reader_that_has_gone_ends_no_hook(galera: Knot, tmp_path: Path) -> None:
    prefix = ("sh", "-c", f'{{ "$@"; echo $? > {tmp_path}/status; }} | true', "sh")
    end(begin(f"-on-start=seq 1 100000; touch {tmp_path}/done", LINES, nameserver=galera.nameserver, prefix=prefix))

    assert (tmp_path / "done").exists()
    assert (tmp_path / "status").read_text() == "0\n"
