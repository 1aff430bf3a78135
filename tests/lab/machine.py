"""What the machine has of what a lab needs, where it is, and what to install when it is missing."""

import os
import shutil
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

COMMANDS = ("galera-bootstrap", "peer-finder")


class NotInstalledError(Exception):
    """Something is missing; the message is the cure."""


def command_path() -> str:
    """PATH for the pods: this Python's commands first, then the system's, where mariadbd is."""
    system = ("/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    return os.pathsep.join((str(Path(sys.executable).parent), *system))


def provider(candidates: Sequence[Path] = PROVIDERS) -> Path:
    """Galera's library on this machine; the first place where nothing is found."""
    return next((path for path in candidates if path.exists()), candidates[0])


def missing_packages(path: str, providers: Sequence[Path] = PROVIDERS) -> list[str]:
    """The Debian packages of what is not there, sorted."""
    found = {package for names, package in PROGRAMS.items() if not any(shutil.which(name, path=path) for name in names)}
    if not provider(providers).exists():
        found.add("galera-4")
    return sorted(found)


def check() -> None:
    """Raises NotInstalledError with the one line to run."""
    if not sys.platform.startswith("linux"):
        raise NotInstalledError("the lab needs Linux: other systems do not answer on all of 127.0.0.0/8")
    packages = missing_packages(command_path())
    if packages:
        raise NotInstalledError(
            "the database is not on this machine; on Debian or Ubuntu: "
            f"apt-get install --no-install-recommends {' '.join(packages)}"
        )
    commands = [name for name in COMMANDS if not shutil.which(name, path=command_path())]
    if commands:
        raise NotInstalledError(f"{' and '.join(commands)} not beside {sys.executable}: pip install -e .")
