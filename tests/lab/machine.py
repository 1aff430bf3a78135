"""What the machine has of what a lab needs, where it is, and what to install when it is missing."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROVIDERS = tuple(
    Path(folder) / "libgalera_smm.so"
    for folder in ("/usr/lib/galera", "/usr/lib64/galera-4", "/usr/lib64/galera", "/usr/lib/galera-4", "/usr/lib")
)
"""Where distributions put Galera's provider."""

PROGRAMS = {
    ("mariadbd",): "mariadb-server",
    ("mariadb-install-db",): "mariadb-server",
    ("wsrep_sst_rsync",): "mariadb-server",
    ("rsync",): "rsync",
    # wsrep_sst_rsync looks at its port with one of them.
    ("ss", "lsof", "sockstat"): "iproute2",
}
"""Programs, any of a line, and the Debian package that has them."""

USER_NAMESPACE = ("unshare", "--user", "--map-user=12345", "--map-group=12345", "--")
"""unshare(1) of util-linux; a uid without an entry in /etc/passwd, as in Kubernetes."""

OTHER_UID = (
    *("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"),
    *("--inh-caps=+dac_override,+fowner", "--ambient-caps=+dac_override,+fowner", "--"),
)
"""setpriv(1) of util-linux, where user namespaces are not allowed (a container, a chroot): the same uid.

The lab's folders stay root's, so it keeps root's way past permissions, and faults by permission cannot be tested.
"""

COMMANDS = ("galera-bootstrap", "peer-finder")


class NotInstalledError(Exception):
    """Something is missing; the message is the cure."""


def command_path() -> str:
    """PATH for the pods: this Python's commands first, then the system's, where mariadbd is."""
    system = ("/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    return os.pathsep.join((str(Path(sys.executable).parent), *system))


def as_pod(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command as a pod's process runs it: never as root, as in Kubernetes with runAsUser.

    As root, every rsync SST fails with `mkdir ... Permission denied`: wsrep_sst_rsync names no uid, and a daemon of
    root's changes to nobody (rsyncd.conf(5), uid).
    So root becomes an ordinary uid in a user namespace; outside of it the files stay root's.
    """
    return (*not_root(), *argv)


@functools.cache
def not_root() -> tuple[str, ...]:
    """What to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    return USER_NAMESPACE if _works(USER_NAMESPACE) else OTHER_UID


def permissions_count() -> bool:
    """Whether file permissions keep a pod's process from anything."""
    return not_root() != OTHER_UID


def can_run_pods() -> bool:
    """Whether this user is not root, or root may become somebody else."""
    return _works(not_root())


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def provider(candidates: Sequence[Path] = PROVIDERS) -> Path:
    """Galera's library on this machine; the first place where nothing is found."""
    return next((path for path in candidates if path.exists()), candidates[0])


OTHERS = {"garbd": "galera-arbitrator-4", "mariadb-backup": "mariadb-backup", "socat": "socat"}
"""Likewise, what only some tests need."""


def missing_packages(path: str, providers: Sequence[Path] = PROVIDERS, besides: Sequence[str] = ()) -> list[str]:
    """The Debian packages of what is not there, sorted; `besides` are programs of OTHERS."""
    wanted: dict[tuple[str, ...], str] = {**PROGRAMS, **{(name,): OTHERS[name] for name in besides}}
    found = {package for names, package in wanted.items() if not any(shutil.which(name, path=path) for name in names)}
    if not provider(providers).exists():
        found.add("galera-4")
    return sorted(found)


def check(*besides: str) -> None:
    """Raises NotInstalledError with the one line to run; `besides` are programs of OTHERS that are needed, too."""
    if not sys.platform.startswith("linux"):
        raise NotInstalledError("the lab needs Linux: other systems do not answer on all of 127.0.0.0/8")
    if not can_run_pods():
        raise NotInstalledError(
            "root can become nobody else here (unshare, setpriv), and rsync SST fails as root: use an ordinary user"
        )
    packages = missing_packages(command_path(), besides=besides)
    if packages:
        raise NotInstalledError(
            "the database is not on this machine; on Debian or Ubuntu: "
            f"apt-get install --no-install-recommends {' '.join(packages)}"
        )
    commands = [name for name in COMMANDS if not shutil.which(name, path=command_path())]
    if commands:
        raise NotInstalledError(f"{' and '.join(commands)} not beside {sys.executable}: pip install -e .")
