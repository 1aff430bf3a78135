"""Skips these tests where there is no database; a cluster that is slow to notice a dead member."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.lab.layout import SLOW_TO_EVICT
from tests.support.installed import require


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    require()


@pytest.fixture
def slow_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three pods, Synced, with acknowledged rows; Galera evicts a dead member only after 15 s."""
    with Lab(env={"GALERA_BOOTSTRAP_PROVIDER_OPTIONS": SLOW_TO_EVICT}) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        lab.up()
        lab.wait_synced(3)
        cluster.write(200)
        yield cluster
