"""Repairs what tests share before each of them, whatever the test before has left."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import Database
from tests.kubernetes.waiting import ClusterError

CLUSTERS = pytest.StashKey[list[Cluster]]()
"""The clusters whose nodes are repaired after a failed test."""

MEMBERS = 3

FULL = os.environ.get("E2E_FULL") == "1"
"""Whether the longer scenarios run, too: with `make e2e`, but not with `make test`."""

full = pytest.mark.skipif(not FULL, reason="NOT TESTED: one of the longer scenarios; `make e2e` or E2E_FULL=1 runs it")
"""The mark of a longer scenario."""


class Shared:
    """A database that is made when a test needs it, and made again when a test has failed since."""

    def __init__(self, make: Callable[[], Database]) -> None:
        """`make` removes the old database, and returns a new one of MEMBERS Synced members."""
        self._make = make
        self._database: Database | None = None
        self._failures = 0

    def get_synced(self, failures: int) -> Database:
        """The database, with all members Synced; `failures`: how many tests failed so far.  Raises ClusterError."""
        if self._database is None or failures > self._failures or not self._database.exists():
            self._database, self._failures = None, failures
            self._database = self._make()
        elif len(self._database.pods()) != MEMBERS:
            self._database.scale(MEMBERS)
        self._database.wait_synced(MEMBERS)
        self._database.wait_expected(MEMBERS)
        return self._database

    def get_new(self, failures: int) -> Database:
        """The same, but made after all earlier tests, so that none of them has restarted a container."""
        self.remove()
        return self.get_synced(failures)

    def remove(self) -> None:
        """Remove the database."""
        if self._database is not None:
            self._database.remove()


@contextmanager
def run_cluster(cluster: Cluster, config: pytest.Config) -> Iterator[Cluster]:
    """Start a cluster that is repaired after a failed test, and remove it at the end."""
    known = config.stash.setdefault(CLUSTERS, [])
    with cluster:
        known.append(cluster)
        try:
            yield cluster
        finally:
            known.remove(cluster)


def repair(cluster: Cluster) -> None:
    """Switch on each node whose kubelet does not answer, and uncordon all nodes.  Raises ClusterError."""
    for node in cluster.nodes:
        try:
            cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/healthz", seconds=5)
        except ClusterError:
            # The node may be half up, because a test may have failed on the way.
            node.down()
            node.up(cluster.control, bound=True)
            cluster.wait_ready(node)
        cluster.kubectl("uncordon", node.name)
