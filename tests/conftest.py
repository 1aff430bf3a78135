"""What all tests share: the same signals however they were started, and who may run beside whom.

`pytest -n 3 --no-loadscope-reorder` (what `make test` runs) shares the tests out between processes.
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

# How long an example takes, or its making, says more about the machine's other work than about us.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")

LONGEST_FIRST = tuple(
    f"system/{name}" for name in ("kubernetes", "faults", "containers", "lab", "haproxy", "examples", "images")
)
"""Folders of tests that begin before all others, so that no process is left with a long one at the end."""

WHOLE = ("system/kubernetes",)
"""Folders whose files share something dear: a Kubernetes is started once, by one process."""


def pytest_configure() -> None:
    """End in order at SIGTERM as at Ctrl-C, so that no server, pod or bridge of a test is left behind.

    And undo what nohup, or a shell that starts a job in the background, has ignored: our children would inherit it.
    """
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones."""
    items.sort(key=lambda item: _turn(item.nodeid))


def pytest_collection_finish() -> None:
    """Have the collections after each test pass over all that is there before the first: that takes them a tenth."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Blame the test for the file or process that it has left open, and not the one that runs when that is found."""
    yield
    found: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda left: found.append(f"{left.object!r}: {left.exc_value}")
    try:
        # pytest lets go of what fixtures gave, and of what a failed test had, only when the next one runs.
        if isinstance(item, pytest.Function):
            item.funcargs.clear()
        for frame, _ in traceback.walk_tb(getattr(sys, "last_traceback", None)):
            with suppress(RuntimeError):
                frame.clear()
            frame.f_locals.get("")  # Python's own copy of its variables follows only when it is looked at
        gc.collect()
    finally:
        sys.unraisablehook = before
    if found:
        pytest.fail("left to the garbage collector: " + "; ".join(found), pytrace=False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who shares tests out between the processes of `pytest -n`."""
    return _FilesStayTogether(config, log)


class _FilesStayTogether(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Tests of one file share servers, so one process runs them; in some folders those of all files."""

    def _split_scope(self, nodeid: str) -> str:
        folder = _folder(nodeid)
        return folder if folder in WHOLE else nodeid.partition("::")[0]


def _turn(nodeid: str) -> int:
    folder = _folder(nodeid)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _folder(nodeid: str) -> str:
    """The two folders below tests/ that the test is in, as "system/lab"; the file where there is no second."""
    return "/".join(Path(nodeid.partition("::")[0]).parts[1:3])
