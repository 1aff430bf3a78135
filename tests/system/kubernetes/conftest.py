"""A cluster for all tests here, and how long things took in it.

Its own, or that of E2E_CONTEXT: a context of the user's kubeconfig whose nodes have the images of this checkout and
whose default StorageClass has volumes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from images.build import ensure
from images.debian import image_id
from images.running import BuildError
from tests.kubernetes import kubectl as kubectls
from tests.kubernetes.cluster import Cluster, NotHereError, check, extras
from tests.kubernetes.database import RENAMED_TOOL, Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, OVERLAY, Overlay
from tests.kubernetes.shared import CLUSTERS, Shared, looked_after, mend
from tests.kubernetes.times import Times

TIMES = pytest.StashKey[Times]()
MENDED = pytest.StashKey[int]()
"""How many tests had failed when the nodes were looked after the last time."""


@pytest.fixture(scope="session")
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster of this machine, of one node, with both images, and one of them by a second name.

    Network policies are enforced, and there are volumes on demand, where the machine has what that takes.
    """
    if "E2E_CONTEXT" in os.environ:
        pytest.skip("NOT TESTED: needs the power switch of a node, which the cluster of E2E_CONTEXT does not have")
    try:
        check()
        tool, server = ensure("galera-install"), ensure("mysql-galera")
        images = {tool: image_id(tool), RENAMED_TOOL: image_id(tool), server: image_id(server)}
    except (NotHereError, BuildError) as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with looked_after(Cluster(**extras()), request.config) as cluster:
        cluster.load(images)
        yield cluster


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest) -> Kubectl:
    """The cluster under test."""
    if context := os.environ.get("E2E_CONTEXT"):
        return kubectls.of_context(context)
    cluster: Cluster = request.getfixturevalue("own_cluster")
    return cluster.kubectl


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> Times:
    """Seconds by what was waited for; printed at the end."""
    return request.config.stash.setdefault(TIMES, Times())


@pytest.fixture(scope="session")
def shared(kubectl: Kubectl, times: Times) -> Iterator[Shared]:
    """The lab's members for all tests that do not make their own."""

    def make() -> Database:
        made = Database(kubectl.within(NAMESPACE))
        made.remove()
        with times.of("first start: apply to 3 members Synced"):
            made.apply(OVERLAY)
            made.wait_synced(3)
        with made.writer():
            made.wait_acknowledged(50)
        return made

    found = Shared(make)
    yield found
    if "E2E_CONTEXT" in os.environ:
        found.remove()  # else it ends with its cluster


@pytest.fixture
def database(request: pytest.FixtureRequest, shared: Shared) -> Database:
    """Three Synced members of manifests/overlays/lab, with acknowledged rows in them."""
    return shared.whole(request.session.testsfailed)


@pytest.fixture
def overlay(kubectl: Kubectl, tmp_path: Path) -> Iterator[Overlay]:
    """An empty namespace."""
    database = Database(kubectl.within(NAMESPACE))
    database.remove()
    yield Overlay(database, tmp_path)
    database.remove()


@pytest.fixture(autouse=True)
def _mended(request: pytest.FixtureRequest) -> None:
    """Nodes that a failed test has left without power stay so for nobody."""
    stash = request.config.stash
    failures = request.session.testsfailed
    if failures > stash.get(MENDED, 0):
        stash[MENDED] = failures
        for cluster in stash.get(CLUSTERS, ()):
            mend(cluster)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the times to the process that prints the summary, when the tests are shared out between several."""
    found = session.config.stash.get(TIMES, None)
    if found and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["times"] = dict(found.seconds)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the times of such a process that ended; one that crashed has none."""
    for what, seconds in getattr(node, "workeroutput", {}).get("times", {}).items():
        node.config.stash.setdefault(TIMES, Times()).seconds[what].extend(seconds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if times := config.stash.get(TIMES, None):
        terminalreporter.section("times in the cluster")
        terminalreporter.write_line(times.table())
