"""A client that writes rows through several servers, survives every error, and remembers what was acknowledged.

An id is acknowledged when the server has answered its commit with OK; only acknowledged ids must survive.
An id with an unknown result (an error, a lost connection) is never used again.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import pymysql

from tests.lab.database import Connection
from tests.lab.layout import Layout
from tests.lab.reader import Reader

TABLE = "acknowledged"

CREATE = f"CREATE TABLE IF NOT EXISTS {TABLE} (id BIGINT PRIMARY KEY, via VARCHAR(63) NOT NULL) ENGINE=InnoDB"

SPAN = 10**9
"""The number of ids of one thread; a later writer of the same table begins at a later multiple of it."""


class Writer:
    """Threads that insert rows through these addresses until they are stopped; use it as a context manager."""

    def __init__(self, layout: Layout, ips: Sequence[str], record: Path, *, threads: int = 4) -> None:
        self.errors: Counter[int] = Counter()
        """How often each error number occurred (0: an error without a number)."""
        self._layout, self._ips, self._path = layout, tuple(ips), record
        self._acknowledged: list[int] = []
        self._stop = threading.Event()
        self._record = -1
        self._base = 0
        self._threads = [threading.Thread(target=self._write, args=(t,), daemon=True) for t in range(threads)]

    def __enter__(self) -> Self:
        self._base = self._create_table()
        # O_APPEND and one write for each row: every id in the file was acknowledged, even if this process is killed.
        self._record = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the threads and make the record durable; may be called twice."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._record >= 0:
            os.fsync(self._record)
            os.close(self._record)
            self._record = -1

    @property
    def count(self) -> int:
        """The number of acknowledged rows so far."""
        return len(self._acknowledged)

    @property
    def acknowledged(self) -> frozenset[int]:
        """The acknowledged ids so far."""
        return frozenset(self._acknowledged)

    @property
    def newest(self) -> int:
        """The id that was acknowledged last; ids of another thread may be higher."""
        return self._acknowledged[-1]

    def wait_for(self, count: int, seconds: float = 300.0) -> None:
        """Wait until that many rows are acknowledged; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.count < count:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"only {self.count} of {count} rows were acknowledged in {seconds:.0f} s; errors: {self.errors}"
                )
            time.sleep(0.02)

    def make_reader(self) -> Reader:
        """Make a client that reads this writer's acknowledged rows through the same servers."""
        return Reader(self._connect, self._ips, TABLE, lambda: self._acknowledged)

    def _connect(self, ip: str) -> Connection:
        return pymysql.connect(
            host=ip,
            user=self._layout.read_secret("user"),
            password=self._layout.read_secret("password"),
            database=self._layout.read_secret("database"),
            connect_timeout=2,
            read_timeout=8,
            write_timeout=8,
            autocommit=True,
        )

    def _create_table(self) -> int:
        """Create the table; returns the number of the first multiple of SPAN above its ids."""
        with closing(self._connect(self._ips[0])) as connection, connection.cursor() as cursor:
            cursor.execute(CREATE)
            cursor.execute(f"SELECT COALESCE(MAX(id) DIV {SPAN}, 0) + 1 FROM {TABLE}")
            return int((cursor.fetchone() or (1,))[0])

    def _write(self, thread: int) -> None:
        number, turn = (self._base + thread) * SPAN, thread
        while not self._stop.is_set():
            ip = self._ips[turn % len(self._ips)]
            turn += 1
            try:
                with closing(self._connect(ip)) as connection, connection.cursor() as cursor:
                    # A new connection from time to time, so that all servers are used again after a fault.
                    for _ in range(50):
                        if self._stop.is_set():
                            return
                        number += 1
                        cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s)", (number, ip))
                        self._remember(number)
            except (pymysql.Error, OSError) as exc:
                self.errors[exc.args[0] if exc.args and isinstance(exc.args[0], int) else 0] += 1
                self._stop.wait(0.05)

    def _remember(self, number: int) -> None:
        os.write(self._record, f"{number}\n".encode())
        self._acknowledged.append(number)


def read_record(path: Path) -> frozenset[int]:
    """Read the acknowledged ids from a writer's file."""
    return frozenset(int(line) for line in path.read_text().split())
