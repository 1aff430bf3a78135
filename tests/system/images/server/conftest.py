"""The images under test, as references and as files, and containers that are removed with their test."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from images.build import ensure_id
from images.inputs import SERIES, name_server_image
from tests.lab.podman import check
from tests.lab.user import NotInstalledError
from tests.support.images.box import AS_A_POD, Container, Volumes, mounted
from tests.support.images.official import image


@pytest.fixture(scope="session", autouse=True)
def containers() -> None:
    """Nothing here can be tested where containers cannot run with another uid."""
    try:
        check()
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")


@pytest.fixture(scope="session", params=SERIES)
def series(request: pytest.FixtureRequest) -> str:
    """Each series of MariaDB in turn: all tests of the server image run for both."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def server_image(series: str) -> str:
    return ensure_id(name_server_image(series))


@pytest.fixture(scope="session")
def official_image() -> str:
    return image.ensure()


class Begin(Protocol):
    """Starts a container that is removed at the end of the test."""

    def __call__(
        self, image: str, *command: str, options: tuple[str, ...] = ..., hardening: tuple[str, ...] = ...
    ) -> Container: ...


@pytest.fixture
def begin() -> Iterator[Begin]:
    with ExitStack() as stack:

        def start(
            image: str, *command: str, options: tuple[str, ...] = (), hardening: tuple[str, ...] = AS_A_POD
        ) -> Container:
            name = f"server-test-{uuid.uuid4().hex[:12]}"
            return stack.enter_context(Container(name, image, options, command, hardening))

        yield start


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "pod")


@pytest.fixture(scope="module")
def root(server_image: str) -> Iterator[Path]:
    """The image's files, mounted so that this process can read them."""
    with mounted(server_image) as root:
        yield root
