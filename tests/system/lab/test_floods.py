"""Clients take every connection of a server: its agent still sees it, and sees at once that it dies or hangs."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pymysql
import pytest

from tests.lab.lab import Lab
from tests.lab.runtime import MAIN
from tests.system.lab.test_probes import probe

pytestmark = pytest.mark.galera

PLACES = 151
"""max_connections of a server by default."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A sole pod that is ready."""
    with Lab(replicas=1) as lab:
        lab.up(1)
        lab.wait_synced(1)
        lab.query(0, "CREATE USER flood@'%' IDENTIFIED BY 'x'")
        lab.wait("the pod is ready", lambda: probe(lab, 0) == (200, "ready"))
        yield lab


def without_login(lab: Lab, stack: contextlib.ExitStack) -> None:
    """Connect and do nothing; the server keeps such a connection for ten seconds."""
    with contextlib.suppress(OSError):
        stack.enter_context(socket.create_connection((lab.pod(0).ip, 3306), timeout=5))


def with_login(lab: Lab, stack: contextlib.ExitStack) -> None:
    with contextlib.suppress(pymysql.Error):
        stack.enter_context(pymysql.connect(host=lab.pod(0).ip, user="flood", password="x"))


FULL_MOMENTS = 5
"""How often the server must have been seen full."""

LONGER_THAN_A_LOGIN_S = 12
"""Longer than the server keeps a connection without a login."""


@contextlib.contextmanager
def flood(lab: Lab, connect: Callable[[Lab, contextlib.ExitStack], None]) -> Iterator[None]:
    """Take every place, and again as soon as one is free."""
    over, full = threading.Event(), threading.Event()

    def run() -> None:
        while not over.is_set():
            with contextlib.ExitStack() as stack:
                for _ in range(PLACES + 9):
                    connect(lab, stack)
                full.set()
                over.wait(6)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert full.wait(60)
        yield
    finally:
        over.set()
        thread.join()


def is_full(lab: Lab) -> bool:
    try:
        pymysql.connect(host=lab.pod(0).ip, user="flood", password="x").close()
    except pymysql.Error as exc:
        return bool(exc.args[0] == 1040)
    return False


@pytest.mark.parametrize("connect", [without_login, with_login], ids=lambda connect: connect.__name__)
def test_a_member_whose_places_are_all_taken_stays_ready(
    lab: Lab, connect: Callable[[Lab, contextlib.ExitStack], None]
) -> None:
    seen, full = [], 0
    with flood(lab, connect):
        begin = time.monotonic()
        while full < FULL_MOMENTS or time.monotonic() < begin + LONGER_THAN_A_LOGIN_S:
            assert time.monotonic() < begin + 120, "the server was not full: nothing was tested"
            full += is_full(lab)
            seen.append((probe(lab, 0), lab.read_status(0).members[0].phase))
            time.sleep(0.2)

    assert set(seen) == {((200, "ready"), "running")}


def test_a_server_that_hangs_is_silent_within_seconds_and_ready_when_it_goes_on(lab: Lab) -> None:
    lab.pod(0).pause(MAIN)
    try:
        lab.wait("the server is silent", lambda: probe(lab, 0) == (503, "silent"), seconds=60)
    finally:
        lab.pod(0).resume(MAIN)
    lab.wait("the pod is ready", lambda: probe(lab, 0) == (200, "ready"))


def test_a_server_that_is_killed_is_gone_at_once(lab: Lab) -> None:
    lab.pod(0).kill_server()
    lab.wait("the server is gone", lambda: probe(lab, 0)[0] == 503, seconds=60)
    lab.wait("the pod is ready again", lambda: probe(lab, 0) == (200, "ready"))
