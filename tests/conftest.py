"""What all tests share: the same signals however they were started, and who may run beside whom.

`pytest -n 2 --dist loadgroup --no-loadscope-reorder` (what `make test` runs) shares the tests out between processes.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine's other work than about us.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

LONGEST_FIRST = ("cluster", "faults", "containers", "lab", "haproxy", "examples", "images")
"""Folders of tests that begin before all others, so that no process is left with a long one at the end."""

WHOLE = ("cluster",)
"""Folders whose files share something dear: a Kubernetes is started once, by one process."""


def pytest_configure() -> None:
    """Undo what nohup, or a shell that starts a job in the background, has ignored: our children would inherit it."""
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one file stay together, as they share servers."""
    items.sort(key=_turn)
    for item in items:
        folder = _folder(item)
        item.add_marker(pytest.mark.xdist_group(folder if folder in WHOLE else str(item.path)))


def _turn(item: pytest.Item) -> int:
    folder = _folder(item)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _folder(item: pytest.Item) -> str:
    """The folder of tests/ that the test is in; the file where there is none."""
    return item.path.relative_to(Path(__file__).parent).parts[0]
