"""MariaDB of the next Debian, beside that of this machine: its packages are in a separate root folder.

mmdebstrap makes the root once; it is kept in the user's cache, outside of any clone.
When a server of this root starts, its /usr and /etc are mounted over those of the machine, in a mount namespace that
only this process has. All other paths are the same, and so are the pod's folders.
"""

import fcntl
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.lab.machine import USER_NAMESPACE, NotInstalledError, may_test_permissions

SUITE = "trixie"
"""Debian 13, with MariaDB 11.8; bookworm has 10.11."""

PACKAGES = ("mariadb-server", "mariadb-backup", "galera-4", "rsync", "socat", "iproute2", "procps")
"""The packages of a pod's server and of the programs that its state transfers call."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

MIRROR = "http://deb.debian.org/debian"

PROGRAMS = ("mariadbd", "mariadb-upgrade", "mariadb-install-db")

SCRIPT = """\
#!/bin/sh
# {program} of {root}
exec unshare --user --map-root-user --mount -- sh -c '
mount --rbind {root}/usr /usr && mount --rbind {root}/etc /etc || exit 126
exec {user} {program} "$@"' sh "$@"
"""
"""It does not fork: the server itself is the child of the process that started it, with all descriptors."""


def ensure() -> Path:
    """Make the root if it does not exist; raises NotInstalledError if that is not possible here."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-lab"
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / f"debian-{SUITE}"
    with (folder / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several clones, or several processes of a test run, share the cache
        if not root.exists():
            make(root)
    return root


def make(root: Path) -> None:
    """Make it; an incomplete root has another name.  Raises NotInstalledError."""
    if os.geteuid() != 0 or not may_test_permissions():
        raise NotInstalledError("a newer MariaDB needs the user root and user namespaces")
    if not shutil.which("mmdebstrap"):
        raise NotInstalledError("a newer MariaDB: apt-get install mmdebstrap")
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    log = root.with_name(f"{root.name}.log")
    command = (
        *("mmdebstrap", "--variant=minbase", "--format=directory", f"--include={','.join(PACKAGES)}"),
        *("--aptopt=APT::Install-Recommends false", f"--keyring={KEYRING}", SUITE, str(part), MIRROR),
    )
    with log.open("wb") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise NotInstalledError(f"a newer MariaDB cannot be installed: {''.join(last)}; see {log}")
    part.rename(root)


def write_programs(root: Path, folder: Path) -> Path:
    """Write the folder with the root's programs, which comes first in the PATH of an ordinary pod; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        path = folder / program
        with suppress(FileNotFoundError):
            path.unlink()
        real = next(found for place in ("usr/sbin", "usr/bin") if (found := root / place / program).exists())
        user = " ".join(USER_NAMESPACE)
        path.write_text(SCRIPT.format(root=root, program=f"/{real.relative_to(root)}", user=user))
        path.chmod(0o755)
    return folder


def read_version(folder: Path) -> str:
    """Ask the server in the folder of `write_programs` for its version."""
    done = subprocess.run(
        (*USER_NAMESPACE, folder / "mariadbd", "--version"), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
