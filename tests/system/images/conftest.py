"""The project's images, built when something changed, and as archives; and a small project to test the build."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from images import output
from images.archive import Archive
from images.build import ensure_id
from tests.support.images.small import SmallProject

NEEDED = ("buildah", "podman", "skopeo", "mmdebstrap", "git")


@pytest.fixture(scope="session", autouse=True)
def builders() -> None:
    """Nothing here can be tested without the programs that build."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: the images; {', '.join(missing)} missing: run `scripts/setup.sh test` as root")


@pytest.fixture(scope="session")
def tool_image() -> str:
    return ensure_id("galera-install")


@pytest.fixture(scope="session")
def archive_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Archive]:
    """Returns an image of the project as an OCI archive."""
    folder = tmp_path_factory.mktemp("archives")

    @cache
    def export(name: str) -> Archive:
        return output.export(ensure_id(name), folder / f"{name}.tar")

    return export


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    """Two small images to build, committed."""
    project = SmallProject(tmp_path)
    project.commit()
    return project
