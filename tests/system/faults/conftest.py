"""A lab for each test, and a cluster with rows in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.support.bootstrap.certificates import Certificates
from tests.support.installed import require
from tests.support.object_store import ObjectStore, object_store
from tests.support.restic import require_restic


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab for three pods."""
    require()
    with Lab() as lab:
        yield lab


@pytest.fixture
def cluster(lab: Lab, tmp_path: Path) -> Cluster:
    """Three pods, Synced, with acknowledged rows."""
    lab.up(3)
    lab.wait_synced(3)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    return cluster


@pytest.fixture
def certificates() -> Iterator[Certificates]:
    """The certificates of members, in a folder of their own."""
    with Lab() as place:
        yield Certificates(place.folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    """An S3 server."""
    require_restic()
    with object_store(tmp_path) as store:
        yield store


@pytest.fixture
def secret(store: ObjectStore, tmp_path: Path) -> Path:
    """The Secret of a repository in it."""
    return store.write_secret(tmp_path / "secret")
