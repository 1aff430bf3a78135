"""From MariaDB 10.11 to 11.8 with the servers of two Debians: in place, with a crash in the middle, and back (D13).

Two long-term series at once: an operator must say so (`GALERA_BOOTSTRAP_UPGRADE_FROM`), and MariaDB supports it only
after a stop of all members.  That a rolling update works as well is what these servers did, and no promise of theirs.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from bootstrap.core.galera import server_version
from tests.faults.cluster import Cluster
from tests.lab import newer, report
from tests.lab.machine import NotInstalledError
from tests.lab.plain import Plain
from tests.system.faults.test_named import nobody_starts

pytestmark = [
    pytest.mark.galera,
    pytest.mark.D13,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("E2E_FULL") != "1", reason="NOT TESTED: a major upgrade; `make fault D=D13` or E2E_FULL=1"
    ),
]

OLD, NEW = "10.11", "11.8"

WORD = {"GALERA_BOOTSTRAP_UPGRADE_FROM": OLD}
"""What an operator says who upgrades over 11.4."""

WHOLE = "rsync SST completed on joiner"
"""The line of a joiner that was given a copy of everything."""

MISSED = "rsync IST completed on joiner"
"""The line of one that was given what it had missed."""


class Images(NamedTuple):
    """Whose server a pod runs."""

    old: Plain
    new: Plain


@pytest.fixture
def images(cluster: Cluster) -> Images:
    """This machine's server, and that of the next Debian."""
    try:
        programs = newer.programs(newer.ensure(), cluster.lab.folder / "newer")
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    here = str(cluster.lab.sql(0, "SELECT VERSION()")[0][0])
    if not here.startswith(OLD) or server_version.parse_series(newer.version(programs)) != (11, 8):
        pytest.skip(f"NOT TESTED: this machine has {here} and not {OLD}, or the next Debian not {NEW}")
    return Images(Plain(), Plain(programs))


def put(cluster: Cluster, ordinal: int, image: Plain, env: dict[str, str] | None = None) -> None:
    """The pod is made anew with this image, as an update of the StatefulSet does it, and started."""
    lab = cluster.lab
    lab.use(image)
    lab.delete(ordinal)
    pod = lab.create(ordinal)
    pod.extra_env |= WORD if env is None else env
    pod.start()


def last_run(cluster: Cluster, ordinal: int) -> str:
    """What the server's container has written since it was last started."""
    log = cluster.lab.pod(ordinal).containers["mysql"].log.read_text(errors="replace")
    return re.split(r"^--- \S+ mysql: start ", log, flags=re.MULTILINE)[-1]


def versions(cluster: Cluster) -> list[str]:
    """Of each member's server, the major version."""
    told = (str(cluster.lab.sql(ordinal, "SELECT VERSION()")[0][0]) for ordinal in cluster.lab.pods)
    return [".".join(text.split(".")[:2]) for text in told]


def upgraded(cluster: Cluster, ordinal: int, image: Plain) -> None:
    """One member goes to another image and joins with what it had; the others write on."""
    put(cluster, ordinal, image)
    cluster.lab.wait_synced(3)
    log = last_run(cluster, ordinal)
    assert MISSED in log
    assert WHOLE not in log


def upgrade_tables(cluster: Cluster, ordinal: int) -> None:
    """`mariadb-upgrade`, of the new image, on a running member."""
    pod = cluster.lab.pod(ordinal)
    words = ("--user=root", f"--socket={pod.folders.socket}", "--skip-write-binlog")
    secret = f"--password={cluster.lab.layout.secret('root-password')}"
    report.run(pod, "mariadb-upgrade", "--no-defaults", *words, secret, seconds=120)


def test_a_rolling_upgrade_needs_no_full_copy_and_no_bootstrap(cluster: Cluster, images: Images) -> None:
    with cluster.writer() as writer:
        for ordinal in (2, 1, 0):
            before = writer.count
            upgraded(cluster, ordinal, images.new)
            writer.wait_for(before + 50)
    assert versions(cluster) == [NEW] * 3
    for ordinal in (0, 1, 2):
        upgrade_tables(cluster, ordinal)

    cluster.recovers()
    assert cluster.all_bootstraps == 1
    cluster.power_cut()
    cluster.lab.start_all()
    cluster.recovers()
    assert versions(cluster) == [NEW] * 3


def test_a_power_cut_between_the_versions_is_recovered_by_each_disk_s_own(cluster: Cluster, images: Images) -> None:
    upgraded(cluster, 2, images.new)
    cluster.power_cut()
    cluster.lab.start_all()

    cluster.recovers()
    assert versions(cluster) == [OLD, OLD, NEW]
    assert cluster.all_bootstraps == 2
    upgraded(cluster, 1, images.new)
    upgraded(cluster, 0, images.new)
    cluster.recovers()


def test_a_disk_that_was_not_stopped_in_order_is_opened_by_no_other_version_and_the_image_is_named(
    cluster: Cluster, images: Images
) -> None:
    upgraded(cluster, 2, images.new)
    cluster.power_cut()
    put(cluster, 0, images.new)
    put(cluster, 2, images.old)
    cluster.lab.start_all((1,))
    newer_server = rf"written by MariaDB {OLD}, and this image has {NEW}, which must not recover them.*image of {OLD}"
    cluster.waits(0, newer_server, action="hold")
    cluster.waits(2, rf"written by MariaDB {NEW}, and this image has {OLD}.*use the image of {NEW}", action="hold")
    cluster.waits(1, r"mysql-0 \(its datadir is UNKNOWN.*mysql-2 \(its datadir is UNKNOWN")
    nobody_starts(cluster, 5)
    put(cluster, 0, images.old)
    put(cluster, 2, images.new)

    cluster.recovers()
    assert versions(cluster) == [OLD, OLD, NEW]


def test_the_way_back_is_a_full_copy_from_those_that_stayed(cluster: Cluster, images: Images) -> None:
    upgraded(cluster, 2, images.new)
    with cluster.writer((0, 1)) as writer:
        put(cluster, 2, images.old)
        cluster.waits(2, rf"use the image of {NEW}", action="hold")
        before = writer.count
        writer.wait_for(before + 50)
        report.run(cluster.lab.pod(2), "galera-bootstrap", "discard", seconds=60)
        cluster.lab.wait_synced(3)
    assert WHOLE in last_run(cluster, 2)
    assert versions(cluster) == [OLD] * 3

    cluster.recovers()
    assert cluster.all_bootstraps == 1


def test_after_a_stop_of_all_members_the_new_server_opens_all_of_them_once_an_operator_has_said_so(
    cluster: Cluster, images: Images
) -> None:
    for ordinal in (2, 1, 0):
        cluster.lab.pod(ordinal).stop()
    for ordinal in (0, 1, 2):
        put(cluster, ordinal, images.new, env={})
    for ordinal in (0, 1, 2):
        text = rf"one step at a time, the next image is that of 11\.4; or stop all.*UPGRADE_FROM={OLD}"
        cluster.waits(ordinal, text, action="hold")
    nobody_starts(cluster, 5)
    for ordinal in (0, 1, 2):
        put(cluster, ordinal, images.new)

    cluster.recovers()
    assert versions(cluster) == [NEW] * 3
    assert cluster.all_bootstraps == 2
    assert not any(WHOLE in last_run(cluster, ordinal) for ordinal in (0, 1, 2))


def test_the_other_debian_is_seen_by_its_own_processes_alone(tmp_path: Path) -> None:
    try:
        programs = newer.programs(newer.ensure(), tmp_path)
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    before = Path("/etc/debian_version").read_text()
    assert server_version.parse_series(newer.version(programs))
    assert Path("/etc/debian_version").read_text() == before
