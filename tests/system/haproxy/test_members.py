"""The proxies in front of real members: a writer that dies, hangs or is taken out by a human, and the end of all."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pymysql
import pytest

from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.runtime import MAIN
from tests.lab.writer import Writer
from tests.support.haproxy.proxy import PATIENCE, PROXIES, Proxy
from tests.support.installed import require

pytestmark = [pytest.mark.galera]


OUTAGE = 240.0
"""Seconds: a generous limit for the end of a full outage, while clients try all the time."""


class Site:
    """Three members, two proxies, and clients that write through both all the time."""

    def __init__(self, lab: Lab, proxies: list[Proxy], folder: Path) -> None:
        self.lab, self.proxies, self._record = lab, proxies, folder / "acknowledged"
        self._acknowledged: set[int] = set()

    @contextmanager
    def clients(self) -> Iterator[Writer]:
        """Run a client of each proxy; afterwards all rows that were acknowledged so far must be on every member."""
        with Writer(self.lab.layout, [proxy.ip for proxy in self.proxies], self._record, threads=2) as writer:
            writer.wait_for(50)
            yield writer
            writer.wait_for(writer.count + 50)
        self.lab.wait_synced(3, seconds=OUTAGE)
        self._acknowledged |= writer.acknowledged
        assert judge(self.lab, self._acknowledged).complaints == []

    def writer(self) -> str:
        """The writer, which must be the same in both proxies."""
        (found,) = {proxy.writer() for proxy in self.proxies}
        assert found is not None
        return found

    def wait_moved(self, before: str) -> str:
        """Wait until both proxies have the same new writer; returns its name."""

        def has_moved() -> bool:
            found = {proxy.writer() for proxy in self.proxies}
            return len(found) == 1 and before not in found

        self.proxies[0].wait("other writer", has_moved, seconds=2 * PATIENCE)
        return self.writer()

    def wait_up(self, member: str) -> None:
        """Wait until both proxies have the member as ready."""
        for proxy in self.proxies:
            proxy.wait_state(member, "UP", seconds=2 * PATIENCE)

    def wait_health(self, status: int, seconds: float = PATIENCE) -> None:
        """Wait until both proxies answer their probes with this status."""
        for proxy in self.proxies:
            proxy.wait_health(status, seconds)

    def serving_members(self) -> set[str]:
        """The members that answer new clients of the proxies."""
        return {self._name(proxy) for proxy in self.proxies for _ in range(3)}

    def _name(self, proxy: Proxy) -> str:
        secret = self.lab.layout.read_secret
        with (
            closing(pymysql.connect(host=proxy.ip, user=secret("user"), password=secret("password"))) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT @@wsrep_node_name")
            return str((cursor.fetchone() or ("",))[0])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require()
    folder = tmp_path_factory.mktemp("site")
    with Lab() as lab:
        lab.up(3)
        zero, one = (Proxy(lab, name, folder / name) for name in PROXIES)
        with zero, one:
            lab.wait_synced(3)
            site = Site(lab, [zero, one], folder)
            for pod in lab.pods.values():
                site.wait_up(pod.name)
            yield site


def test_a_writer_that_dies_is_replaced_and_is_not_the_writer_when_it_is_back(site: Site) -> None:
    with site.clients() as clients:
        before = site.writer()
        ordinal = int(before[-1])
        acknowledged, began = clients.count, time.monotonic()
        site.lab.delete(ordinal, force=True)
        clients.wait_for(acknowledged + 30)
        print(f"writer killed: 30 more rows after {time.monotonic() - began:.1f} s")
        after = site.wait_moved(before)
        site.lab.create(ordinal).start()
        site.lab.wait_synced(3)
        site.wait_up(before)
        clients.wait_for(clients.count + 50)

        assert site.writer() == after
        assert site.serving_members() == {after}


def test_without_any_member_clients_get_an_error_at_once_and_recovery_needs_no_human(site: Site) -> None:
    with site.clients():
        site.lab.kill_everything()
        site.wait_health(503)
        began = time.monotonic()
        with pytest.raises(pymysql.Error):
            site.serving_members()
        assert time.monotonic() - began < 20

        site.lab.start_all()
        # Clients need only the first member, not all three.
        site.wait_health(200, seconds=OUTAGE)


@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: a writer that hangs; takes long: set E2E_FULL=1")
def test_clients_of_a_writer_that_hangs_are_disconnected(site: Site) -> None:
    with site.clients() as clients:
        before = site.writer()
        ordinal = int(before[-1])
        acknowledged, began = clients.count, time.monotonic()
        site.lab.pod(ordinal).pause(MAIN)
        clients.wait_for(acknowledged + 30)
        print(f"server of the writer paused: 30 more rows after {time.monotonic() - began:.1f} s")
        after = site.wait_moved(before)
        site.lab.pod(ordinal).resume(MAIN)
        site.lab.wait_synced(3)
        site.wait_up(before)

        assert site.writer() == after


@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: a desynced writer; takes long: set E2E_FULL=1")
def test_a_writer_that_a_human_desyncs_is_replaced(site: Site) -> None:
    with site.clients() as clients:
        before = site.writer()
        ordinal = int(before[-1])
        began = time.monotonic()
        site.lab.query(ordinal, "SET GLOBAL wsrep_desync=ON")
        after = site.wait_moved(before)
        print(f"the writer desynced: another one after {time.monotonic() - began:.1f} s")
        site.lab.query(ordinal, "SET GLOBAL wsrep_desync=OFF")
        site.wait_up(before)
        clients.wait_for(clients.count + 50)

        assert site.serving_members() == {after}
