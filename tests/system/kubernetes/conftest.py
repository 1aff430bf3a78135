"""A cluster for all tests here, and the times of the steps in it.

It is their own, or that of E2E_CONTEXT: a context of the user's kubeconfig whose nodes have the images of this checkout
and whose default StorageClass has volumes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from images.running import BuildError
from tests.kubernetes import kubectl as kubectls
from tests.kubernetes.cluster import Cluster, NotHereError, check, find_extras, our_images
from tests.kubernetes.database import RENAMED_TOOL, Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, OVERLAY, Overlay
from tests.kubernetes.shared import CLUSTERS, Shared, repair, run_cluster
from tests.kubernetes.times import Times

TIMES = pytest.StashKey[Times]()
FAILURES_REPAIRED = pytest.StashKey[int]()
"""How many tests had failed when the nodes were repaired the last time."""


@pytest.fixture(scope="session")
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster on this machine, with one node and both images; one image has a second name.

    It enforces network policies and makes volumes on demand if this machine has the programs for that.
    """
    if "E2E_CONTEXT" in os.environ:
        pytest.skip("NOT TESTED: this test switches nodes off, which it cannot do in the cluster of E2E_CONTEXT")
    try:
        check()
        tool, server = our_images("galera-install"), our_images("mysql-galera")
        renamed = next(iter(tool.values()))
    except (NotHereError, BuildError) as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with run_cluster(Cluster(**find_extras()), request.config) as cluster:
        cluster.load(tool | {RENAMED_TOOL: renamed} | server)
        yield cluster


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest) -> Kubectl:
    """The cluster under test."""
    if context := os.environ.get("E2E_CONTEXT"):
        return kubectls.use_context(context)
    cluster: Cluster = request.getfixturevalue("own_cluster")
    return cluster.kubectl


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> Times:
    """The seconds of each step; printed at the end."""
    return request.config.stash.setdefault(TIMES, Times())


@pytest.fixture(scope="session")
def shared(kubectl: Kubectl, times: Times) -> Iterator[Shared]:
    """The lab's members for all tests that do not make their own."""

    def make() -> Database:
        database = Database(kubectl.in_namespace(NAMESPACE))
        database.remove()
        with times.measure("first start: apply to 3 members Synced"):
            database.apply(OVERLAY)
            database.wait_synced(3)
        with database.writer():
            database.wait_acknowledged(50)
        return database

    shared = Shared(make)
    yield shared
    if "E2E_CONTEXT" in os.environ:
        shared.remove()  # else it ends with its cluster


@pytest.fixture
def database(request: pytest.FixtureRequest, shared: Shared) -> Database:
    """Three Synced members of manifests/overlays/lab, with acknowledged rows."""
    return shared.get_synced(request.session.testsfailed)


@pytest.fixture
def overlay(kubectl: Kubectl, tmp_path: Path) -> Iterator[Overlay]:
    """An overlay for an empty namespace."""
    database = Database(kubectl.in_namespace(NAMESPACE))
    database.remove()
    yield Overlay(database, tmp_path)
    database.remove()


@pytest.fixture(autouse=True)
def _repaired(request: pytest.FixtureRequest) -> None:
    """Switch on nodes that a failed test has left without power."""
    stash = request.config.stash
    failures = request.session.testsfailed
    if failures > stash.get(FAILURES_REPAIRED, 0):
        stash[FAILURES_REPAIRED] = failures
        for cluster in stash.get(CLUSTERS, ()):
            repair(cluster)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the times to the process that prints the summary, when several processes run the tests."""
    times = session.config.stash.get(TIMES, None)
    if times and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["times"] = dict(times.seconds)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the times of such a process when it has ended; one that crashed has none."""
    for what, seconds in getattr(node, "workeroutput", {}).get("times", {}).items():
        node.config.stash.setdefault(TIMES, Times()).seconds[what].extend(seconds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if times := config.stash.get(TIMES, None):
        terminalreporter.section("times in the cluster")
        terminalreporter.write_line(times.table())
