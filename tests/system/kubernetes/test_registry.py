"""A registry on a node gets the push of a release, and the lab's overlay takes its images from there."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.build import ensure_image
from images.inputs import RECIPES, version
from images.output import export
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.machines.node import Node
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.shared import full
from tests.kubernetes.waiting import ClusterError
from tests.paths import ROOT
from tests.support.images.registry import PROGRAM, SETTINGS
from tests.support.manifests.registry import LOCAL

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

ADDRESS = "localhost:5000"
"""Of the node itself: containerd speaks plain HTTP with it, as with any registry of this name."""

PUSHED = f"{ADDRESS}/someone"

OURS = ("galera-install", "mysql-galera")


@pytest.fixture
def node(own_cluster: Cluster, tmp_path: Path) -> Iterator[Node]:
    """The only node, with a registry on it."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"NOT TESTED: images of a registry; no {PROGRAM} here (setup.sh test)")
    (node,) = own_cluster.nodes
    settings = tmp_path / "registry.yml"
    settings.write_text(SETTINGS.format(folder=tmp_path / "registry", address=ADDRESS))
    node.machine.start("registry", (PROGRAM, "serve", str(settings)))

    def is_answering() -> bool:
        try:
            return node.machine.run("bash", "-c", f": </dev/tcp/{ADDRESS.replace(':', '/')}") == ""
        except ClusterError:
            return False

    node.machine.wait_for("registry", is_answering, seconds=60)
    yield node
    node.machine.stop("registry")


def test_the_lab_takes_the_images_of_a_release_from_a_registry(node: Node, overlay: Overlay, tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    for name in OURS:
        tag = RECIPES[name].tag(version())
        export(ensure_image(name).id, archives / f"{name}.tar", tag)
    publish = (sys.executable, "-m", "images.publish", "--plain-http", PUSHED, str(archives))
    lines = node.machine.run(*publish, env={"PYTHONPATH": str(ROOT)}, seconds=300).splitlines()
    pushed = dict(line.split("@") for line in lines if "@" in line)

    overlay.apply(images={f"{LOCAL}/{name}": f"{PUSHED}/{name}" for name in OURS})
    overlay.database.wait_synced(3)

    # What a pod's status names may be another name of the same image, which earlier tests have loaded.
    pulled = set(node.images())
    for name in OURS:
        assert f"{PUSHED}/{name}:{version()}" in pulled
        assert f"{PUSHED}/{name}@{pushed[f'{PUSHED}/{name}:{version()}']}" in pulled
