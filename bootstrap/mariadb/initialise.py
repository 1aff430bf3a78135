"""The first database of a new cluster: created in `data.tmp`, made durable, and only then renamed to the datadir.

Knows the programs of the database's image and the accounts.  Does not know whether a first initialisation is allowed:
the agent permits it.  A kill at any point leaves the datadir EMPTY, because an incomplete database must not be a
candidate.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.errors import InitialisationFailedError
from bootstrap.mariadb import first_server
from bootstrap.mariadb.accounts import Accounts, build_adoption_sql, build_sql, build_take_over_sql
from bootstrap.mariadb.first_scripts import Runner
from bootstrap.process import child
from bootstrap.storage import atomic

if TYPE_CHECKING:
    from bootstrap.storage.layout import Layout


class ScriptRun(NamedTuple):
    """The scripts of a first start, and how they are run."""

    files: tuple[Path, ...]
    runner: Runner
    server: tuple[str, ...]
    """The later server with its option file and its arguments."""


def create(  # noqa: PLR0913 - the programs and their surroundings differ between images
    layout: "Layout",
    accounts: Accounts,
    *,
    install_db: tuple[str, ...] = ("mariadb-install-db",),
    server: tuple[str, ...] = ("mariadbd",),
    user: str | None = None,
    keep_fds: tuple[int, ...] = (),
    shape: tuple[str, ...] = (),
    more_sql: str = "",
    scripts: ScriptRun | None = None,
) -> None:
    """Create the first database with its accounts; the datadir must be absent or an empty folder (R31).

    The scripts run on the database before it becomes the datadir.

    `shape` are the options of the later server that decide the form of InnoDB's files.  `more_sql` is run, too.

    `user` becomes --user, which the server demands from root, and which only root may give.  The programs inherit
    `keep_fds`: the volume's lock, so that they still hold it if this process is killed.
    Raises InitialisationFailedError (the datadir is EMPTY as before) and ServerMissingError.
    """
    login = () if user is None else (f"--user={user}",)
    tmp = layout.data_tmp
    # Without --force it first looks up the host's name, which fails in an isolated pod; its accounts are removed.
    install = (
        *(install_db[0], "--no-defaults", *install_db[1:], *shape, "--force", f"--datadir={tmp}"),
        *("--auth-root-authentication-method=normal", "--skip-test-db", *login),
    )
    bootstrap = (
        *(server[0], "--no-defaults", *server[1:], *shape, "--bootstrap", "--silent-startup", f"--datadir={tmp}"),
        *("--wsrep-on=OFF", "--skip-log-bin", "--skip-networking", "--skip-log-error", *login),
    )
    try:
        _clear_remains(layout)
        _run(install, "", tmp, keep_fds)
        _run(bootstrap, build_sql(accounts) + more_sql, tmp, keep_fds)
        if scripts is not None and scripts.files:
            _run_scripts(scripts, accounts, tmp, user, keep_fds)
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
    """Create the accounts in data that ran without this toolkit; other accounts stay as they are.

    It uses the pod's own configuration, which `server` names: the data may need its options, such as names and sizes of
    files.  Its folder for files may not be there yet, as in `Recover.run`.
    Raises InitialisationFailedError (the data are as before, except for accounts) and ServerMissingError.
    """
    _run_in_data(layout, build_adoption_sql(accounts), server, user, keep_fds)


def take_over(
    layout: "Layout",
    accounts: Accounts,
    *,
    server: tuple[str, ...],
    user: str | None = None,
    keep_fds: tuple[int, ...] = (),
) -> None:
    """Create this toolkit's own accounts in the data of another Galera cluster; all others stay as they are (R44).

    Nothing of it is replicated or written to a binary log, so the position stays the same: each member makes them in
    its own tables.  A kill in the middle leaves data from which this can be repeated.
    Raises InitialisationFailedError (the data are as before, except for accounts) and ServerMissingError.
    """
    _run_in_data(layout, build_take_over_sql(accounts), server, user, keep_fds)


def _run_in_data(
    layout: "Layout", sql: str, server: tuple[str, ...], user: str | None, keep_fds: tuple[int, ...]
) -> None:
    """Run statements on an existing database, by a server without network, Galera and binary log."""
    try:
        _run(_bootstrap_with_options(server, layout.data, user), sql, layout.data_root, keep_fds)
    except OSError as error:
        raise InitialisationFailedError(
            f"the accounts cannot be made in {layout.data}: {error.strerror} ({error.filename})"
        ) from error


def _bootstrap_with_options(server: tuple[str, ...], data: Path, user: str | None) -> tuple[str, ...]:
    """The server that reads SQL from its input, with the options of the later one; the data may need them."""
    return (
        *(*server, "--bootstrap", "--silent-startup", f"--datadir={data}", "--wsrep-on=OFF"),
        *("--wsrep-provider=none", "--skip-log-bin", "--skip-networking", "--skip-log-error"),
        *(() if user is None else (f"--user={user}",)),
        "--secure-file-priv=",
    )


def _run_scripts(
    scripts: ScriptRun, accounts: Accounts, tmp: Path, user: str | None, keep_fds: tuple[int, ...]
) -> None:
    """Run the scripts, then give the accounts of this toolkit back what a script may have taken from them.

    A dump of all databases has the accounts of another server.
    """
    login = () if user is None else (f"--user={user}",)
    with first_server.serve((*scripts.server, *login), tmp, scripts.runner.socket, keep_fds):
        for path in scripts.files:
            scripts.runner.run(path)
    own = accounts.without_applications()
    _run(_bootstrap_with_options(scripts.server, tmp, user), build_adoption_sql(own), tmp.parent, keep_fds)


def _clear_remains(layout: "Layout") -> None:
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
    # A group of its own: the script and the server that it starts.
    done = child.run(command, text, stderr=subprocess.STDOUT, env=env, keep_fds=keep_fds, own_group=True)
    if done.status != 0:
        raise InitialisationFailedError(
            f"{Path(command[0]).name} ended with status {done.status}: {_complaint(done.output)}"
        )


def _complaint(output: str) -> str:
    """Return the line that names the cause; never a statement, as it would show a password's hash."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and "IDENTIFIED" not in line.upper()]
    causes = [line for line in lines if re.search(r"ERROR|rror:|annot|ailed", line)]
    return (causes or lines or ["it printed nothing"])[0][:300]


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
