"""The program that sends a lab's binary log, as a pod of a Deployment."""

import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bootstrap.core.binlog.chain import Chain, Piece
from bootstrap.core.binlog.events import split
from bootstrap.core.binlog.selection import Limits, Part, select
from bootstrap.core.repository import pieces
from tests.lab.companion import Companion
from tests.lab.lab import Lab
from tests.support.restic import ask

PASSWORD = "a-binlog-password"


def make_account(lab: Lab) -> None:
    """Make the account with which the log is read, as docs/operations/point-in-time.md does."""
    lab.query(
        0,
        f"CREATE USER galera_log@'%' IDENTIFIED BY '{PASSWORD}'",
        "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO galera_log@'%'",
    )


class Sender:
    """A running `send-log`; use it as a context manager."""

    def __init__(self, lab: Lab, secret: Path, folder: Path, *options: str, number: int = 3) -> None:
        self.lab, self.secret = lab, secret
        folder.mkdir(exist_ok=True)
        login = folder / "client.cnf"
        login.write_text(f"[client]\nuser=galera_log\npassword={PASSWORD}\n")
        chosen = (f"--login={login}", f"--spool={folder / 'spool'}", f"--repository={secret}", *options)
        self.companion = Companion(lab, number, "galera-bootstrap", "send-log", "--every=1", *chosen)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self.companion.kill()

    @property
    def log(self) -> str:
        return self.companion.read_log()

    @property
    def reading(self) -> str:
        """The address of the member that is read; empty if none was yet."""
        lines = [line for line in self.log.splitlines() if ": reading " in line]
        return lines[-1].partition(": reading ")[2].partition(",")[0] if lines else ""

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = 300) -> None:
        """Wait until it is so; the program must live."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.companion.process.poll() is None, self.log
            assert time.monotonic() < end, f"{what} did not happen:\n{self.log}"
            time.sleep(0.1)

    def wait_sent(self, gtid: str, history: str = "") -> None:
        """Wait until this transaction, of this history if one is named, is in the repository."""
        seqno = int(gtid.rpartition("-")[2])

        def is_there() -> bool:
            try:
                every = [one for one in list_pieces(self.secret) if history in ("", one.history)]
            except subprocess.CalledProcessError:
                return False  # the program replaces a snapshot, or has the lock
            return any(one.last.seqno >= seqno for one in every)

        self.wait("the first piece", lambda: ": piece " in self.log)
        self.wait(f"the sending of {gtid}", is_there)

    def read_port(self, path: str) -> tuple[int, str]:
        """Ask its port."""
        env = self.companion.pod.env
        url = f"http://{self.companion.pod.ip}:{env['GALERA_BOOTSTRAP_HEALTH_PORT']}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read().decode()


def list_pieces(secret: Path) -> tuple[Piece, ...]:
    """List the pieces in the repository."""
    return pieces.parse(ask(secret, "snapshots"))


def read_position(lab: Lab, ordinal: int) -> str:
    """The last transaction of the cluster in a member's log."""
    found = str(lab.query(ordinal, "SELECT @@gtid_binlog_pos", sync_wait=1)[0][0])
    return next(one for one in found.split(",") if one.startswith("7-"))


def read_member_gtids(lab: Lab, ordinal: int) -> list[int]:
    """The numbers of all transactions of the cluster in a member's log."""
    found = []
    for name, *_ in lab.query(ordinal, "SHOW BINARY LOGS"):
        events = lab.query(ordinal, f"SHOW BINLOG EVENTS IN '{name}'", seconds=60)
        found += [re.findall(r"\b7-100-(\d+)", str(one[5])) for one in events if one[2] == "Gtid"]
    return [int(one[0]) for one in found if one]


def read_gtids(secret: Path, found: Chain, folder: Path) -> list[int]:
    """The numbers of all transactions in the pieces of a chain, as a restore takes them."""
    numbers: list[int] = []
    last = found.pieces[0].after.seqno
    for place, piece in enumerate(found.pieces):
        ask(secret, "restore", piece.id, f"--target={folder / str(place)}")
        for segment in pieces.parse_list((folder / str(place) / pieces.LIST).read_bytes(), piece):
            content = (folder / str(place) / segment.name).read_bytes()
            taken = [one.begins for one in select(split([content]), Limits(7, last)) if isinstance(one, Part)]
            numbers += [gtid.seqno for gtid in taken if gtid]
            last = numbers[-1] if numbers else last
    return numbers
