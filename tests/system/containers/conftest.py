"""Labs whose pods are containers."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.cluster import Cluster
from tests.lab import bridge, podman, user
from tests.lab.lab import Lab
from tests.lab.podman import Podman
from tests.support.images import pod_images as images


class Form(Protocol):
    """Forms a cluster of a runtime's pods, Synced, with acknowledged rows."""

    def __call__(self, runtime: Podman, *, bridged: bool = ...) -> Cluster: ...


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    try:
        podman.check()
        bridge.check()
    except (user.NotInstalledError, bridge.BridgeError) as exc:
        pytest.skip(f"NOT TESTED: containers and network namespaces are needed: {exc}")


@pytest.fixture(scope="session")
def runtime() -> Podman:
    """The runtime with the images of this checkout."""
    return Podman(images.tool(), images.database())


@pytest.fixture
def form(tmp_path: Path) -> Iterator[Form]:
    with ExitStack() as stack:

        def form_one(runtime: Podman, *, bridged: bool = True) -> Cluster:
            lab = stack.enter_context(Lab(runtime=runtime, bridged=bridged))
            return form_cluster(lab, tmp_path / "acknowledged")

        yield form_one


@pytest.fixture(scope="module")
def standing(runtime: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for tests that do not change it: three Synced servers."""
    with Lab(runtime=runtime, bridged=True) as lab:
        yield form_cluster(lab, tmp_path_factory.mktemp("standing") / "acknowledged")


def form_cluster(lab: Lab, record: Path) -> Cluster:
    """Start three pods and write through them."""
    lab.up(3)
    lab.wait_synced(3)
    cluster = Cluster(lab, record)
    cluster.write(200)
    return cluster
