"""The first database of a new cluster: made whole in `data.tmp`, made durable, and only then renamed to the datadir.

Knows the database image's programs and the accounts; does not know whether a first initialisation is allowed (that
takes the agent's permission).  A kill at any point leaves the datadir EMPTY: a half-made database is no candidate.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import InitialisationFailedError, ServerMissingError, SettingInvalidError
from bootstrap.storage import atomic

if TYPE_CHECKING:
    from bootstrap.datadir.inspection import Layout

AGENT = "galera_agent"
"""The agent's account: SHOW GLOBAL STATUS needs no privilege, so it has none (MariaDB manual, "SHOW STATUS")."""

AGENT_RIGHTS = "SHUTDOWN, CONNECTION ADMIN, RELOAD, SUPER"
"""A live server that cannot become Primary again is stopped by its agent, and one without a free connection must still
tell its state.  New certificates are loaded by FLUSH SSL, and by a provider's option, which takes SUPER."""

TRANSFER = "galera_sst"
"""The account that mariadb-backup reads a donor with."""

TRANSFER_RIGHTS = "RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR"
"""What mariadb-backup needs (MariaDB manual, "mariadb-backup Overview", Authentication and Privileges)."""

_RESERVED = ("root", "mariadb.sys", AGENT, TRANSFER)
_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may log in to the first database; raises SettingInvalidError, which never shows a password."""

    root_password: str = field(repr=False)
    """Of root@localhost, the only root."""
    agent_password: str = field(repr=False)
    """Of the agent's account, which may log in from this pod only and read the server's status."""
    user: str | None = None
    """An application's account, from any host."""
    password: str | None = field(default=None, repr=False)
    """Its password."""
    database: str | None = None
    """A database to create, and to give to the user."""
    sst_password: str | None = field(default=None, repr=False)
    """Of the account that mariadb-backup reads a donor with; None = there is none."""

    def __post_init__(self) -> None:
        passwords = {
            "root-password": self.root_password,
            "agent-password": self.agent_password,
            "password": self.password,
            "sst-password": self.sst_password,
        }
        for name, value in passwords.items():
            if value is not None and (not value or re.search(r"[\0\r\n]", value)):
                raise SettingInvalidError(f"{name} is empty or has a line break or a NUL: it must be one line of text")
        if (self.user is None) != (self.password is None):
            raise SettingInvalidError("user and password belong together: give both, or none")
        if self.user is not None and (not re.fullmatch(r"[^\0-\x1f\x7f]{1,80}", self.user) or self.user in _RESERVED):
            raise SettingInvalidError(f"user {self.user!a} cannot be an application's account: choose another name")
        if self.database is not None and not _DATABASE.fullmatch(self.database):
            raise SettingInvalidError(f"database {self.database!a}: use letters, digits and _ $ -, at most 64")


def create(  # noqa: PLR0913 - the programs and their surroundings differ between images
    layout: "Layout",
    accounts: Accounts,
    *,
    install_db: tuple[str, ...] = ("mariadb-install-db",),
    server: tuple[str, ...] = ("mariadbd",),
    user: str | None = None,
    keep_fds: tuple[int, ...] = (),
) -> None:
    """Make the first database with its accounts; the datadir must be absent or an empty folder (R31).

    `user` becomes --user, which the server wants of root and which nobody else may give.  `keep_fds` are inherited by
    the programs: the volume's lock, so that it stays held by them if this process is killed.
    Raises InitialisationFailedError (the datadir is EMPTY as before) and ServerMissingError.
    """
    login = () if user is None else (f"--user={user}",)
    tmp = layout.data_tmp
    # Without --force it looks up the host's name first, which an isolated pod cannot; its accounts are removed anyway.
    install = (
        *(install_db[0], "--no-defaults", *install_db[1:], "--force", f"--datadir={tmp}"),
        *("--auth-root-authentication-method=normal", "--skip-test-db", *login),
    )
    bootstrap = (
        *(server[0], "--no-defaults", *server[1:], "--bootstrap", "--silent-startup", f"--datadir={tmp}"),
        *("--wsrep-on=OFF", "--skip-log-bin", "--skip-networking", "--skip-log-error", *login),
    )
    try:
        _start_afresh(layout)
        _run(install, "", tmp, keep_fds)
        _run(bootstrap, sql(accounts), tmp, keep_fds)
        _make_durable(tmp)
        tmp.rename(layout.data)
        atomic.sync_folder(layout.data_root)
    except OSError as error:
        raise InitialisationFailedError(
            f"cannot create the first database in {layout.data_root}: {error.strerror} ({error.filename}); "
            f"the volume must be writable for uid {os.geteuid()} and have room"
        ) from error


def adopt(
    layout: "Layout",
    accounts: Accounts,
    *,
    server: tuple[str, ...],
    user: str | None = None,
    keep_fds: tuple[int, ...] = (),
) -> None:
    """Make the accounts in data that ran without this toolkit; other accounts stay as they are.

    With the pod's own configuration (`server` names it): the data may need its options, as the files' names and sizes.
    Raises InitialisationFailedError (the data are as before, but for accounts) and ServerMissingError.
    """
    login = () if user is None else (f"--user={user}",)
    command = (
        *(*server, "--bootstrap", "--silent-startup", f"--datadir={layout.data}", "--wsrep-on=OFF"),
        *("--wsrep-provider=none", "--skip-log-bin", "--skip-networking", "--skip-log-error", *login),
    )
    try:
        _run(command, adoption_sql(accounts), layout.data_root, keep_fds)
    except OSError as error:
        raise InitialisationFailedError(
            f"the accounts cannot be made in {layout.data}: {error.strerror} ({error.filename})"
        ) from error


def adoption_sql(accounts: Accounts) -> str:
    """Return the statements for a database that has accounts of its own; said twice they do the same as once."""
    root, agent = f"'root'@'localhost'{_by(accounts.root_password)}", f"'{AGENT}'@'localhost'"
    lines = [
        "SET SESSION sql_mode=''",
        "FLUSH PRIVILEGES",
        f"CREATE USER IF NOT EXISTS {root}",
        f"ALTER USER {root}",
        "GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION",
        f"CREATE OR REPLACE USER {agent}{_by(accounts.agent_password)}",
        f"GRANT {AGENT_RIGHTS} ON *.* TO {agent}",
        *_transfer(accounts),
    ]
    return "".join(f"{line};\n" for line in [*lines, *_application(accounts, missing="IF NOT EXISTS ")])


def sql(accounts: Accounts) -> str:
    """Return the statements, each on one line as `mariadbd --bootstrap` reads them.

    A password goes in as the hash that mysql_native_password stores, so it needs no quoting and no server sees it.
    """
    root, agent = f"'root'@'localhost'{_by(accounts.root_password)}", _by(accounts.agent_password)
    lines = [
        "SET SESSION sql_mode=''",
        # Under --bootstrap the grant tables are not loaded, and no account can be made until they are.
        "FLUSH PRIVILEGES",
        "DELETE FROM mysql.global_priv WHERE User NOT IN ('root', 'mariadb.sys') OR Host <> 'localhost'",
        "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost' OR User <> 'root'",
        "DELETE FROM mysql.db WHERE User = ''",
        "FLUSH PRIVILEGES",
        f"ALTER USER {root}",
        f"CREATE USER '{AGENT}'@'localhost'{agent}",
        f"GRANT {AGENT_RIGHTS} ON *.* TO '{AGENT}'@'localhost'",
        *_transfer(accounts),
    ]
    return "".join(f"{line};\n" for line in [*lines, *_application(accounts)])


def _transfer(accounts: Accounts) -> list[str]:
    """The account of mariadb-backup."""
    if accounts.sst_password is None:
        return []
    name = f"'{TRANSFER}'@'localhost'"
    return [f"CREATE OR REPLACE USER {name}{_by(accounts.sst_password)}", f"GRANT {TRANSFER_RIGHTS} ON *.* TO {name}"]


def _application(accounts: Accounts, missing: str = "") -> list[str]:
    """The application's database and account."""
    lines = []
    if accounts.database is not None:
        lines.append(f"CREATE DATABASE {missing}`{accounts.database}`")
    if accounts.user is not None and accounts.password is not None:
        name = f"{_quoted(accounts.user)}@'%'"
        lines.append(f"CREATE USER {missing}{name}{_by(accounts.password)}")
        if accounts.database is not None:
            # In a GRANT, unlike elsewhere, _ in the name of a database is a pattern.
            lines.append(f"GRANT ALL PRIVILEGES ON `{accounts.database.replace('_', chr(92) + '_')}`.* TO {name}")
    return lines


def _by(password: str) -> str:
    # The double SHA-1 is the protocol's, not a choice (MariaDB, "Authentication Plugin - mysql_native_password").
    once = hashlib.sha1(password.encode(errors="surrogateescape"), usedforsecurity=False).digest()
    return f" IDENTIFIED BY PASSWORD '*{hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()}'"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _start_afresh(layout: "Layout") -> None:
    """Remove what an interrupted initialisation left, and refuse a datadir with anything in it."""
    if layout.data.is_dir():
        found = sorted(path.name for path in layout.data.iterdir())
        if found:
            raise InitialisationFailedError(
                f"{layout.data} is not empty ({', '.join(found[:5])}): a first database is never made over anything"
            )
    if layout.data_tmp.is_symlink() or layout.data_tmp.is_file():
        layout.data_tmp.unlink()
    elif layout.data_tmp.exists():
        shutil.rmtree(layout.data_tmp)
    layout.data_tmp.mkdir(mode=0o700)


def _run(command: tuple[str, ...], text: str, tmp: Path, keep_fds: tuple[int, ...]) -> None:
    """Run one program to its end; it dies with this call, whatever ends it."""
    env = {**os.environ, "TMPDIR": str(tmp)}  # /tmp may be read-only in a pod
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=keep_fds,
            process_group=0,
        )
    except OSError as error:
        raise ServerMissingError(
            f"cannot run {command[0]}: {error.strerror}; this needs the database's own image"
        ) from error
    with program:
        try:
            output, _ = program.communicate(text.encode())
        except BaseException:
            os.killpg(program.pid, signal.SIGKILL)  # the script and the server that it started
            raise
    if program.returncode != 0:
        said = _complaint(output.decode(errors="replace"))
        raise InitialisationFailedError(f"{Path(command[0]).name} ended with status {program.returncode}: {said}")


def _complaint(output: str) -> str:
    """Return the line that names the cause; never a statement, as it would show a password's hash."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and "IDENTIFIED" not in line.upper()]
    causes = [line for line in lines if re.search(r"ERROR|rror:|annot|ailed", line)]
    return (causes or lines or ["it said nothing"])[0][:300]


def _make_durable(folder: Path) -> None:
    """Fsync every file and every folder of the new database."""
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            fd = os.open(Path(root) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        atomic.sync_folder(Path(root))
