"""The same inputs give the same image, bit for bit: each is built again, from nothing, and compared."""

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from images import output
from images.archive import Archive, differences
from images.build import rebuild
from images.inputs import RECIPES
from tests.faults.halves import full

pytestmark = pytest.mark.images

LONG = {"mysql-galera", "mysql-galera-10.11"}
"""Their packages are downloaded and installed twice."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=full if name in LONG else ()) for name in RECIPES])
def test_a_second_build_gives_the_same_digest(
    name: str,
    archive_of: Callable[[str], Archive],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    first = archive_of(name)
    # Another machine could have these settings.
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("LANG", "tr_TR.UTF-8")
    request.addfinalizer(partial(os.umask, os.umask(0o077)))

    second = build_again(name, tmp_path / "second.tar", request)
    if first.digest != second.digest:
        # The first may be days old, and Debian's archive has changed since.
        first, second = second, build_again(name, tmp_path / "third.tar", request)

    assert differences(first, second) == []


def test_a_difference_is_found_and_named(archive_of: Callable[[str], Archive]) -> None:
    found = differences(archive_of("base"), archive_of("galera-install"))

    assert any(line.startswith("layer 1: opt/galera-tools/galera-tools: None / ") for line in found)
    assert any(line.startswith("configuration: config: ") for line in found)
    assert not any(line.startswith("layer 0: ") for line in found)


def build_again(name: str, path: Path, request: pytest.FixtureRequest) -> Archive:
    """Build the image again, under a name that is removed with the test."""
    tag = f"localhost/{name}:{path.stem}-build"
    request.addfinalizer(lambda: subprocess.run(["buildah", "rmi", tag], capture_output=True, check=False))
    return output.export(rebuild(name, tag), path)
