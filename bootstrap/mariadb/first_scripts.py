"""The scripts of a first start: which files they are, in which order they run, and what one of them complained of.

Names, order and forms are those of the official image of MariaDB, so that its users can bring their folder along
(MariaDB/mariadb-docker, docker-entrypoint.sh).  Knows files and the client's program; the server is `first_server`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.core.model.text import one_line
from bootstrap.errors import InitialisationFailedError
from bootstrap.process import child
from bootstrap.process.log import Log

if TYPE_CHECKING:
    from bootstrap.mariadb.accounts import Accounts

PACKED = {".sql": (), ".sql.gz": ("gzip", "-dc"), ".sql.xz": ("xz", "-dc"), ".sql.zst": ("zstd", "-dc")}
"""The end of a name -> the program that unpacks such a file from its input; plain SQL needs none."""

SHELL = ".sh"

BACKUPS = (".tar.gz", ".tar.xz", ".tar.zst")
"""A copy of a datadir, which the official image restores; here that is a command of its own."""

CLIENT = "mariadb"

ALLOWED_BY = "GALERA_BOOTSTRAP_INITDB_SHELL=yes"

FUNCTIONS = """\
docker_process_sql() {
    if [ "${1-}" = --dont-use-mysql-root-password ]; then shift; fi
    MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb --no-defaults --user=root --socket="$MYSQL_UNIX_PORT" \\
        ${MARIADB_DATABASE:+--database="$MARIADB_DATABASE"} "$@"
}
mysql_note() { printf '%s\\n' "$*"; }
mysql_warn() { printf '%s\\n' "$*" >&2; }
mysql_error() { printf '%s\\n' "$*" >&2; exit 1; }
set -eE -o pipefail
"""
"""What the official image offers to a shell script that is not executable, and therefore sourced."""


ERROR = re.compile(
    r"^ERROR(?P<code> \d+ \(\w+\))?(?: at line (?P<line>\d+))?(?: in file: (?P<file>'.*?'))?: (?P<why>.*)", re.MULTILINE
)
"""The client's line about a failed statement (mysql.cc, `put_info`); a file in it was read by its `source`."""


class Scripts(NamedTuple):
    """The files of a folder for a first start."""

    files: tuple[Path, ...] = ()
    """Those that run, in their order."""
    left_out: tuple[str, ...] = ()
    """Those that do not, each with the reason."""
    complaint: str = ""
    """Why none of them may run; empty = they may."""


def find(folder: Path, *, may_run_shell: bool) -> Scripts:
    """Look into the folder; one that is not there has no scripts.

    Names that begin with a dot are no scripts: the links of a volume from a ConfigMap have such names.
    """
    try:
        names = sorted((path.name for path in folder.iterdir() if not path.name.startswith(".")), key=os.fsencode)
    except (FileNotFoundError, NotADirectoryError):
        return Scripts()
    except OSError as exc:
        return Scripts(complaint=f"{folder} cannot be read ({exc.strerror}): check the mode of the volume")
    files, left_out = [], []
    for name in names:
        path = folder / name
        if name.endswith(BACKUPS):
            return Scripts(complaint=f"{path} would be restored by the official image, and is not here: remove it")
        if name.endswith(SHELL) and not may_run_shell:
            left_out.append(f"{path} is not run: {ALLOWED_BY} allows shell scripts")
        elif name.endswith((*PACKED, SHELL)):
            if why := _why_unusable(path):
                return Scripts(complaint=why)
            files.append(path)
        else:
            left_out.append(f"{path} is not run: its name ends with none of {' '.join((*PACKED, SHELL))}")
    return Scripts(tuple(files), tuple(left_out))


def _why_unusable(path: Path) -> str:
    """Why a script cannot be run; empty = it can."""
    if not path.is_file():
        return f"{path} is not there or is no file: remove it, or correct the volume"
    if not os.access(path, os.R_OK, effective_ids=True):
        return f"{path} cannot be read by uid {os.geteuid()}: check its mode, and fsGroup or defaultMode of the volume"
    needed = ["bash"] if path.name.endswith(SHELL) else [*_unpacker(path)[:1], CLIENT]
    missing = [program for program in needed if shutil.which(program) is None]
    return f"{path} needs {missing[0]}, which is not in this image: use one that has it" if missing else ""


def _unpacker(path: Path) -> tuple[str, ...]:
    return next(program for end, program in PACKED.items() if path.name.endswith(end))


class Runner:
    """Runs scripts at a server that listens on a socket."""

    def __init__(self, socket: Path, accounts: "Accounts", *, may_run_shell: bool, log: Log) -> None:
        self.socket = socket
        self.accounts = accounts
        self.may_run_shell = may_run_shell
        self.log = log

    def run(self, path: Path) -> None:
        """Run one script to its end; raises InitialisationFailedError with file and line."""
        self.log(f"running {path}")
        complaint = self._run_shell(path) if path.name.endswith(SHELL) else self._run_sql(path)
        if complaint:
            raise InitialisationFailedError(
                f"{path}{complaint}; correct it: the volume is empty as before, and the next start runs all files again"
            )

    def _run_sql(self, path: Path) -> str:
        """Pass the SQL to the client; returns what is wrong.  A file of any size takes no memory of this process."""
        database = self.accounts.database
        command = (
            *(CLIENT, "--no-defaults", "--user=root", f"--socket={self.socket}", "--batch"),
            *("--default-character-set=utf8mb4", "--max-allowed-packet=1G"),
            # Else SQL could run programs (\!), and read files by the client's commands.
            *(() if self.may_run_shell else ("--sandbox",)),
            *((f"--database={database}",) if database else ()),
        )
        env = {**os.environ, "MYSQL_PWD": self.accounts.root_password}
        unpacker = _unpacker(path)
        with path.open("rb") as file:
            if not unpacker:
                return _explain(child.run(command, file.fileno(), stdout=None, env=env))
            packed = child.start(unpacker, stdin=file.fileno(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                done = self._run_client(command, packed, env)
                _, raw = packed.communicate()
            finally:
                packed.kill()
                packed.wait()
        why = raw.decode(errors="replace")
        # A client that has ended early breaks the pipe: then the unpacker is not the cause.
        if packed.returncode > 0 and "roken pipe" not in why:
            return f": {unpacker[0]} cannot unpack it: {one_line(' '.join(why.split()), 200)}"
        return _explain(done)

    def _run_client(self, command: tuple[str, ...], source: child.Process, env: dict[str, str]) -> child.Done:
        """Run the client on the output of another program; that one notices if the client ends."""
        if source.stdout is None:
            raise AssertionError("the unpacker was started with a pipe")
        with source.stdout as pipe:
            return child.run(command, pipe.fileno(), stdout=None, env=env)

    def _run_shell(self, path: Path) -> str:
        """Run an executable file, or let bash source another one; returns what is wrong."""
        if os.access(path, os.X_OK, effective_ids=True):
            status = self._run_program((str(path),)).status
            return f" ended with status {status}; what it printed stands above" if status else ""
        read, write = os.pipe()
        try:
            os.set_blocking(read, False)
            # The first line that fails; a function's line comes before that of its caller.
            trap = f'trap \'printf "%s\\n" "$LINENO" >&{write}\' ERR\n'
            command = ("bash", "-c", f'{FUNCTIONS}{trap}. "$1"', "bash", str(path))
            status = self._run_program(command, keep_fds=(write,)).status
            line = _read(read).partition("\n")[0]
        finally:
            os.close(read)
            os.close(write)
        place = f", line {line}" if line else ""
        return f"{place}: ended with status {status}; what it printed stands above" if status else ""

    def _run_program(self, command: tuple[str, ...], keep_fds: tuple[int, ...] = ()) -> child.Done:
        """Run a shell script; what it prints goes where this process prints."""
        env = self._environment()
        return child.run(command, stdout=None, stderr=None, keep_fds=keep_fds, env=env, own_group=True)

    def _environment(self) -> dict[str, str]:
        """What a shell script finds in its environment, as in the official image."""
        accounts = self.accounts
        values = {
            "ROOT_PASSWORD": accounts.root_password,
            "DATABASE": accounts.database,
            "USER": accounts.user,
            "PASSWORD": accounts.password,
        }
        given = {f"{brand}_{name}": value for brand in ("MARIADB", "MYSQL") for name, value in values.items() if value}
        return {**os.environ, **given, "MYSQL_UNIX_PORT": str(self.socket)}


def _read(fd: int) -> str:
    """What is in a pipe now: a program that the script has left running may still hold it."""
    try:
        return os.read(fd, 100).decode(errors="replace")
    except BlockingIOError:
        return ""


def _explain(done: child.Done) -> str:
    """What the client complained of, with the line; never a statement, which may have a password."""
    status, errors = done.status, done.errors
    if not status:
        return ""
    found = ERROR.search(errors)
    if found is None:
        return f": {CLIENT} ended with status {status}: {one_line(errors.strip(), 200)}"
    why = found["why"]
    if re.search("IDENTIFIED|PASSWORD", errors, re.IGNORECASE):
        why = re.sub(r" near '.*", " near a statement with a password", why)
    if "sandbox" in why:
        why = f"{why}: commands of the client that use files or programs need {ALLOWED_BY}"
    line = f", line {found['line']}" if found["line"] else ""
    line += f" of {found['file']}" if found["file"] else ""
    return f"{line}: ERROR{found['code'] or ''}: {one_line(why, 300)}"
