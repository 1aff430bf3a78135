"""Real mariadbd servers with Galera for tests: one node, or a donor and a joiner, each on its own loopback address."""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout
from tests.lab import series

PROVIDER = "/usr/lib/galera/libgalera_smm.so"
SMALL_LOG = "--innodb-log-file-size=8M"
ROOT_PASSWORD = "r'o\"o\\t"
"""Hard to quote on purpose."""

_CNF = """\
[mysqld]
datadir={folder}/data
socket={folder}/sock
pid_file={folder}/pid
tmpdir={folder}
bind_address={address}
port=3306
skip_name_resolve=1
binlog_format=ROW
innodb_autoinc_lock_mode=2
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
performance_schema=0
wsrep_on=ON
wsrep_provider={provider}
wsrep_cluster_name={address_prefix}
wsrep_cluster_address=gcomm://{peers}
wsrep_node_address={address}
wsrep_sst_method=rsync
wsrep_sst_receive_address={address}:4444
wsrep_provider_options="gmcast.listen_addr=tcp://{address}:4567;ist.recv_addr={address}:4568;gcache.size=16M;\
evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S;evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.1S"
{extra}
"""


def address(number: int) -> str:
    """A loopback address that no other test run uses: servers need fixed ports, so the address must differ."""
    pid = os.getpid()
    return f"127.{200 + pid % 50}.{pid // 50 % 250}.{number}"


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 240) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


@functools.cache
def seed() -> Path:
    """A volume with a first database made by this toolkit; made once, each node copies it."""
    root = workspace()
    accounts = Accounts(ROOT_PASSWORD, "agent", user="app", password="app", database="app")
    initialise.create(
        Layout(root),
        accounts,
        install_db=("mariadb-install-db", SMALL_LOG),
        server=("mariadbd", SMALL_LOG),
        user=login(),
    )
    return root


def workspace() -> Path:
    """A folder that the servers' user can enter, which a folder of pytest's is not; removed at the end of the run."""
    folder = Path(tempfile.mkdtemp(prefix="peerfinder-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def login() -> str | None:
    """What --user must be: rsync's daemon gives root's rights away and could not write as root.

    The programs of another series change the user themselves (`tests/lab/series.py`).
    """
    return "mysql" if os.geteuid() == 0 and not series.is_foreign() else None


def own(path: Path) -> None:
    """Give a path to the servers' user."""
    if name := login():
        shutil.chown(path, name, name)


def copy(source: Path, target: Path) -> Layout:
    """A volume with a copy of a datadir."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(target / "data")], check=True)
    return Layout(target)


@dataclass
class Node:
    """One server; `folder` is its volume."""

    folder: Path
    address: str
    peers: tuple[str, ...] = ()
    extra: str = ""
    """More lines for its configuration."""
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def layout(self) -> Layout:
        return Layout(self.folder)

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def grastate(self) -> str:
        return self.layout.grastate.read_text() if self.layout.grastate.exists() else ""

    def configure(self) -> Path:
        """Write the configuration."""
        prefix = self.address.rpartition(".")[0]
        values = {
            "folder": self.folder,
            "address": self.address,
            "address_prefix": prefix,
            "provider": PROVIDER,
            "peers": ",".join(self.peers or (self.address,)),
            "extra": self.extra,
        }
        cnf = self.folder / "my.cnf"
        cnf.write_text(_CNF.format(**values))
        return cnf

    @property
    def command(self) -> tuple[str, ...]:
        user = () if login() is None else (f"--user={login()}",)
        return ("mariadbd", f"--defaults-file={self.configure()}", *user)

    def recover(self) -> Recover:
        return Recover(self.command)

    def start(self, *arguments: str) -> "Node":
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        return self

    def bootstrap(self, *arguments: str) -> "Node":
        self.start("--wsrep-new-cluster", *arguments)
        self.wait_synced()
        return self

    def wait_synced(self, seconds: float = 240) -> None:
        def synced() -> bool:
            assert not self.ended, f"the server ended:\n{self.log[-3000:]}"
            with contextlib.suppress(pymysql.Error, OSError):
                return self.status("wsrep_local_state_comment") == "Synced"
            return False

        wait_for(synced, f"Synced on {self.address}", seconds)

    def connect(self) -> "pymysql.Connection[Any]":
        """Log in as root; pymysql itself would forget to close a socket that cannot be connected."""
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.connect(f"{self.folder}/sock")
        except OSError:
            plain.close()
            raise
        made = pymysql.connect(
            user="root",
            password=ROOT_PASSWORD.encode(),
            autocommit=True,
            read_timeout=60,
            ssl_disabled=True,
            defer_connect=True,
        )
        made.connect(plain)
        return made

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def status(self, name: str) -> str:
        return str(self.sql(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])

    def stop(self) -> None:
        """Stop in order."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)

    def strike(self) -> None:
        """Kill the server and the scripts of a state transfer, all at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kill it and wait until nothing of it lives on."""
        self.strike()
        if self.process is None:
            return
        self.process.wait(30)
        wait_for(lambda: not self.remains(), f"the end of {self.address}'s processes", 30)

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def remains(self) -> list[int]:
        """Processes of this server's session that are still there."""
        assert self.process is not None
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid and fields[0] not in "ZX":
                    found.append(int(path.parent.name))
        return found


@contextlib.contextmanager
def node(
    folder: Path, number: int, *, data: Path | None, peers: tuple[str, ...] = (), extra: str = ""
) -> Iterator[Node]:
    """A node with a copy of a datadir (None = an empty volume); killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    own(folder)
    if data is None:
        (folder / "data").mkdir()
        own(folder / "data")
    else:
        copy(data, folder)
    made = Node(folder, address(number), peers, extra)
    try:
        yield made
    finally:
        made.kill()


def throttle(donor: Node, kbytes_per_second: int, *, only_tables: bool) -> None:
    """Slow down the donor's rsync; `only_tables`: not before InnoDB's own files have been sent.

    By an option alias in ~/.popt (rsync(1)): an rsync put first in PATH is never run, because mariadbd puts its own
    bindir before everything in the PATH of its scripts (MariaDB wsrep_utils.cc, wsrep_prepend_PATH).
    """
    option = "--recursive" if only_tables else "--inplace"
    (donor.folder / ".popt").write_text(f"rsync alias {option} {option} --bwlimit={kbytes_per_second}\n")
    donor.env["HOME"] = str(donor.folder)


def killed_joiner(donor_data: Path, folder: Path, *, late: bool, joiner_data: Path | None = None) -> Node:
    """Return a joiner that was killed inside an rsync SST, with all its scripts; its donor is killed, too.

    Early: InnoDB's system tablespace is on its way.  Late: InnoDB's files and the redo log have come, the tables not.
    """
    both = (address(11), address(12))
    with (
        node(folder / "donor", 11, data=donor_data, peers=both) as donor,
        node(folder / "joiner", 12, data=joiner_data, peers=both) as joiner,
    ):
        throttle(donor, 1000, only_tables=late)
        donor.bootstrap()
        sent, came = donor.layout.data / "app" / "big.ibd", joiner.layout.data / "app" / "big.ibd"
        for path in (came, joiner.layout.data / "gvwstate.dat"):
            path.unlink(missing_ok=True)
        joiner.start()
        first = came if late else joiner.layout.data / "ibdata1"
        wait_for(lambda: blocks(first) > 0 or joiner.ended, f"the transfer of {first.name}")
        assert not joiner.ended, joiner.log[-3000:]
        donor.strike()
        joiner.strike()
        joiner.kill()
        assert blocks(came) < blocks(sent), "the transfer was over before the kill"
    return joiner


def blocks(path: Path) -> int:
    """What a file really takes on the disk; -1 = it is not there."""
    try:
        return path.stat().st_blocks
    except FileNotFoundError:
        return -1
