"""Wrong clocks and bad disks for the programs of a pod, by a small library that is loaded into all of them.

The kernel would do it better, but a time namespace has no time of day, and device-mapper is not in every kernel.
The library affects only callers of libc, so InnoDB must not use the kernel's asynchronous I/O.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.pod import Pod
from tests.lab.user import NotInstalledError

SOURCE = Path(__file__).with_name("faulty.c")

SYNCHRONOUS = "innodb_use_native_aio=OFF"
"""The option that a server needs if its disk will fail."""


def build_library(source: Path = SOURCE) -> Path:
    """Compile a library, once for each version of its source; raises NotInstalledError without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise NotInstalledError("a compiler is missing (wrong clocks, bad disks): apt-get install gcc libc6-dev")
    key = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-lab"
    made = folder / f"{source.stem}-{key}.so"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = made.with_suffix(f".{os.getpid()}")
        command = (compiler, "-std=gnu11", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o", part, source, "-ldl")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotInstalledError(f"{source.name} cannot be compiled: {done.stderr.strip()[-300:]}")
        part.rename(made)
    return made


def shift_clock(pod: Pod, seconds: int) -> None:
    """Shift the time of day of all programs that start in the pod from now on."""
    pod.extra_env |= {"LD_PRELOAD": str(build_library()), "LAB_SHIFT": str(seconds)}


class BadDisk:
    """A disk that can fail, for all programs that start in the pod from now on."""

    def __init__(self, pod: Pod) -> None:
        self._file = pod.folders.root / "bad"
        pod.extra_env |= {"LD_PRELOAD": str(build_library()), "LAB_BAD": str(self._file)}

    def damage(self, prefix: Path) -> None:
        """Make all paths that begin with this one unreadable and unwritable."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{prefix}\n")
        part.rename(self._file)

    def repair(self) -> None:
        """Undo `damage`."""
        self._file.unlink(missing_ok=True)
