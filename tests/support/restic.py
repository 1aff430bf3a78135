"""Our commands that use restic, as processes; and restic itself, to look into a repository."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core.binlog.events import Gtid
from bootstrap.core.model.disk import Position
from bootstrap.operations import backup_store
from bootstrap.operations.backup_store import Backup
from bootstrap.operations.repository import read_environment

SERVER = "mariadbd  Ver 10.11.19-MariaDB for debian-linux-gnu on x86_64"

HISTORY = "6fe0d4fa-0000-11f1-b412-43c8a739f785"


def require_restic() -> None:
    if not shutil.which("restic"):
        pytest.skip("NOT TESTED: restic is not installed: apt-get install restic")


def make_backup(root: Path, name: str, seqno: int = 512, megabytes: int = 1, gtid: Gtid | None = None) -> Backup:
    """Make a complete backup of random files."""
    root.mkdir(exist_ok=True)
    data = backup_store.begin(root, name)
    (data / "mysql").mkdir()
    (data / "ibdata1").write_bytes(os.urandom(megabytes << 20))
    (data / "mysql" / "user.frm").write_bytes(b"")
    return backup_store.finish(data, backup_store.End(Position(HISTORY, seqno), gtid, name), SERVER)


class Job:
    """A command of ours with a repository."""

    def __init__(self, folder: Path, secret: Path, *argv: str) -> None:
        self.log = folder / f"{argv[0]}.log"
        words = (sys.executable, "-m", "bootstrap", *argv, f"--repository={secret}")
        env = {**os.environ, "POD_NAMESPACE": "db"}
        with self.log.open("ab") as log:
            # A group of its own, which is killed as a whole, like a container.
            self.process = subprocess.Popen(words, env=env, stdout=log, stderr=log, process_group=0)

    def wait(self, seconds: float = 120) -> tuple[int, str]:
        """Wait for its end; returns its exit code and its log."""
        try:
            return self.process.wait(seconds), self.read_log()
        finally:
            self.kill()

    def read_log(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """Send SIGKILL to all of its processes."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run(folder: Path, secret: Path, *argv: str) -> tuple[int, str]:
    """Run a command; returns its exit code, and its log alone."""
    (folder / f"{argv[0]}.log").unlink(missing_ok=True)
    return Job(folder, secret, *argv).wait()


def ask(secret: Path, *words: str) -> str:
    """Run restic itself; returns what it prints."""
    done = subprocess.run(
        ("restic", "--no-cache", "--json", *words), env=read_environment(secret), capture_output=True, check=True
    )
    return done.stdout.decode()


def list_snapshots(secret: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask(secret, "snapshots"))
    return found
