"""The port of probes: real clients, and everything that an open port must bear."""

import contextlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bootstrap.agent.probe_server import answer, listen, take_view
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.status import probes
from bootstrap.core.status.probes import STALE_S, STUCK_S, ProbeView
from bootstrap.network import text_server
from bootstrap.network.http_server import OneRequestHandler
from bootstrap.network.text_server import MAX_CONNECTIONS, TextServer
from tests.support.bootstrap.agents import remember
from tests.unit.bootstrap.agent.test_control_handler import Office
from tests.unit.bootstrap.core.status.test_probes import SYNCED, view

HOST = "127.0.0.1"
DEADLINE_S, MAX_HEAD = OneRequestHandler.timeout, OneRequestHandler.max_bytes
SOON_S = 3.0
"""What docs/probes.md lets a kubelet wait for an answer (timeoutSeconds)."""


class Port:
    """A health server and what it tells."""

    def __init__(self, address: str = HOST) -> None:
        self.view: ProbeView = view()
        self.server = listen(address, 0, lambda: self.view)
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True)
        self.thread.start()

    @property
    def number(self) -> int:
        return int(self.server.server_address[1])

    def ask(self, path: str, method: str = "GET", host: str = HOST) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers, by the standard library's client."""
        connection = http.client.HTTPConnection(host, self.number, timeout=SOON_S)
        with contextlib.closing(connection):
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.number), timeout=60)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    yield made
    made.close()


def threads() -> int:
    return sum("process_request" in thread.name for thread in threading.enumerate())


def until(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# What is told.


def test_a_ready_pod(port: Port) -> None:
    assert port.ask("/livez")[:2] == (200, "live\n")
    assert port.ask("/readyz")[:2] == (200, "ready\n")


def test_a_pod_that_is_not_ready_says_one_word_and_lives(port: Port) -> None:
    port.view = view(None)
    assert port.ask("/readyz")[:2] == (503, "silent\n")
    assert port.ask("/livez")[0] == 200


def test_an_agent_that_stands_still(port: Port) -> None:
    port.view = view(looped_ago_s=STUCK_S + 1, observed_ago_s=STALE_S + 1)
    assert port.ask("/livez")[:2] == (503, "stuck\n")
    assert port.ask("/readyz")[:2] == (503, "stale\n")


def test_metrics_are_in_prometheus_text_format(port: Port) -> None:
    status, body, headers = port.ask("/metrics")
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "\ngalera_bootstrap_cluster_size 3\n" in body


def test_a_query_is_passed_over(port: Port) -> None:
    assert port.ask("/livez?verbose=1")[0] == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/nothing"])
def test_head_is_get_without_the_body(port: Port, path: str) -> None:
    status, body, headers = port.ask(path)
    head = port.ask(path, "HEAD")
    assert head[:2] == (status, "")
    assert head[2]["Content-Length"] == str(len(body))
    assert headers["Content-Length"] == head[2]["Content-Length"]


@pytest.mark.parametrize("path", ["/", "/status", "/v1/record", "/livez/", "/../etc/passwd", "/%2e%2e/"])
def test_there_is_nothing_else(port: Port, path: str) -> None:
    assert port.ask(path)[:2] == (404, "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "SHUTDOWN"])
def test_nothing_can_be_done_there(port: Port, method: str) -> None:
    assert port.ask("/readyz", method)[:2] == (501, "")


def test_no_answer_tells_the_version_of_anything(port: Port) -> None:
    for path in ("/livez", "/nothing"):
        assert port.ask(path)[2]["Server"].strip() == "galera-bootstrap"


# Addresses.


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_all_addresses_are_those_of_both_families(address: str, host: str) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("NOT TESTED: this machine has no IPv6 loopback")
    port = Port(address)
    try:
        assert port.ask("/livez", host=host)[0] == 200
    finally:
        port.close()


def test_a_machine_without_ipv6_is_served_by_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldFashioned(TextServer):
        def server_bind(self) -> None:
            if self.address_family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().server_bind()

    monkeypatch.setattr(text_server, "TextServer", OldFashioned)
    port = Port("0.0.0.0")
    try:
        assert port.ask("/livez")[0] == 200
    finally:
        port.close()


def test_a_port_that_is_taken_is_an_error(port: Port) -> None:
    with pytest.raises(OSError, match="in use"):
        listen(HOST, port.number, view)


# Faults.


GARBAGE = {
    "nothing but a line end": b"\r\n\r\n",
    "no words": b"\x00" * 64 + b"\r\n\r\n",
    "the beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "four words": b"GET /livez HTTP/1.1 now\r\n\r\n",
    "another version": b"GET /livez HTTP/9.9\r\n\r\n",
    "a version that is no number": b"GET /livez HTTP/\xb2.1\r\n\r\n",
    "a header without a colon": b"GET /livez HTTP/1.1\r\nnonsense\r\n\r\n",
    "many headers": b"GET /livez HTTP/1.1\r\n" + b"a:b\r\n" * 500 + b"\r\n",
    "a smuggled line": b"GET /livez\rX: y HTTP/1.1\r\n\r\n",
    "random": os.urandom(4096) + b"\r\n\r\n",
    "more than a head may be": b"GET /" + b"x" * (MAX_HEAD + 8192),
    "a megabyte": b"x" * 1024 * 1024,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused_or_cut_and_the_next_one_is_served(port: Port, garbage: bytes) -> None:
    told = b""
    with port.connect() as sock, contextlib.suppress(OSError):
        sock.sendall(garbage)
        while more := sock.recv(65536):
            told += more
    assert len(told) < 1024
    assert b"<" not in told
    assert port.ask("/livez")[0] == 200


def test_a_request_that_is_never_finished_costs_a_thread_for_the_deadline_only(port: Port) -> None:
    """Slowloris: a byte now and then stays below the time limit of each single read."""
    with port.connect() as sock:
        began = time.monotonic()
        sock.sendall(b"GET /livez HTTP/1.1\r\n")
        sock.settimeout(0.1)
        while time.monotonic() - began < 4 * DEADLINE_S:
            try:
                sock.sendall(b"X")
                if sock.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert DEADLINE_S * 0.9 < time.monotonic() - began < 3 * DEADLINE_S
    until(lambda: threads() == 0, 60)


def test_a_head_that_is_too_long_is_cut_before_it_is_whole(port: Port) -> None:
    """So a client can make the agent hold some kilobytes, not what it likes."""
    began = time.monotonic()
    with port.connect() as sock, contextlib.suppress(ConnectionResetError):
        sock.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD + 4096))
        assert sock.recv(1) == b""
    assert time.monotonic() - began < DEADLINE_S * 0.9


def test_a_thousand_connections_do_not_shut_a_probe_out(port: Port) -> None:
    """Idle ones and half-sent ones; the probe is served at once, and the agent has no more threads than it allows."""
    most = 0
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            sock = stack.enter_context(port.connect())
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /livez HTTP/1.1\r\nX"[: number % 24])
            if number % 100 == 99:
                assert port.ask("/readyz")[0] == 200
                most = max(most, len(port.server.connections))
        assert most <= MAX_CONNECTIONS
        for _ in range(5):
            assert port.ask("/livez")[0] == 200
    until(lambda: not port.server.connections and threads() == 0, 60)


def test_clients_that_keep_coming_and_dripping_do_not_shut_a_probe_out(port: Port) -> None:
    stop = threading.Event()

    def drip() -> None:
        with contextlib.ExitStack() as stack:
            socks: list[socket.socket] = []
            while not stop.wait(0.02):
                with contextlib.suppress(OSError):
                    socks.append(stack.enter_context(port.connect()))
                for sock in socks:
                    with contextlib.suppress(OSError):
                        sock.send(b"G")

    flood = [threading.Thread(target=drip) for _ in range(3)]
    for thread in flood:
        thread.start()
    try:
        for _ in range(10):
            time.sleep(0.1)
            assert port.ask("/livez")[0] == 200
    finally:
        stop.set()
        for thread in flood:
            thread.join()


def test_a_client_that_hangs_up_at_once_is_nothing(port: Port, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        port.connect().close()
        with port.connect() as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert port.ask("/livez")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_every_answer_is_of_the_moment(port: Port) -> None:
    told = []
    for number in range(6):
        port.view = view()._replace(observed_ago_s=STALE_S * 2 * (number % 2))
        told.append(port.ask("/readyz")[0])
    assert told == [200, 503] * 3


# The agent behind it.


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def behind(office: Office, port: Port, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[int, str]]:
    """Let the port speak for this agent, which counts as stuck after two seconds; returns how to ask."""
    monkeypatch.setattr(probes, "STUCK_S", 2.0)
    monkeypatch.setattr(probes, "STALE_S", 2.0)
    monkeypatch.setattr(port.server, "answer", partial(answer, lambda: take_view(office.agent)))
    return lambda path: port.ask(path)[:2]


def serving(office: Office) -> None:
    """From now on a server lives there, Synced."""
    office.agent.ports = office.agent.ports._replace(server_status=lambda: SYNCED)
    state = office.agent.state
    office.agent.state = state._replace(lifecycle=state.lifecycle._replace(taken=Action.JOIN))
    office.free = False


def test_a_loop_that_stands_still_is_told_and_holds_nothing_up(
    office: Office, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was seen Synced by then is not believed to be so forever."""
    ask, go = behind(office, port, monkeypatch), threading.Event()
    serving(office)
    until(lambda: ask("/readyz") == (200, "ready\n"), 60)
    assert ask("/livez") == (200, "live\n")

    def records(_: list[str]) -> dict[str, PodState | Unknown]:
        go.wait(120)
        return {}

    office.agent.ports = office.agent.ports._replace(ask_states=records)
    try:
        until(lambda: ask("/livez") == (503, "stuck\n"), 60)
        until(lambda: ask("/readyz") == (503, "stale\n"), 60)
        assert "server_answers 0" in ask("/metrics")[1]
    finally:
        go.set()
    until(lambda: ask("/livez")[0] == ask("/readyz")[0] == 200, 60)


def test_a_disk_that_takes_its_time_with_a_transfer_is_no_stuck_agent(
    office: Office, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Liveness must not fail in a state transfer, and nobody is sent to a database that a power cut would undo."""
    ask, go, waiting = behind(office, port, monkeypatch), threading.Event(), threading.Event()

    def sync() -> str:
        waiting.set()
        go.wait(120)
        return ""

    write = office.agent.journal.write

    def slowly(state: PersistentState) -> PersistentState:
        time.sleep(1.1)  # two of them are longer than an agent may stand still
        return write(state)

    monkeypatch.setattr(office.agent.journal, "write", slowly)
    remember(office.agent, joining_boot_id="boot")
    office.agent.ports = office.agent.ports._replace(sync_volume=sync)
    serving(office)
    try:
        assert waiting.wait(60)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert ask("/livez") == (200, "live\n")
            assert ask("/readyz")[0] == 503
    finally:
        go.set()
    # The journal is written next, and on the same busy disk.
    end = time.monotonic() + 60
    while ask("/readyz") != (200, "ready\n"):
        assert ask("/livez") == (200, "live\n")
        assert time.monotonic() < end


def test_a_disk_that_hangs_under_the_agents_lock_holds_no_probe_up(
    office: Office, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = behind(office, port, monkeypatch)
    with office.agent.changed:
        for path in ("/livez", "/readyz", "/metrics"):
            assert ask(path)[0] in (200, 503)


def test_a_flood_of_probes_does_not_stop_the_loop(office: Office, port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, stop = behind(office, port, monkeypatch), threading.Event()

    def flood() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), port.connect() as sock:
                sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                sock.recv(4096)

    flooding = [threading.Thread(target=flood) for _ in range(8)]
    for thread in flooding:
        thread.start()
    try:
        began = office.agent.counts.ended
        until(lambda: office.agent.counts.ended > began + 10, 60)
        assert ask("/livez")[0] == 200
    finally:
        stop.set()
        for thread in flooding:
            thread.join()
