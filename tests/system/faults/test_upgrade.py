"""From MariaDB 10.11 to 11.8 with the servers of two Debians: in place, with a crash in the middle, and back (D13).

This goes over two long-term series at once. A human must confirm it (`GALERA_BOOTSTRAP_UPGRADE_FROM`), and MariaDB
supports it only after a stop of all members. A rolling update also worked with these servers, but MariaDB does not
promise that.
"""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.faults.cluster import FULL_COPY, Cluster
from tests.faults.tables import read_tables, read_upgrades
from tests.lab import report
from tests.lab.lab import Lab
from tests.lab.plain import Plain
from tests.support.installed import require, require_series

pytestmark = [
    pytest.mark.galera,
    pytest.mark.D13,
    pytest.mark.skipif(
        os.environ.get("E2E_FULL") != "1", reason="NOT TESTED: a major upgrade; `make fault D=D13` or E2E_FULL=1"
    ),
]

OLD, NEW = "10.11", "11.8"

CONFIRMATION = {"GALERA_BOOTSTRAP_UPGRADE_FROM": OLD}
"""The setting by which a human confirms an upgrade over 11.4."""

IST = "rsync IST completed on joiner"
"""A server's line after it received only the missing transactions."""


class Images(NamedTuple):
    """The runtimes of both servers."""

    old: Plain
    new: Plain


@pytest.fixture
def images() -> Images:
    """The servers of both series."""
    require()
    for name in (OLD, NEW):
        require_series(name)
    return Images(Plain(OLD), Plain(NEW))


@pytest.fixture
def lab(images: Images) -> Iterator[Lab]:
    """An empty lab for three pods of the old series."""
    with Lab(runtime=images.old) as lab:
        yield lab


def replace_pod(cluster: Cluster, ordinal: int, image: Plain, env: dict[str, str] | None = None) -> None:
    """Create the pod again with this image, as an update of the StatefulSet does, and start it."""
    lab = cluster.lab
    lab.use(image)
    lab.delete(ordinal)
    pod = lab.create(ordinal)
    pod.extra_env |= CONFIRMATION if env is None else env
    pod.start()


def read_last_run(cluster: Cluster, ordinal: int) -> str:
    """Read the log of the server's container since its last start."""
    return re.split(r"^--- \S+ mysql: start ", cluster.read_server_log(ordinal), flags=re.MULTILINE)[-1]


def read_versions(cluster: Cluster) -> list[str]:
    """Read the major version of each member's server."""
    versions = (str(cluster.lab.query(ordinal, "SELECT VERSION()")[0][0]) for ordinal in cluster.lab.pods)
    return [".".join(version.split(".")[:2]) for version in versions]


def upgrade(cluster: Cluster, ordinal: int, image: Plain) -> None:
    """Replace one member by another image; it joins without a full copy while the others go on."""
    replace_pod(cluster, ordinal, image)
    cluster.lab.wait_synced(3)
    log = read_last_run(cluster, ordinal)
    assert IST in log
    assert FULL_COPY not in log


def read_table_forms(cluster: Cluster, ordinal: int) -> dict[str, str]:
    """Read how each system table of a member is made, but for what differs between equal tables."""
    names = cluster.lab.query(ordinal, "SHOW FULL TABLES FROM mysql WHERE Table_type = 'BASE TABLE'")
    made = {str(name): str(cluster.lab.query(ordinal, f"SHOW CREATE TABLE mysql.`{name}`")[0][1]) for name, _ in names}
    return {name: re.sub(r"AUTO_INCREMENT=\d+ |PAGE_CHECKSUM=\d ?", "", text) for name, text in made.items()}


def read_tables_of_all(cluster: Cluster) -> list[str]:
    """Read the series in the notes of the members' tables."""
    return [read_tables(cluster, ordinal) for ordinal in cluster.lab.pods]


def test_a_rolling_upgrade_needs_no_full_copy_no_bootstrap_and_no_human(cluster: Cluster, images: Images) -> None:
    before_all = read_table_forms(cluster, 0)
    with cluster.make_writer() as writer:
        for ordinal in (2, 1, 0):
            assert read_tables_of_all(cluster) == [OLD] * 3
            before = writer.count
            upgrade(cluster, ordinal, images.new)
            writer.wait_for(before + 50)
        cluster.lab.wait("the tables of all are upgraded", lambda: read_tables_of_all(cluster) == [NEW] * 3, 300)
        before = writer.count
        writer.wait_for(before + 50)
    assert read_versions(cluster) == [NEW] * 3
    found = [read_upgrades(cluster, ordinal) for ordinal in (0, 1, 2)]
    times = [time for events in found for time, _ in events]
    assert [[text for _, text in events] for events in found] == [
        [f"upgrading the system tables from MariaDB {OLD} to MariaDB {NEW}", "the system tables are upgraded"]
    ] * 3
    assert times == sorted(times)
    forms = [read_table_forms(cluster, ordinal) for ordinal in (0, 1, 2)]
    assert forms[0] != before_all
    assert forms[0] == forms[1] == forms[2]

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1
    cluster.cut_power()
    cluster.lab.start_all()
    cluster.assert_recovers()
    assert read_versions(cluster) == [NEW] * 3
    assert [len(read_upgrades(cluster, ordinal)) for ordinal in (0, 1, 2)] == [2] * 3


def test_after_a_power_cut_between_the_versions_each_disk_is_recovered_by_its_own_version(
    cluster: Cluster, images: Images
) -> None:
    upgrade(cluster, 2, images.new)
    cluster.cut_power()
    cluster.lab.start_all()

    cluster.assert_recovers()
    assert read_versions(cluster) == [OLD, OLD, NEW]
    assert cluster.all_bootstraps == 2
    upgrade(cluster, 1, images.new)
    upgrade(cluster, 0, images.new)
    cluster.assert_recovers()


def test_no_other_version_opens_a_disk_that_was_not_stopped_in_order_and_the_right_image_is_named(
    cluster: Cluster, images: Images
) -> None:
    upgrade(cluster, 2, images.new)
    cluster.cut_power()
    replace_pod(cluster, 0, images.new)
    replace_pod(cluster, 2, images.old)
    cluster.lab.start_all((1,))
    newer_server = rf"written by MariaDB {OLD}, and this image has {NEW}, which must not recover them.*image of {OLD}"
    cluster.wait_for_decision(0, newer_server, action="hold")
    cluster.wait_for_decision(
        2, rf"written by MariaDB {NEW}, and this image has {OLD}.*use the image of {NEW}", action="hold"
    )
    cluster.wait_for_decision(1, r"mysql-0 \(its datadir is UNKNOWN.*mysql-2 \(its datadir is UNKNOWN")
    cluster.assert_nobody_starts(5)
    replace_pod(cluster, 0, images.old)
    replace_pod(cluster, 2, images.new)

    cluster.assert_recovers()
    assert read_versions(cluster) == [OLD, OLD, NEW]


def test_the_way_back_is_a_full_copy_from_members_with_the_old_version(cluster: Cluster, images: Images) -> None:
    upgrade(cluster, 2, images.new)
    with cluster.make_writer((0, 1)) as writer:
        replace_pod(cluster, 2, images.old)
        cluster.wait_for_decision(2, rf"use the image of {NEW}", action="hold")
        before = writer.count
        writer.wait_for(before + 50)
        report.run(cluster.lab.pod(2), "galera-bootstrap", "discard", seconds=60)
        cluster.lab.wait_synced(3)
    assert FULL_COPY in read_last_run(cluster, 2)
    assert read_versions(cluster) == [OLD] * 3
    assert read_tables_of_all(cluster) == [OLD] * 3
    assert [read_upgrades(cluster, ordinal) for ordinal in (0, 1, 2)] == [[]] * 3

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


def test_after_a_stop_of_all_members_the_new_server_opens_all_disks_when_a_human_has_confirmed_it(
    cluster: Cluster, images: Images
) -> None:
    for ordinal in (2, 1, 0):
        cluster.lab.pod(ordinal).stop()
    for ordinal in (0, 1, 2):
        replace_pod(cluster, ordinal, images.new, env={})
    for ordinal in (0, 1, 2):
        text = rf"one step at a time, the next image is that of 11\.4; or stop all.*UPGRADE_FROM={OLD}"
        cluster.wait_for_decision(ordinal, text, action="hold")
    cluster.assert_nobody_starts(5)
    for ordinal in (0, 1, 2):
        replace_pod(cluster, ordinal, images.new)

    cluster.assert_recovers()
    assert read_versions(cluster) == [NEW] * 3
    assert cluster.all_bootstraps == 2
    assert not any(FULL_COPY in read_last_run(cluster, ordinal) for ordinal in (0, 1, 2))
