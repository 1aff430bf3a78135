"""Probes and metrics of a running peer-finder, by HTTP and by its socket."""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from peerfinder.core.status import STUCK_SECONDS, Status, check_live, format_metrics
from tests.dns.knot import Knot, free_port, numbered_pods, pods
from tests.support.peerfinder.program import PATIENCE, PROGRAM, Ended, begin, end, wait_until

pytestmark = pytest.mark.knot


def get(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str]:
    """Ask as a kubelet does; 0 while the port is closed."""
    try:
        with urlopen(Request(f"http://{host}:{port}{path}", method=method), timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()
    except OSError:
        return 0, ""


def healthz(*words: str, **variables: str) -> Ended:
    environment = {"PATH": os.environ["PATH"]} | variables
    done = subprocess.run(
        [PROGRAM, "healthz", *words], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def read_metrics(port: int) -> dict[str, float]:
    """Read the metrics."""
    lines = get(port, "/metrics")[1].splitlines()
    return {name: float(value) for name, value in (line.split(" ") for line in lines if not line.startswith("#"))}


def test_a_pod_is_ready_once_a_hook_got_the_peers(knot: Knot, tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    hook = f"-on-change=touch {tmp_path}/runs; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    begin(hook, f"-health=127.0.0.1:{port}", nameserver=knot.nameserver)
    wait_until(lambda: get(port, "/livez") == (200, "live\n"))
    assert get(port, "/readyz") == (503, "waiting\n")

    knot.publish(pods("galera", numbered_pods(3)))
    wait_until((tmp_path / "runs").exists)
    assert get(port, "/readyz") == (503, "hook\n")
    assert read_metrics(port)["peerfinder_hook_running"] == 1
    (tmp_path / "go").touch()
    wait_until(lambda: get(port, "/readyz") == (200, "ready\n"))

    # DNS that fails takes no pod out of service.
    knot.fail()
    wait_until(lambda: read_metrics(port)['peerfinder_lookups_total{result="failed"}'] > 0)
    assert get(port, "/readyz") == (200, "ready\n")
    metrics = read_metrics(port)
    assert metrics["peerfinder_peers"] == 3
    assert metrics['peerfinder_hooks_total{event="on-change"}'] == 1
    assert metrics['peerfinder_lookups_total{result="no-records"}'] >= 1
    assert metrics["peerfinder_answer_age_seconds"] >= 0


def test_the_port_is_there_for_both_families_and_answers_nothing_else(galera: Knot) -> None:
    port = free_port("127.0.0.1")
    begin("-on-change=true", f"-health=:{port}", nameserver=galera.nameserver)
    wait_until(lambda: get(port, "/readyz") == (200, "ready\n"))

    if socket.has_dualstack_ipv6():
        assert get(port, "/readyz", host="[::1]") == (200, "ready\n")
    assert get(port, "/livez?verbose") == (200, "live\n")
    assert get(port, "/livez", "HEAD") == (200, "")
    assert get(port, "/livez", "POST")[0] == 405
    assert get(port, "/")[0] == 404


def test_held_connections_block_no_probe(galera: Knot) -> None:
    port = free_port("127.0.0.1")
    begin("-on-change=true", f"-health=127.0.0.1:{port}", nameserver=galera.nameserver)
    wait_until(lambda: get(port, "/readyz")[0] == 200)
    held = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(60)]
    held[0].sendall(b"GET /li")
    held[-1].sendall(b"x" * 20000)

    assert get(port, "/livez") == (200, "live\n")
    for sock in held:
        with sock, suppress(ConnectionResetError):
            assert sock.recv(100) == b""


def test_the_exec_probe_asks_by_a_socket(galera: Knot, tmp_path: Path) -> None:
    path = str(tmp_path / "health.sock")
    assert healthz(PEERFINDER_HEALTH=path).status == 1
    process = begin("-on-change=true", nameserver=galera.nameserver, PEERFINDER_HEALTH=path)
    wait_until(lambda: healthz(PEERFINDER_HEALTH=path) == Ended(0, "ready\n", ""))
    assert healthz("--live", "--health", path) == Ended(0, "live\n", "")
    assert "peerfinder_peers 3" in healthz("--metrics", "--health", path).out

    # A killed process leaves its socket there.
    process.kill()
    process.wait()
    assert "unknown" in healthz(PEERFINDER_HEALTH=path).out
    begin("-on-change=true", nameserver=galera.nameserver, PEERFINDER_HEALTH=path)
    wait_until(lambda: healthz(PEERFINDER_HEALTH=path).status == 0)


def test_a_probe_without_an_address_says_how_it_gets_one() -> None:
    ended = healthz()
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        "peer-finder: no address: give --health as the running peer-finder has it, or set PEERFINDER_HEALTH for both\n"
    )


def test_a_place_that_is_taken_ends_us_with_a_reason(galera: Knot, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(socket.AF_UNIX) as living:
        living.bind(str(tmp_path / "living"))
        living.listen()
        for where in (f"127.0.0.1:{taken.getsockname()[1]}", f"{tmp_path}/file", f"{tmp_path}/living", "/nowhere/s"):
            ended = end(begin("-on-change=true", f"-health={where}", nameserver=galera.nameserver))
            assert (ended.status, where in ended.err, "Traceback" in ended.err) == (9, True, False), ended.err
    assert (tmp_path / "file").exists()


@pytest.mark.parametrize("where", ["8080", ":0", ":x", ":70000", "localhost"])
def test_what_is_no_place_is_a_usage_error(where: str) -> None:
    assert end(begin("-on-change=true", f"-health={where}", nameserver="127.0.0.1:5")).status == 2
    assert healthz("--health", where).status == 2


def test_a_stop_signal_ends_us_with_the_port_open(galera: Knot) -> None:
    port = free_port("127.0.0.1")
    process = begin("-on-change=true", f"-health=127.0.0.1:{port}", nameserver=galera.nameserver)
    wait_until(lambda: get(port, "/readyz")[0] == 200)
    process.send_signal(signal.SIGTERM)

    assert end(process).status == 143


def test_no_port_is_open_unless_asked_for(galera: Knot, tmp_path: Path) -> None:
    process = begin(f"-on-change=touch {tmp_path}/ran", nameserver=galera.nameserver)
    wait_until((tmp_path / "ran").exists)

    assert "Threads:\t1\n" in Path(f"/proc/{process.pid}/status").read_text()  # It is a thread that answers.


def test_a_loop_that_does_not_come_round_is_stuck_and_a_hook_is_none() -> None:
    now = monotonic()
    late = Status(next_turn_at=now - STUCK_SECONDS - 1)

    assert check_live(late, now) == (False, "stuck")
    late.hook = "on-change"
    assert check_live(late, now) == (True, "live")
    assert check_live(Status(next_turn_at=now), now) == (True, "live")


def test_an_answer_that_never_came_has_no_age() -> None:
    assert "answer_age" not in format_metrics(Status(next_turn_at=0.0), 1.0)[1]
