"""What all tests share: the same signals in every run, and the order in which tests are given to processes.

`make test` runs `pytest -n 4 --no-loadscope-reorder`, which divides the tests between four processes.
"""

import gc
import signal
import sys
import traceback
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.lab import series
from tests.lab.user import NotInstalledError

# How long an example takes depends more on the machine's other work than on our code.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")

LONGEST_FIRST = tuple(
    f"system/{name}" for name in ("kubernetes", "faults", "containers", "lab", "haproxy", "examples", "images")
)
"""Folders whose tests begin before all others, so that no process begins a long test at the end."""

WHOLE = ("system/kubernetes",)
"""Folders whose files share something expensive: one process starts one Kubernetes for all of them."""


def pytest_configure() -> None:
    """Let SIGTERM end the run in order, like Ctrl-C, so that no server, pod or bridge of a test is left behind.

    Also handle the signals again that nohup, or a shell that starts a background job, has ignored.
    Our child processes would inherit that.

    Last, choose the series of MariaDB that SERIES names, for all tests.
    """
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        series.choose(series.read_chosen())
    except NotInstalledError as exc:
        raise pytest.UsageError(str(exc)) from exc


def pytest_report_header() -> str:
    """Name the series of the servers."""
    return f"MariaDB {series.read_chosen() or 'of this machine'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests."""
    items.sort(key=lambda item: _rank(item.nodeid))


def pytest_collection_finish() -> None:
    """Exclude all objects that exist now from the collection after each test: it then takes a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail the test that left a file or a process open, and not a later test during which this is found."""
    yield
    found: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda left: found.append(f"{left.object!r}: {left.exc_value}")
    try:
        # pytest keeps the values of fixtures and the variables of a failed test until the next test runs.
        if isinstance(item, pytest.Function):
            item.funcargs.clear()
        for frame, _ in traceback.walk_tb(getattr(sys, "last_traceback", None)):
            with suppress(RuntimeError):
                frame.clear()
            frame.f_locals.get("")  # Python updates its own copy of the variables only when it is read
        gc.collect()
    finally:
        sys.unraisablehook = before
    if found:
        pytest.fail("left to the garbage collector: " + "; ".join(found), pytrace=False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give the scheduler that divides the tests between the processes of `pytest -n`."""
    return _FilesStayTogether(config, log)


class _FilesStayTogether(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives all tests of a file to one process, because they share servers; for some folders, all of its files."""

    def _split_scope(self, nodeid: str) -> str:
        folder = _get_folder(nodeid)
        return folder if folder in WHOLE else nodeid.partition("::")[0]


def _rank(nodeid: str) -> int:
    folder = _get_folder(nodeid)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _get_folder(nodeid: str) -> str:
    """Give the two folders below tests/ of a test, such as "system/lab"; without a second one, the file's name."""
    return "/".join(Path(nodeid.partition("::")[0]).parts[1:3])
