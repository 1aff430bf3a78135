"""The one-shot permission to bootstrap: a file in the run folder, bound to a term and to lives, used up by a rename.

An init container does not run again when only the server's container restarts, and a node's reboot keeps the run
folder: what lies there from before must never start a second cluster.
"""

import contextlib
import os
from pathlib import Path

from bootstrap.core.model.codec import MessageInvalidError, decode, encode
from bootstrap.errors import SettingInvalidError
from bootstrap.storage import atomic

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Random for each life of the kernel (random(4))."""


def lay_down(path: Path, term: int, boot_id: str) -> None:
    """Write the permission for this term, by this life of the agent, in this life of the machine; raises OSError."""
    text = {"term": term, "boot_id": boot_id, "kernel_boot_id": kernel_boot_id()}
    atomic.replace(path, encode(text))


def void(path: Path) -> None:
    """Take the permission back; one that cannot be removed is worthless all the same, because its term is over."""
    with contextlib.suppress(OSError):
        path.unlink()


def consume(path: Path, term: object) -> None:
    """Use the permission up (R2); raises SettingInvalidError when it is not the one that was granted."""
    used = path.with_suffix(".used")
    try:
        path.rename(used)
        atomic.sync_folder(path.parent)
        told = decode(used.read_bytes())
    except (OSError, MessageInvalidError) as exc:
        raise SettingInvalidError(f"the permission {path} cannot be consumed ({exc}): nothing is started") from exc
    if (told.get("term"), told.get("kernel_boot_id")) != (term, kernel_boot_id()):
        raise SettingInvalidError(f"the permission {path} is not the one that was granted: nothing is started")


def kernel_boot_id() -> str:
    """The life of the machine; the machine's name where its life cannot be told."""
    return _told_life() or os.uname().nodename


def same_life(told: str) -> bool:
    """Whether it is certain that the machine has not gone down since this was its life."""
    return bool(told) and told == _told_life()


def _told_life() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
