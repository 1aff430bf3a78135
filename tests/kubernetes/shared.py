"""What tests share is whole at the start of each of them, whatever the test before has left."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import Database
from tests.kubernetes.waiting import ClusterError

CLUSTERS = pytest.StashKey[list[Cluster]]()
"""Those whose nodes are looked after when a test has failed."""

MEMBERS = 3

FULL = os.environ.get("E2E_FULL") == "1"
"""Whether the longer scenarios are wanted, too: `make e2e` says so, `make test` does not."""

full = pytest.mark.skipif(not FULL, reason="NOT TESTED: one of the longer scenarios; `make e2e` or E2E_FULL=1 runs it")
"""Of a test that is one of these."""


class Shared:
    """A database that is made when somebody wants it, and made anew when a test has failed since."""

    def __init__(self, make: Callable[[], Database]) -> None:
        """`make` removes what is there, and gives a database of MEMBERS Synced members."""
        self._make = make
        self._made: Database | None = None
        self._failures = 0

    def whole(self, failures: int) -> Database:
        """It, with all members Synced; `failures` is how many tests have failed so far.  Raises ClusterError."""
        if self._made is None or failures > self._failures or not self._made.exists():
            self._made, self._failures = None, failures
            self._made = self._make()
        elif len(self._made.pods()) != MEMBERS:
            self._made.scale(MEMBERS)
        self._made.wait_synced(MEMBERS)
        self._made.wait_expected(MEMBERS)
        return self._made

    def remove(self) -> None:
        """The end of it."""
        if self._made is not None:
            self._made.remove()


@contextmanager
def looked_after(cluster: Cluster, config: pytest.Config) -> Iterator[Cluster]:
    """A cluster, up, that is mended when a test has failed, and gone afterwards."""
    known = config.stash.setdefault(CLUSTERS, [])
    with cluster:
        known.append(cluster)
        try:
            yield cluster
        finally:
            known.remove(cluster)


def mend(cluster: Cluster) -> None:
    """Give power to each node whose kubelet does not answer, and let pods in again.  Raises ClusterError."""
    for node in cluster.nodes:
        try:
            cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/healthz", seconds=5)
        except ClusterError:
            # Also one that is half up: a test may have failed on the way.
            node.down()
            node.up(cluster.control, bound=True)
            cluster.wait_ready(node)
        cluster.kubectl("uncordon", node.name)
