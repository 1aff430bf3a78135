"""Work that is killed before each single change of the disk, in a child of this process, so that nothing tidies up."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bootstrap.storage.layout import Layout

CHANGES = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "shutil.rmtree", "subprocess.Popen"}
)
"""What an audit hook is told of that changes a disk, and opening for writing besides."""


def killed_before(count: int, work: Callable[[], object]) -> bool:
    """Do the work in a child that is killed before this change of the disk; returns whether it got that far."""
    child = os.fork()
    if child == 0:
        left = [count]

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            writing = (
                event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
            )
            if event in CHANGES or writing:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            work()
            os._exit(0)
        finally:
            os._exit(1)  # the parent sees it
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), "the work failed by itself"
    return code == -signal.SIGKILL


def at_every_change(
    make: Callable[[int], Path], work: Callable[[Layout], object], look: Callable[[Layout], None]
) -> int:
    """Kill the work at each of its changes, each time on a fresh volume; returns how many there were."""
    count = 0
    while True:
        count += 1
        layout = Layout(make(count))
        killed = killed_before(count, lambda layout=layout: work(layout))  # type: ignore[misc]
        look(layout)
        if not killed:
            return count - 1
        work(layout)  # again, on what was left
        look(layout)
