"""What a lab needs of this machine, where it is, and which packages to install if it is missing."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab import series
from tests.lab.user import NotInstalledError, may_run_pods

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

COMMANDS = ("galera-bootstrap", "peer-finder")


def command_path(name: str = "") -> str:
    """Return PATH for the pods: the commands of this Python first, then mariadbd and others of a series.

    Without a name it is the chosen one.  Raises NotInstalledError.
    """
    return f"{Path(sys.executable).parent}{os.pathsep}{series.make_path(name)}"


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
    root = series.find_root(series.read_chosen())
    providers = [root / path.relative_to("/") for path in PROVIDERS]
    packages = find_missing_packages(command_path(), providers, others)
    if packages:
        raise NotInstalledError(
            "programs of the database are missing; on Debian or Ubuntu: "
            f"apt-get install --no-install-recommends {' '.join(packages)}"
        )
    commands = [name for name in COMMANDS if not shutil.which(name, path=command_path())]
    if commands:
        raise NotInstalledError(f"{' and '.join(commands)} not found beside {sys.executable}: pip install -e .")
