"""MariaDB of the next Debian beside this machine's: its packages in a root of their own, its server in an old pod.

The root is made once by mmdebstrap and kept in the user's cache, outside of any clone.
Where a server of it is to run, its /usr and /etc are mounted over the machine's, in a mount namespace of that process
alone: all other paths, and so the pod's folders, are the same.
"""

import fcntl
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.lab.machine import USER_NAMESPACE, NotInstalledError, permissions_count

SUITE = "trixie"
"""Debian 13, with MariaDB 11.8; bookworm has 10.11."""

PACKAGES = ("mariadb-server", "mariadb-backup", "galera-4", "rsync", "socat", "iproute2", "procps")
"""What a pod's server needs, and what its state transfers call."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

MIRROR = "http://deb.debian.org/debian"

PROGRAMS = ("mariadbd", "mariadb-upgrade", "mariadb-install-db")

SCRIPT = """\
#!/bin/sh
# {program} of {root}
exec unshare --user --map-root-user --mount -- sh -c '
mount --rbind {root}/usr /usr && mount --rbind {root}/etc /etc || exit 126
exec {again} {program} "$@"' sh "$@"
"""
"""Without a fork: whoever started it has the server itself as a child, with all descriptors."""


def ensure() -> Path:
    """The root, made if it is not there; raises NotInstalledError where that cannot be."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-lab"
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / f"debian-{SUITE}"
    with (folder / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several clones, several processes of one test run
        if not root.exists():
            make(root)
    return root


def make(root: Path) -> None:
    """Fill it; half a root never gets the name of a whole one.  Raises NotInstalledError."""
    if os.geteuid() != 0 or not permissions_count():
        raise NotInstalledError("a newer MariaDB in a root of its own: root and user namespaces are needed")
    if not shutil.which("mmdebstrap"):
        raise NotInstalledError("a newer MariaDB in a root of its own: apt-get install mmdebstrap")
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
        raise NotInstalledError(f"a newer MariaDB in a root of its own: {''.join(last)}; see {log}")
    part.rename(root)


def programs(root: Path, folder: Path) -> Path:
    """A folder with the root's programs, to stand first in the PATH of an ordinary pod."""
    folder.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        path = folder / program
        with suppress(FileNotFoundError):
            path.unlink()
        real = next(found for place in ("usr/sbin", "usr/bin") if (found := root / place / program).exists())
        again = " ".join(USER_NAMESPACE)
        path.write_text(SCRIPT.format(root=root, program=f"/{real.relative_to(root)}", again=again))
        path.chmod(0o755)
    return folder


def version(folder: Path) -> str:
    """What the server in the folder of `programs` says of itself."""
    done = subprocess.run(
        (*USER_NAMESPACE, folder / "mariadbd", "--version"), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
