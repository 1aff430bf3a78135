"""What a lab needs of this machine, where it is, and which packages to install if it is missing."""

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
    # wsrep_sst_rsync checks its port with one of them.
    ("ss", "lsof", "sockstat"): "iproute2",
}
"""Programs, of which one in each line is enough, and the Debian package that contains them."""

USER_NAMESPACE = ("unshare", "--user", "--map-user=12345", "--map-group=12345", "--")
"""A command with unshare(1) of util-linux; the uid has no entry in /etc/passwd, as in Kubernetes."""

OTHER_UID = (
    *("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"),
    *("--inh-caps=+dac_override,+fowner", "--ambient-caps=+dac_override,+fowner", "--"),
)
"""The same uid by setpriv(1) of util-linux, for where user namespaces are not allowed (in a container, in a chroot).

Root still owns the lab's folders, so the processes keep root's capabilities to ignore permissions.
Therefore faults by permissions cannot be tested then.
"""

COMMANDS = ("galera-bootstrap", "peer-finder")


class NotInstalledError(Exception):
    """Something is missing; the message contains the command that installs it."""


def command_path() -> str:
    """Return PATH for the pods: the commands of this Python first, then those of the system, such as mariadbd."""
    system = ("/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    return os.pathsep.join((str(Path(sys.executable).parent), *system))


def wrap_for_pod(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command as a pod's process runs it: never as root, as in Kubernetes with runAsUser.

    As root, every rsync SST fails with `mkdir ... Permission denied`, because wsrep_sst_rsync names no uid, and an
    rsync daemon that root starts changes to the user nobody (rsyncd.conf(5), uid).
    So root becomes an ordinary uid in a user namespace; outside of it root still owns the files.
    """
    return (*find_user_prefix(), *argv)


@functools.cache
def find_user_prefix() -> tuple[str, ...]:
    """Find the words before a command with which it does not run as root."""
    if os.geteuid() != 0:
        return ()
    return USER_NAMESPACE if _is_usable(USER_NAMESPACE) else OTHER_UID


def may_test_permissions() -> bool:
    """Whether file permissions have an effect on a pod's processes."""
    return find_user_prefix() != OTHER_UID


def may_run_pods() -> bool:
    """Whether this user is not root, or is root and may change to another uid."""
    return _is_usable(find_user_prefix())


def _is_usable(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def find_provider(candidates: Sequence[Path] = PROVIDERS) -> Path:
    """Find Galera's library on this machine; if there is none, the first candidate."""
    return next((path for path in candidates if path.exists()), candidates[0])


OTHERS = {"garbd": "galera-arbitrator-4", "mariadb-backup": "mariadb-backup", "socat": "socat"}
"""Programs that only some tests need, and their Debian packages."""


def find_missing_packages(path: str, providers: Sequence[Path] = PROVIDERS, others: Sequence[str] = ()) -> list[str]:
    """Return the Debian packages that are missing, sorted; `others` are programs of OTHERS."""
    wanted: dict[tuple[str, ...], str] = {**PROGRAMS, **{(name,): OTHERS[name] for name in others}}
    found = {package for names, package in wanted.items() if not any(shutil.which(name, path=path) for name in names)}
    if not find_provider(providers).exists():
        found.add("galera-4")
    return sorted(found)


def check(*others: str) -> None:
    """Raise NotInstalledError with the command to run; `others` are programs of OTHERS that are also needed."""
    if not sys.platform.startswith("linux"):
        raise NotInstalledError("the lab needs Linux: other systems do not answer on all of 127.0.0.0/8")
    if not may_run_pods():
        raise NotInstalledError(
            "root cannot change to another uid here (unshare, setpriv), and rsync SST fails as root: "
            "use an ordinary user"
        )
    packages = find_missing_packages(command_path(), others=others)
    if packages:
        raise NotInstalledError(
            "programs of the database are missing; on Debian or Ubuntu: "
            f"apt-get install --no-install-recommends {' '.join(packages)}"
        )
    commands = [name for name in COMMANDS if not shutil.which(name, path=command_path())]
    if commands:
        raise NotInstalledError(f"{' and '.join(commands)} not found beside {sys.executable}: pip install -e .")
