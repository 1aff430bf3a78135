"""One connection to a real server, whatever becomes of the server and of its other connections."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.core.model.facts import Server
from bootstrap.core.status.metrics.server_load import describe_full
from bootstrap.mariadb import client
from bootstrap.mariadb.client import Full, LocalServer
from tests.lab.processes import freeze
from tests.support.bootstrap.servers import Node, node, seed, wait_for, workspace

pytestmark = pytest.mark.galera

FEW = "max_connections=10"


@pytest.fixture(scope="module")
def running() -> Iterator[Node]:
    with node(workspace() / "kept", 31, data=seed() / "data", extra=FEW) as made:
        yield made


@pytest.fixture
def server(running: Node) -> Iterator[LocalServer]:
    if running.process is None or running.ended:
        running.bootstrap()
    made = LocalServer(Path(f"{running.folder}/sock"), "agent")
    wait_for(lambda: isinstance(made.read_status(), Server), "an answer")
    yield made
    made.close()


def sessions(running: Node) -> list[int]:
    return [row[0] for row in running.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER='galera_agent'")]


@contextlib.contextmanager
def full(running: Node) -> Iterator[Callable[[], None]]:
    """Take every place without a login, also the one for administrators; yields what takes those that became free."""
    with contextlib.ExitStack() as stack:

        def take() -> None:
            for _ in range(20):
                stack.enter_context(contextlib.closing(socket.create_connection((running.address, 3306), timeout=5)))

        take()
        yield take


def status_of(server: LocalServer) -> Server:
    found = server.read_status()
    assert isinstance(found, Server), found
    return found


def test_all_is_asked_over_one_connection(running: Node, server: LocalServer) -> None:
    for _ in range(3):
        assert status_of(server).is_primary
        assert not isinstance(server.read_members(), str)
        assert not isinstance(server.read_applied_position(), str)
    assert len(sessions(running)) == 1
    # A causal read must not change what the next question is.
    assert server._run("SELECT @@wsrep_sync_wait, @@wsrep_dirty_reads") == ((0, 1),)


def test_a_server_without_a_free_place_still_answers(running: Node, server: LocalServer) -> None:
    with full(running):
        stranger = LocalServer(server.path, "agent")
        assert "Too many connections" in str(stranger.read_status())
        assert stranger.full == Full(None)
        for _ in range(5):
            assert status_of(server).is_primary
        assert server.full is None


def test_one_that_loses_its_place_knows_the_last_state_for_a_while(
    running: Node, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = status_of(server)
    with full(running) as take:

        def is_refused() -> bool:
            server.close()
            take()
            return "raise max_connections" in str(server.read_status())

        wait_for(is_refused, "the refusal")
        assert server.full == Full(before)
        monkeypatch.setattr(client, "REMEMBERED_S", 0.0)
        assert server.full == Full(None)
    monkeypatch.undo()
    wait_for(lambda: isinstance(server.read_status(), Server), "an answer")
    assert server.full is None


def test_a_server_that_refuses_clients_shows_it_over_the_kept_connection(running: Node, server: LocalServer) -> None:
    assert describe_full(server.load) == ""
    refused = server.load.refused or 0
    with full(running) as take:

        def is_shown() -> bool:
            take()
            assert status_of(server).is_primary
            return describe_full(server.load) == "all 10 connections are taken, and new clients are refused"

        wait_for(is_shown, "the full server")
        wait_for(lambda: status_of(server).is_primary and (server.load.refused or 0) > refused, "the refused clients")
    wait_for(lambda: status_of(server).is_primary and describe_full(server.load) == "", "a free connection")


def test_a_connection_that_was_killed_is_replaced_at_once(running: Node, server: LocalServer) -> None:
    (number,) = sessions(running)
    running.sql(f"KILL {number}")

    assert status_of(server).is_primary
    assert sessions(running) != [number]


def test_a_server_that_hangs_is_unknown_within_its_deadline(running: Node, server: LocalServer) -> None:
    assert running.process is not None
    freeze([running.process.pid])
    try:
        for _ in range(2):
            began = time.monotonic()
            assert "timed out" in str(server.read_status())
            assert time.monotonic() - began < client.TIMEOUT_S + 2
        assert server.full is None
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    wait_for(lambda: isinstance(server.read_status(), Server), "an answer")


def test_a_server_that_was_killed_is_gone_and_the_next_one_is_another(running: Node, server: LocalServer) -> None:
    running.kill()
    began = time.monotonic()
    assert isinstance(server.read_status(), str)
    assert time.monotonic() - began < 1
    running.bootstrap()
    with full(running):
        assert "Too many" in str(server.read_status())
        assert server.full == Full(None), "what another run was says nothing"


def test_a_server_stops_in_order_over_it_and_as_fast_as_without_it(running: Node, server: LocalServer) -> None:
    wait_for(lambda: isinstance(server.read_status(), Server), "an answer")
    with full(running):
        assert server.stop() == ""
    began = time.monotonic()
    wait_for(lambda: running.ended, "the end of the server")
    assert running.process is not None
    assert running.process.wait() == 0
    assert time.monotonic() - began < 30
