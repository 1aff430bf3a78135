"""A cluster with GTIDs of its own, whose binary log is sent to an object storage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.log_sender import make_account
from tests.lab.lab import Lab
from tests.support.installed import require


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab for three pods with GTIDs of the cluster."""
    require()
    with Lab(env={"GALERA_BOOTSTRAP_SERVER_ID": "100", "GALERA_BOOTSTRAP_GTID_DOMAIN": "7"}) as lab:
        yield lab


@pytest.fixture
def cluster(lab: Lab, tmp_path: Path) -> Cluster:
    """Three pods, Synced, with acknowledged rows and the account that reads the log."""
    lab.up(3)
    lab.wait_synced(3)
    make_account(lab)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    return cluster
