"""Wrong clocks and bad disks for the programs of a pod, by a small library that is loaded into all of them.

Where the kernel could do it (a time namespace has no time of day; device-mapper is not in every kernel) it would be
better; a library is in the way of libc's callers only, so InnoDB must not use the kernel's asynchronous I/O.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.machine import NotInstalledError
from tests.lab.pod import Pod

SOURCE = Path(__file__).with_name("faulty.c")

SYNCHRONOUS = "innodb_use_native_aio=OFF"
"""An option of a server whose disk is to fail."""


def library() -> Path:
    """The library, compiled once for each version of its source; raises NotInstalledError without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise NotInstalledError("wrong clocks and bad disks: apt-get install gcc libc6-dev")
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-lab"
    made = folder / f"faulty-{key}.so"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = made.with_suffix(f".{os.getpid()}")
        command = (compiler, "-std=gnu11", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o", part, SOURCE, "-ldl")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotInstalledError(f"wrong clocks and bad disks: {done.stderr.strip()[-300:]}")
        part.rename(made)
    return made


def shift(pod: Pod, seconds: int) -> None:
    """The time of day of what starts in the pod from now on."""
    pod.extra_env |= {"LD_PRELOAD": str(library()), "LAB_SHIFT": str(seconds)}


class BadDisk:
    """A disk that can be made bad, for what starts in the pod from now on."""

    def __init__(self, pod: Pod) -> None:
        self._file = pod.folders.root / "bad"
        pod.extra_env |= {"LD_PRELOAD": str(library()), "LAB_BAD": str(self._file)}

    def spoil(self, prefix: Path) -> None:
        """Whatever begins with this path can neither be read nor written."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{prefix}\n")
        part.rename(self._file)

    def mend(self) -> None:
        """It was a cable."""
        self._file.unlink(missing_ok=True)
