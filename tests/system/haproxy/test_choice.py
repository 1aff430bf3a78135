"""Which member is the writer, and what happens to connections: the real HAProxy, with members that are two ports."""

import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.lab.lab import Lab
from tests.lab.layout import address
from tests.support.haproxy.clients import ask_member, connect, find_writer, read_member
from tests.support.haproxy.members import Members
from tests.support.haproxy.proxy import FALL, PATIENCE, Proxy, is_true
from tests.system.haproxy.conftest import Start

ZERO, ONE = "mysql-writer-0", "mysql-writer-1"


def move_writer_to_second(proxy: Proxy, members: Members) -> None:
    """Let the first member be down for a while, so that the second becomes the writer."""
    members.set_ready(0, value=False)
    proxy.wait_state("mysql-0", "DOWN")
    assert find_writer(proxy) == "mysql-1"
    members.set_ready(0, value=True)
    proxy.wait_state("mysql-0", "UP")


def test_all_clients_of_both_proxies_write_to_one_member(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    proxies = [start(lab, ZERO), start(lab, ONE)]

    assert {find_writer(proxy) for proxy in proxies for _ in range(10)} == {"mysql-0"}


def test_a_writer_that_is_not_ready_is_replaced_and_does_not_become_the_writer_again(
    lab: Lab, members: Members, start: Start
) -> None:
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as before:
        assert read_member(before) == "mysql-0"
        members.set_ready(0, value=False)

        assert read_member(before) == ""
        with closing(connect(proxy)) as after:
            assert read_member(after) == "mysql-1"
            members.set_ready(0, value=True)
            proxy.wait_state("mysql-0", "UP")

            assert ask_member(after) == "mysql-1"
            assert find_writer(proxy) == "mysql-1"


def test_a_short_time_of_not_being_ready_changes_nothing(lab: Lab, members: Members, start: Start) -> None:
    """A donor that helps a member to catch up is not ready for a moment."""
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as connection:
        assert read_member(connection) == "mysql-0"
        proxy.wait("member with full health", lambda: proxy.healths()["mysql-0"] == FALL - 1)
        members.fail_probes(0, FALL - 1)
        proxy.wait("end of failing checks", lambda: not members.is_failing(0))

        assert ask_member(connection) == find_writer(proxy) == "mysql-0"
        members.fail_probes(0, FALL + 1)
        assert read_member(connection) == ""


def test_a_writer_that_refuses_clients_is_replaced_after_one_failed_check(
    lab: Lab, members: Members, start: Start
) -> None:
    """Also, no client is connected to the new writer before the last client of the old one is disconnected."""
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as before:
        assert read_member(before) == "mysql-0"
        proxy.wait("member with full health", lambda: proxy.healths()["mysql-0"] == FALL - 1)
        members.refuse_clients(0)
        members.fail_probes(0, FALL - 1)

        proxy.wait("other writer", lambda: find_writer(proxy) == "mysql-1")
        before.settimeout(PATIENCE)
        assert read_member(before) == ""


def test_a_writer_that_has_ended_is_replaced(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    assert find_writer(proxy) == "mysql-0"
    members.die(0)

    proxy.wait("other writer", lambda: find_writer(proxy) == "mysql-1")


def test_members_are_followed_to_the_addresses_of_their_new_pods(lab: Lab, members: Members, start: Start) -> None:
    """Until no member has the address that it had at the proxy's start."""
    proxy = start(lab, ZERO)
    for ordinal in range(3):
        with closing(connect(proxy)) as connection:
            assert read_member(connection)
        members.die(ordinal)
        proxy.wait_state(f"mysql-{ordinal}", "DOWN")
        members.add(ordinal, address(lab.layout.network, 20 + ordinal))
        proxy.wait_state(f"mysql-{ordinal}", "UP")

    assert find_writer(proxy)


def test_a_proxy_learns_the_writer_from_the_other_proxy(lab: Lab, members: Members, start: Start) -> None:
    first = start(lab, ZERO)
    members.set_ready(0, value=False)
    first.wait_state("mysql-0", "DOWN")
    assert find_writer(first) == "mysql-1"
    members.set_ready(0, value=True)
    first.wait_state("mysql-0", "UP")

    second = start(lab, ONE)
    second.wait("name of the writer", lambda: second.writer() == "mysql-1")
    assert find_writer(second) == "mysql-1"
    # When the first proxy loses everything, it learns the writer from the second.
    first.kill()
    first.start()
    first.wait("name of the writer", lambda: first.writer() == "mysql-1")
    assert find_writer(first) == "mysql-1"


def test_a_choice_of_one_proxy_is_the_choice_of_both(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    """Also when only one of them has seen the reason."""
    first, second = start(lab, ZERO), start(lab, ONE)
    assert find_writer(first) == find_writer(second) == "mysql-0"
    first.ask("@1 set server writer/mysql-0 state maint")
    assert find_writer(first) == "mysql-1"

    second.wait("same writer", lambda: second.writer() == "mysql-1")
    assert second.states()["mysql-0"] == "UP"
    assert find_writer(second) == "mysql-1"


def test_without_a_ready_member_clients_are_refused_at_once(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    assert (proxy.health(), find_writer(proxy)) == (200, "mysql-0")
    for ordinal in range(3):
        members.set_ready(ordinal, value=False)
    proxy.wait_health(503)
    began = time.monotonic()

    assert find_writer(proxy) == ""
    assert time.monotonic() - began < 20

    members.set_ready(2, value=True)
    proxy.wait_health(200)
    assert find_writer(proxy) == "mysql-2"


def test_members_that_come_and_go_cause_no_reload_and_cut_no_connection(
    lab: Lab, members: Members, start: Start
) -> None:
    proxy = start(lab, ZERO)
    with closing(connect(proxy)) as connection:
        assert read_member(connection) == "mysql-0"
        members.add(3)
        proxy.wait_state("mysql-3", "UP")
        assert "mysql-3.galera.lab.svc.cluster.local:3306 id 4 backup\n" in proxy.configuration

        assert ask_member(connection) == find_writer(proxy) == "mysql-0"
        assert "0 [failed: 0]" in proxy.ask("show proc")


def test_the_tenth_member_causes_a_reload_that_cuts_no_connection(lab: Lab, members: Members, start: Start) -> None:
    proxy = start(lab, ZERO)
    move_writer_to_second(proxy, members)
    with closing(connect(proxy)) as connection:
        assert read_member(connection) == "mysql-1"
        members.add(9)
        answers = set()
        while not is_true(lambda: proxy.workers() == 2 and proxy.states().get("mysql-9") == "UP"):
            answers.add(find_writer(proxy))

        # No client was sent to another member in between, and the writer is kept; the old worker may refuse some.
        assert answers <= {"mysql-1", ""}
        assert ask_member(connection) == find_writer(proxy) == "mysql-1"


def test_a_client_that_connects_during_a_reload_reaches_the_writer_or_is_refused_at_once(
    lab: Lab, members: Members, start: Start
) -> None:
    """An old worker that has accepted a client does not know the writer any more."""
    proxy, answers, over = start(lab, ZERO), list[str](), threading.Event()
    move_writer_to_second(proxy, members)

    # As the hook writes it: a new worker uses the writer before it has received its name.
    file = proxy.run / "haproxy.cfg"
    file.write_text(re.sub(r"(server mysql-1 .*) backup", r"\1", file.read_text()))

    def client() -> None:
        while not over.is_set():
            answers.append(find_writer(proxy))

    def reload() -> bool:
        # The master has no socket while it starts its next worker.
        if " writer " not in (state := proxy.ask("@1 show servers state")):
            return False
        (proxy.run / "servers.state").write_text(state)
        proxy.ask("reload")
        return True

    with ThreadPoolExecutor(8) as clients:
        asking = [clients.submit(client) for _ in range(8)]
        try:
            for _ in range(15):
                proxy.wait("reload", reload)
                # The hook waits this long after a reload, because HAProxy's master hangs after two reloads at once.
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
        assert read_member(connection) == "mysql-0"
        proxy.signal("haproxy", signal.SIGUSR1)
        proxy.wait("refusal of new connections", lambda: proxy.health() is None)

        assert ask_member(connection) == "mysql-0"
        assert proxy.is_running("haproxy")
    proxy.wait("end of haproxy", lambda: not proxy.is_running("haproxy"))


def test_metrics_show_every_member(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    text = start(lab, ZERO).get("/metrics")

    assert 'haproxy_server_status{proxy="writer",server="mysql-2",state="UP"} 1' in text
    assert 'haproxy_server_status{proxy="writer",server="mysql-3",state="MAINT"} 1' in text
    assert 'haproxy_server_current_sessions{proxy="writer",server="mysql-0"} 0' in text
