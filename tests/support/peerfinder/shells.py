"""The shells that images have: which one is /bin/sh, and whether there is a bash. Needs root, for a mount namespace.

Each is a prefix of a command, which runs with these shells.
"""

import shutil
from pathlib import Path

import pytest

AS_PID_1 = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")

SH = str(Path("/bin/sh").resolve())
BASH = shutil.which("bash") or "/bin/bash"
BUSYBOX = shutil.which("busybox") or "/bin/busybox"

needs_busybox = pytest.mark.skipif(
    not Path(BUSYBOX).exists(), reason="NOT TESTED: busybox is missing; apt-get install busybox-static"
)


def _with_mounts(*mounts: tuple[str, str]) -> tuple[str, ...]:
    binds = "".join(f"mount --bind {source} {target} && " for source, target in mounts)
    return ("unshare", "--mount", BASH, "-c", f'{binds}exec "$@"', "sh")


NO_BASH = ("/dev/null", str(Path(BASH).resolve()))
"""Debian's bash is still run by the process that mounts this; nothing can start it afterwards."""

WITH_BASH = {
    "bash, and dash as sh": _with_mounts(),
    "bash as sh too": _with_mounts((BASH, SH)),
    "bash, and busybox as sh": _with_mounts((BUSYBOX, SH)),
}
"""Images in which a hook may be written for bash."""

WITHOUT_BASH = {"dash only": _with_mounts(NO_BASH), "busybox only": _with_mounts((BUSYBOX, SH), NO_BASH)}
"""Images in which it may not."""


def make_params(shells: dict[str, tuple[str, ...]]) -> list[object]:
    """Make parameters of a test, those with busybox skipped where it is missing."""
    return [
        pytest.param(prefix, id=name, marks=[needs_busybox] if "busybox" in name else [])
        for name, prefix in shells.items()
    ]
