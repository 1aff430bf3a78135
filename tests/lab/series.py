"""The series of MariaDB that a lab runs: that of this machine, or another one from the archive of its Debian.

When a program of another series starts, the /usr and /etc of its own Debian are mounted over those of the machine, in
a mount namespace that only this process has: it runs with its own libraries, and its scripts with their own programs.
All other paths are the same, and so are the pod's folders.
"""

import functools
import os
import shlex
import subprocess
from contextlib import suppress
from pathlib import Path

from bootstrap.core.galera import server_version
from tests.lab import debian
from tests.lab.user import SYSTEM_PATH, USER_NAMESPACE, NotInstalledError, find_user_prefix, may_mount

VARIABLE = "SERIES"
"""The variable of the environment with the series that everything runs on; without it, that of the machine."""

SUITES = {"10.11": "bookworm", "11.8": "trixie"}
"""The series that are run, and the Debian that has them: 12 and 13."""

MACHINE = Path("/")
"""The root of a series that this machine has itself."""

PACKAGES = (
    *("mariadb-server", "mariadb-backup", "galera-4", "galera-arbitrator-4"),
    *("rsync", "socat", "iproute2", "procps", "openssl"),
)
"""The packages of a pod's server and of the programs that its state transfers call."""

PATTERNS = ("mariadb*", "mysql*", "wsrep_sst_*", "garbd", "mbstream", "my_print_defaults")
"""The programs of a root that come first in the PATH."""

SCRIPT = """\
#!/bin/sh
# {program} of {root}
exec unshare --user --map-root-user --mount -- sh -c '
mount --rbind "$0/usr" /usr && mount --rbind "$0/etc" /etc || exit 126
exec {user} "$@"' {root} {program} "$@"
"""
"""It does not fork: the server itself is the child of the process that started it, with all descriptors."""


def choose(name: str) -> None:
    """Let this process and its children run this series; an empty name changes nothing.  Raises NotInstalledError."""
    if name:
        os.environ[VARIABLE] = name
        if (programs := find_programs(name)) and not os.environ["PATH"].startswith(f"{programs}{os.pathsep}"):
            os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"


def read_chosen() -> str:
    """Return the series that was chosen, such as 11.8; empty = that of the machine."""
    return os.environ.get(VARIABLE, "")


def is_foreign() -> bool:
    """Whether the chosen series is not that of this machine.  Raises NotInstalledError."""
    return find_programs(read_chosen()) is not None


def make_path(name: str = "") -> str:
    """Return the PATH for the programs of a series; without a name, of the chosen one.  Raises NotInstalledError."""
    programs = find_programs(name or read_chosen())
    return SYSTEM_PATH if programs is None else f"{programs}{os.pathsep}{SYSTEM_PATH}"


@functools.cache
def find_programs(name: str) -> Path | None:
    """Return the folder with the programs of a series; None = the machine's own.  Raises NotInstalledError."""
    root = find_root(name)
    if root == MACHINE:
        return None
    programs = write_programs(root, root.with_name(f"{root.name}.programs"))
    if (found := read_series(str(programs / "mariadbd"))) != name:
        raise NotInstalledError(f"the mariadbd in {root} is of {found or 'no known series'} and not of {name}")
    return programs


@functools.cache
def find_root(name: str) -> Path:
    """Return the root folder of a series' Debian, which is made if it does not exist.  Raises NotInstalledError."""
    if not name or read_series("mariadbd") == name:
        return MACHINE
    if name not in SUITES:
        raise NotInstalledError(f"MariaDB {name!r} is not known here: {VARIABLE} is one of {', '.join(SUITES)}")
    if not may_mount():
        raise NotInstalledError(f"MariaDB {name} of another Debian needs user namespaces, which are not allowed here")
    # In the user's cache, because every clone needs the same.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-lab"
    try:
        return debian.ensure(SUITES[name], PACKAGES, cache)
    except NotInstalledError as exc:
        raise NotInstalledError(f"MariaDB {name} is not the server of this machine; {exc}") from exc


def write_programs(root: Path, folder: Path) -> Path:
    """Write the folder with the root's programs; each file is replaced at once.  Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    places = (root / "usr/sbin", root / "usr/bin")
    for real in (path for place in places for pattern in PATTERNS for path in place.glob(pattern)):
        program = f"/{real.relative_to(root)}"
        text = SCRIPT.format(root=shlex.quote(str(root)), program=program, user=" ".join(USER_NAMESPACE))
        path = folder / real.name
        if not path.exists() or path.read_text() != text:
            new = folder / f".{real.name}.{os.getpid()}"
            new.write_text(text)
            new.chmod(0o755)
            new.rename(path)
    return folder


@functools.cache
def read_series(program: str) -> str:
    """Ask a server of this machine, or of a folder with programs, for its series; empty = it does not answer."""
    with suppress(OSError):
        done = subprocess.run(
            (*find_user_prefix(), program, "--no-defaults", "--version"),
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": SYSTEM_PATH},
        )
        series = server_version.parse_series(done.stdout)
        return server_version.format_series(series) if series else ""
    return ""
