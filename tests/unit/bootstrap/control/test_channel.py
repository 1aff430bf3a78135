"""The agent's unix socket: both ends, and what goes wrong between them."""

import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from bootstrap.control.channel import MAX_LINE, Client, Connection, Server, connect, prepare_folder
from bootstrap.control.request import Request
from bootstrap.core.model.codec import Json
from bootstrap.errors import AgentUnreachableError, SettingInvalidError

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """The request again."""

    op: str
    number: int


@dataclass(frozen=True, slots=True)
class EchoRequest(Request[EchoAnswer]):
    """A request for itself."""

    op: ClassVar[str] = "echo"
    number: int = 0


class Echo:
    """Answers every message with itself, and counts the conversations that have ended."""

    def __init__(self) -> None:
        self.ended = threading.Semaphore(0)

    def __call__(self, connection: Connection) -> None:
        try:
            while (message := connection.receive()) is not None:
                connection.send(message)
        finally:
            self.ended.release()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "agent.sock"


@pytest.fixture
def echo(path: Path) -> Iterator[Echo]:
    serve = Echo()
    server = Server(path, serve)
    yield serve
    server.close()


def test_a_question_gets_its_answer(path: Path, echo: Echo) -> None:
    client = Client(path)
    for number in range(3):
        assert client.ask(EchoRequest(number)) == EchoAnswer("echo", number)
    client.close()
    assert echo.ended.acquire(timeout=PATIENCE_S)


def test_several_clients_are_served_at_once(path: Path, echo: Echo) -> None:
    clients = [Client(path) for _ in range(5)]
    assert [client.ask(EchoRequest(n)).number for n, client in enumerate(clients)] == [0, 1, 2, 3, 4]
    for client in clients:
        client.close()
        assert echo.ended.acquire(timeout=PATIENCE_S)


def test_the_folder_is_made_private(path: Path, echo: Echo) -> None:
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o777)
    prepare_folder(path.parent)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert echo


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingInvalidError, match="check its owner"):
        prepare_folder(tmp_path / "file" / "run")


def test_the_socket_of_an_agent_that_was_killed_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    with pytest.raises(AgentUnreachableError, match="Connection refused"):
        Client(path)
    server = Server(path, Echo())
    client = Client(path)
    assert client.ask(EchoRequest(3)) == EchoAnswer("echo", 3)
    client.close()
    server.close()


def test_a_path_that_is_too_long_is_an_error_at_both_ends(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 60) / ("y" * 60)
    with pytest.raises(SettingInvalidError, match="choose a shorter"):
        Server(path, Echo())
    with pytest.raises(AgentUnreachableError, match="too long"):
        Client(path)


def test_a_folder_in_the_sockets_place_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SettingInvalidError, match="cannot listen"):
        Server(path, Echo())


GARBAGE = {
    "no JSON": b"hello\n",
    "no object": b"[1, 2]\n",
    "not text": b"\xff\xfe\xfd\n",
    "zeros": b"\0" * 100 + b"\n",
    "nested without end": b"[" * 500_000 + b"\n",
    "half a line": b'{"op": "hel',
    "a line that is too long": b'{"op": "' + b"x" * (2 * MAX_LINE) + b'"}\n',
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_ends_its_own_conversation_only(line: bytes, path: Path, echo: Echo) -> None:
    good = Client(path)
    with socket.socket(socket.AF_UNIX) as bad:
        bad.settimeout(PATIENCE_S)
        bad.connect(str(path))
        try:
            bad.sendall(line)
            bad.shutdown(socket.SHUT_WR)
            assert bad.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass  # it did not even read to the end
    assert echo.ended.acquire(timeout=PATIENCE_S)
    assert good.ask(EchoRequest(4)) == EchoAnswer("echo", 4)
    good.close()


def test_an_agent_that_hangs_is_told_from_one_that_goes_away(path: Path) -> None:
    release = threading.Event()

    def hang(_: Connection) -> None:
        release.wait(PATIENCE_S)

    server = Server(path, hang)
    client = Client(path, 0.05)
    with pytest.raises(AgentUnreachableError, match="does not answer: it hangs, or its machine is very busy"):
        client.ask(EchoRequest())
    release.set()
    client.close()
    server.close()


def test_an_agent_that_goes_away_is_an_error(path: Path) -> None:
    server = Server(path, lambda connection: connection.close())
    client = Client(path)
    with pytest.raises(AgentUnreachableError, match="went away"):
        client.ask(EchoRequest())
    client.close()
    server.close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"error": "unknown request 'x'"}, r"the agent answers: unknown request 'x' \(is it of another version\?\)"),
        ({"error": 1}, "the agent's answer to 'echo' is not understood: error: it is not a str"),
        ({"op": "echo", "number": "1"}, "the agent's answer to 'echo' is not understood: number: it is not an int"),
        ({}, "the agent's answer to 'echo' is not understood: op is missing"),
    ],
)
def test_an_answer_of_another_version_is_an_error(path: Path, answer: Json, message: str) -> None:
    def respond(connection: Connection) -> None:
        connection.receive()
        connection.send(answer)

    server = Server(path, respond)
    client = Client(path)
    with pytest.raises(SettingInvalidError, match=message):
        client.ask(EchoRequest())
    client.close()
    server.close()


def test_waiting_for_an_agent_that_starts_late(path: Path) -> None:
    lines: list[str] = []
    servers: list[Server] = []
    timer = threading.Timer(0.5, lambda: servers.append(Server(path, Echo())))
    timer.start()
    client = connect(path, PATIENCE_S, lines.append)
    assert client.ask(EchoRequest(3)) == EchoAnswer("echo", 3)
    assert len(lines) == 1
    assert f"waiting up to {PATIENCE_S:g} s" in lines[0]
    client.close()
    timer.join()
    servers[0].close()


def test_waiting_for_an_agent_ends_with_the_patience(path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(AgentUnreachableError, match="is the agent's container running"):
        connect(path, 0.3, lambda _: None)
    assert time.monotonic() - began < PATIENCE_S


def test_a_copy_of_the_descriptor_does_not_keep_the_other_end_waiting(path: Path, echo: Echo) -> None:
    client = Client(path)
    client.ask(EchoRequest())
    copy = client.connection.sock.dup()
    client.close()
    assert echo.ended.acquire(timeout=PATIENCE_S)
    copy.close()
