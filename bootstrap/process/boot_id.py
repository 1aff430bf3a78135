"""Which boot of the machine this is: what has survived a reboot was durable."""

import os
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Random for each boot of the kernel (random(4))."""


def kernel_boot_id() -> str:
    """The id of this boot of the machine; the machine's name where the id cannot be read."""
    return _read_boot_id() or os.uname().nodename


def is_same_boot(boot_id: str) -> bool:
    """Whether it is certain that the machine has not rebooted since it had this id."""
    return bool(boot_id) and boot_id == _read_boot_id()


def _read_boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
