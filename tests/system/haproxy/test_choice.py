"""Which member is the writer, and what becomes of connections: HAProxy itself, members that are two ports."""

import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.lab.lab import Lab
from tests.lab.layout import address
from tests.support.haproxy.members import Members
from tests.support.haproxy.proxy import FALL, PATIENCE, PORTS, Proxy, holds
from tests.system.haproxy.conftest import Start

ZERO, ONE = "mysql-writer-0", "mysql-writer-1"


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((proxy.ip, PORTS["clients"]), timeout=PATIENCE)


def told(connection: socket.socket) -> str:
    """Which member is at the other end; nothing when there is none any more."""
    try:
        return connection.recv(100).decode().strip()
    except ConnectionResetError:
        return ""


def asked(connection: socket.socket) -> str:
    """The same, of a connection that is in use."""
    connection.sendall(b"?")
    return told(connection)


def writer(proxy: Proxy) -> str:
    """Who answers a new client; nothing when it is refused."""
    try:
        with closing(connect(proxy)) as connection:
            return told(connection)
    except ConnectionResetError:
        return ""


def have_the_second_one_write(proxy: Proxy, members: Members) -> None:
    """The first one has been away."""
    members.ready(0, value=False)
    proxy.wait_state("mysql-0", "DOWN")
    assert writer(proxy) == "mysql-1"
    members.ready(0, value=True)
    proxy.wait_state("mysql-0", "UP")


def test_all_clients_of_both_proxies_write_to_one_member(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    proxies = [start(lab, ZERO), start(lab, ONE)]

    assert {writer(proxy) for proxy in proxies for _ in range(10)} == {"mysql-0"}


def test_a_writer_that_is_not_ready_is_left_and_does_not_become_the_writer_again(
    lab: Lab, members: Members, start: Start
) -> None:
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as before:
        assert told(before) == "mysql-0"
        members.ready(0, value=False)

        assert told(before) == ""
        with closing(connect(proxy)) as after:
            assert told(after) == "mysql-1"
            members.ready(0, value=True)
            proxy.wait_state("mysql-0", "UP")

            assert asked(after) == "mysql-1"
            assert writer(proxy) == "mysql-1"


def test_a_moment_of_not_being_ready_changes_nothing(lab: Lab, members: Members, start: Start) -> None:
    """As a donor that helps a member to catch up."""
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as connection:
        assert told(connection) == "mysql-0"
        proxy.wait("a member that has been well for a while", lambda: proxy.healths()["mysql-0"] == FALL - 1)
        members.say_no(0, FALL - 1)
        proxy.wait("checks that fail", lambda: not members.saying_no(0))

        assert asked(connection) == writer(proxy) == "mysql-0"
        members.say_no(0, FALL + 1)
        assert told(connection) == ""


def test_a_writer_that_refuses_clients_needs_only_one_bad_check(lab: Lab, members: Members, start: Start) -> None:
    """And the next one has no client before the last one of the old one is gone."""
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as before:
        assert told(before) == "mysql-0"
        proxy.wait("a member that has been well for a while", lambda: proxy.healths()["mysql-0"] == FALL - 1)
        members.refuse_clients(0)
        members.say_no(0, FALL - 1)

        proxy.wait("another writer", lambda: writer(proxy) == "mysql-1")
        before.settimeout(PATIENCE)
        assert told(before) == ""


def test_a_writer_that_is_gone_is_left(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    assert writer(proxy) == "mysql-0"
    members.die(0)

    proxy.wait("another writer", lambda: writer(proxy) == "mysql-1")


def test_members_are_followed_to_the_addresses_of_their_new_pods(lab: Lab, members: Members, start: Start) -> None:
    """Until nobody is left where he was at the proxy's start."""
    proxy = start(lab, ZERO)
    for ordinal in range(3):
        with closing(connect(proxy)) as connection:
            assert told(connection)
        members.die(ordinal)
        proxy.wait_state(f"mysql-{ordinal}", "DOWN")
        members.add(ordinal, address(lab.layout.network, 20 + ordinal))
        proxy.wait_state(f"mysql-{ordinal}", "UP")

    assert writer(proxy)


def test_a_proxy_hears_from_the_other_who_the_writer_is(lab: Lab, members: Members, start: Start) -> None:
    first = start(lab, ZERO)
    members.ready(0, value=False)
    first.wait_state("mysql-0", "DOWN")
    assert writer(first) == "mysql-1"
    members.ready(0, value=True)
    first.wait_state("mysql-0", "UP")

    second = start(lab, ONE)
    second.wait("the writer's name", lambda: second.writer() == "mysql-1")
    assert writer(second) == "mysql-1"
    # And when all of the first is lost, it hears from the second.
    first.kill()
    first.start()
    first.wait("the writer's name", lambda: first.writer() == "mysql-1")
    assert writer(first) == "mysql-1"


def test_a_choice_of_one_proxy_is_the_choice_of_both(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    """Also when only one of them has seen why."""
    first, second = start(lab, ZERO), start(lab, ONE)
    assert writer(first) == writer(second) == "mysql-0"
    first.ask("@1 set server writer/mysql-0 state maint")
    assert writer(first) == "mysql-1"

    second.wait("the same writer", lambda: second.writer() == "mysql-1")
    assert second.states()["mysql-0"] == "UP"
    assert writer(second) == "mysql-1"


def test_without_a_member_clients_are_told_at_once(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    assert (proxy.health(), writer(proxy)) == (200, "mysql-0")
    for ordinal in range(3):
        members.ready(ordinal, value=False)
    proxy.wait_health(503)
    began = time.monotonic()

    assert writer(proxy) == ""
    assert time.monotonic() - began < 20

    members.ready(2, value=True)
    proxy.wait_health(200)
    assert writer(proxy) == "mysql-2"


def test_members_that_come_and_go_neither_reload_nor_cut(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as connection:
        assert told(connection) == "mysql-0"
        members.add(3)
        proxy.wait_state("mysql-3", "UP")
        assert "mysql-3.galera.lab.svc.cluster.local:3306 id 4 backup\n" in proxy.configuration

        assert asked(connection) == writer(proxy) == "mysql-0"
        assert "0 [failed: 0]" in proxy.ask("show proc")


def test_the_tenth_member_is_a_reload_that_cuts_no_connection(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    have_the_second_one_write(proxy, members)
    with closing(connect(proxy)) as connection:
        assert told(connection) == "mysql-1"
        members.add(9)
        answers = set()
        while not holds(lambda: proxy.workers() == 2 and proxy.states().get("mysql-9") == "UP"):
            answers.add(writer(proxy))

        # Not sent elsewhere in between, and the writer is remembered; the old worker may have turned some away.
        assert answers <= {"mysql-1", ""}
        assert asked(connection) == writer(proxy) == "mysql-1"


def test_who_comes_during_a_reload_goes_to_the_writer_or_is_turned_away_at_once(
    lab: Lab, members: Members, start: Start
) -> None:
    """An old worker that has let somebody in does not know any more who the writer is."""
    proxy, answers, over = start(lab, ZERO), list[str](), threading.Event()
    have_the_second_one_write(proxy, members)

    # As the hook writes it: a new worker takes the writer before it has heard who that is.
    file = proxy.run / "haproxy.cfg"
    file.write_text(re.sub(r"(server mysql-1 .*) backup", r"\1", file.read_text()))

    def client() -> None:
        while not over.is_set():
            answers.append(writer(proxy))

    def reload() -> bool:
        # The master's socket is not there while it starts its next worker.
        if " writer " not in (state := proxy.ask("@1 show servers state")):
            return False
        (proxy.run / "servers.state").write_text(state)
        proxy.ask("reload")
        return True

    with ThreadPoolExecutor(8) as clients:
        asking = [clients.submit(client) for _ in range(8)]
        try:
            for _ in range(15):
                proxy.wait("a reload", reload)
                # As long as the hook waits for a reload: a second one at once, and HAProxy's master hangs.
                time.sleep(1)
        finally:
            over.set()
        for one in asking:
            one.result()

    assert set(answers) <= {"mysql-1", ""}
    assert answers.count("") < len(answers) / 50


def test_a_stop_waits_for_the_last_connection(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as connection:
        assert told(connection) == "mysql-0"
        proxy.signal("haproxy", signal.SIGUSR1)
        proxy.wait("no new connections", lambda: proxy.health() is None)

        assert asked(connection) == "mysql-0"
        assert proxy.running("haproxy")
    proxy.wait("its end", lambda: not proxy.running("haproxy"))


def test_metrics_tell_of_every_member(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    text = start(lab, ZERO).get("/metrics")

    assert 'haproxy_server_status{proxy="writer",server="mysql-2",state="UP"} 1' in text
    assert 'haproxy_server_status{proxy="writer",server="mysql-3",state="MAINT"} 1' in text
    assert 'haproxy_server_current_sessions{proxy="writer",server="mysql-0"} 0' in text
