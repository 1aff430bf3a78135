"""gvwstate.dat cannot be written, which Galera only logs (D16): the view on the disk is then not the last one (R8)."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full, may_mount
from tests.lab.small_disk import fill_up, mount_small_disk

pytestmark = [pytest.mark.galera, pytest.mark.D16]

ONLY_ON_THE_THIRD = 7
"""The row that only the third member has applied when all are killed."""


NOT_WRITTEN = "gvwstate.dat.tmp) failed(No space left on device)"
"""How Galera logs that a view is not on the disk."""


def block_view(cluster: Cluster, ordinal: int) -> None:
    """Put a folder in the way of the file that Galera renames to gvwstate.dat."""
    (cluster.lab.pod(ordinal).folders.volume / "data" / "gvwstate.dat.tmp").mkdir()


def assert_they_wait_for_the_third(cluster: Cluster) -> None:
    """Let the third acknowledge a row that the two others have not applied, kill all: these do not start alone."""
    with cluster.hold_back(0, 1):
        cluster.acknowledge(2, ONLY_ON_THE_THIRD)
        cluster.lab.kill_everything()
    cluster.lab.start_all((0, 1))
    cluster.wait_for_decision(0, r"^waiting for mysql-2 \(unknown")
    cluster.assert_nobody_starts(5)
    cluster.lab.start_all((2,))

    cluster.assert_recovers()


def test_two_that_cannot_write_their_view_do_not_start_without_a_row_of_the_third(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(2).power_off()
    cluster.wait_until_left(0, 1)
    for ordinal in (0, 1):
        block_view(cluster, ordinal)
    lab.pod(2).start()
    lab.wait_synced(3)
    time.sleep(3)  # some rounds of the agents
    assert_they_wait_for_the_third(cluster)


@full
@may_mount
def test_two_whose_disks_were_full_for_a_moment_do_not_start_without_a_row_of_the_third(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A donor on a full disk gives no data, so there is room again after Galera has failed to write the view."""
    lab = cluster.lab
    lab.kill_everything()
    with mount_small_disks(cluster, tmp_path, 0, 1) as fillers:
        lab.start_all()
        cluster.assert_recovers()
        lab.pod(2).power_off()
        cluster.wait_until_left(0, 1)
        for filler in fillers:
            fill_up(filler)
        lab.pod(2).start()
        lab.wait("neither can write its view", lambda: all(NOT_WRITTEN in cluster.read_server_log(k) for k in (0, 1)))
        for filler in fillers:
            filler.unlink()
        lab.wait_synced(3)
        lab.wait("their agents remove the old view", lambda: not any(cluster.read_view(k) for k in (0, 1)), 20)
        assert_they_wait_for_the_third(cluster)
        lab.kill_everything()


@contextmanager
def mount_small_disks(cluster: Cluster, folder: Path, *ordinals: int) -> Iterator[list[Path]]:
    """Move the volumes of these pods to small disks; yields the paths of the files that may fill them."""
    with ExitStack() as disks:
        yield [
            disks.enter_context(mount_small_disk(cluster.lab.pod(k).folders.volume, folder / f"image-{k}"))
            for k in ordinals
        ]
