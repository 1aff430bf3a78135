"""Labs with proxies in front of them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.lab.lab import Lab
from tests.support.haproxy.members import Members
from tests.support.haproxy.proxy import Proxy
from tests.support.installed import require

Start = Callable[[Lab, str], Proxy]


@pytest.fixture(scope="session", autouse=True)
def _haproxy() -> None:
    missing = [program for program in ("haproxy", "socat") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: the proxies; {', '.join(missing)} missing: run `scripts/setup.sh test` as root")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for HAProxy's sockets: their paths may have 97 characters, and tmp_path contains a test's name."""
    # A proxy that is killed may still write there for a moment.
    with TemporaryDirectory(prefix="writer-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab."""
    require()
    with Lab() as lab:
        yield lab


@pytest.fixture
def start(short_path: Path) -> Iterator[Start]:
    """Starts proxies of a lab, with quick checks, and waits until they are ready; they end with the test."""
    with ExitStack() as stack:

        def start_proxy(lab: Lab, name: str) -> Proxy:
            proxy = stack.enter_context(Proxy(lab, name, short_path / name, quick=True))
            proxy.wait_health(200)
            return proxy

        yield start_proxy


@pytest.fixture
def members(lab: Lab) -> Iterator[Members]:
    """Three members that have only the ports of a member."""
    with Members(lab) as members:
        for ordinal in range(3):
            members.add(ordinal)
        yield members
