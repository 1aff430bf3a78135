"""The tool image under test, its files, and folders as a pod has them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from images.build import ensure_id
from tests.support.images.box import UID, mounted, share


@pytest.fixture(scope="session")
def newer_tool_image() -> str:
    return ensure_id("galera-install", version="99.0.0")


@pytest.fixture(scope="session")
def tools(tool_image: str) -> Iterator[Path]:
    """The self-contained commands, in the image's files."""
    with mounted(tool_image) as root:
        yield root / "opt" / "galera-tools"


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """An emptyDir for the tools."""
    share(tmp_path / "work-dir", UID)
    return tmp_path / "work-dir"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An emptyDir for /etc/mysql."""
    share(tmp_path / "config", UID)
    return tmp_path / "config"
