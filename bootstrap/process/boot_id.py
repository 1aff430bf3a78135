"""The life of the machine: what has survived its end was durable."""

import os
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Random for each life of the kernel (random(4))."""


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
