"""The base image from a registry: found by name, used by digest, and written into the labels."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.debian import OFFICIAL
from images.inputs import BASES
from tests.support.images.registry import PROGRAM, Registry, registry
from tests.support.images.small import BASE, SmallProject

pytestmark = [
    pytest.mark.images,
    pytest.mark.skipif(
        shutil.which(PROGRAM) is None,
        reason=f"NOT TESTED: base images from a registry; no {PROGRAM} here (setup.sh test)",
    ),
]


@pytest.fixture
def hub(small: SmallProject, tmp_path: Path) -> Iterator[Registry]:
    """A registry that replaces docker.io; both official bases are in it, as indexes of one architecture."""
    with registry(tmp_path) as hub:
        small.ask_instead_of("docker.io", hub.address)
        small.call("buildah", "manifest", "create", "index", f"containers-storage:{BASE}")
        push(small, "index", hub)
        yield hub


def push(small: SmallProject, index: str, to: Registry) -> None:
    for suite in BASES:
        name = f"docker://{to.address}/library/debian:{suite}-slim"
        small.call("buildah", "manifest", "push", "--all", "--quiet", "--tls-verify=false", "--format=oci", index, name)


def test_debians_image_is_the_base_when_a_registry_has_it(small: SmallProject, hub: Registry) -> None:
    built = small.build(base=None)

    assert built.status == 0, built.progress
    assert "made of Debian's packages" not in built.progress
    labels = small.labels("mysql-galera")
    assert labels["base.name"] == OFFICIAL.format(suite="trixie")
    assert labels["base.digest"] == hub.digest("library/debian", "trixie-slim")
    assert small.labels("galera-install")["base.name"] == OFFICIAL.format(suite="bookworm")
    assert (small.files("mysql-galera") / "of-the-base").exists()


def test_a_base_given_by_digest_is_used_unchanged(small: SmallProject, hub: Registry) -> None:
    digest = hub.digest("library/debian", "bookworm-slim")
    mine = "docker.io/library/debian:latest"
    small.make("another", mine)
    before = small.image(mine)["FromImageID"]
    built = small.build(base=f"docker.io/library/debian@{digest}")

    assert built.status == 0, built.progress
    assert small.labels("galera-install")["base.digest"] == digest
    assert small.image(mine)["FromImageID"] == before
    annotations = small.image("localhost/galera-install:1.2.3")["ImageAnnotations"]
    assert annotations["org.opencontainers.image.base.name"] == f"docker.io/library/debian@{digest}"


def test_a_newer_base_is_used_at_the_next_build(small: SmallProject, hub: Registry, tmp_path: Path) -> None:
    small.build(base=None)
    context = tmp_path / "newer"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {BASE}\nCOPY Dockerfile /newer\n")
    small.call(
        "buildah", "bud", "--quiet", "--format=oci", "--isolation=chroot", "--tag=localhost/newer:1", str(context)
    )
    small.call("buildah", "manifest", "create", "newer", "containers-storage:localhost/newer:1")
    push(small, "newer", hub)
    built = small.build(base=None)

    assert built.built == ["galera-install", "mysql-galera", "mysql-galera-10.11", "haproxy"], built.progress
    assert small.labels("galera-install")["base.digest"] == hub.digest("library/debian", "bookworm-slim")
    assert (small.files("galera-install") / "newer").exists()


def test_one_name_gives_each_image_the_base_of_its_own_debian(small: SmallProject, hub: Registry) -> None:
    built = small.build(base="docker.io/library/debian:{suite}-slim")

    assert built.status == 0, built.progress
    assert small.labels("mysql-galera")["base.digest"] == hub.digest("library/debian", "trixie-slim")
    assert small.labels("mysql-galera", "1.2.3-10.11")["base.name"] == OFFICIAL.format(suite="bookworm")


@pytest.mark.usefixtures("hub")
def test_a_base_that_the_registry_does_not_have_is_an_error(small: SmallProject) -> None:
    built = small.build(base="docker.io/library/debian:no-such-tag")

    assert built.status == 1
    assert "docker.io/library/debian:no-such-tag cannot be found" in built.progress
