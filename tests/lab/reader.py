"""A client that reads acknowledged rows all the time and on every server: no row may ever be missing.

The check at the end of a test sees only the final state. This client also sees a row that was missing for a while, for
example on a member that had left its cluster and still answered.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from random import Random
from types import TracebackType
from typing import Self

import pymysql

Connect = Callable[[str], "pymysql.connections.Connection[pymysql.cursors.Cursor]"]
"""Opens a session on the server with this address."""

RETRIES = 10
"""How often a missing row is read again in the same session: a causal read may come a moment too early."""


class Reader:
    """A thread that reads one acknowledged row after another; use it as a context manager, together with a writer."""

    def __init__(
        self, connect: Connect, ips: Sequence[str], table: str, acknowledged: Callable[[], Sequence[int]]
    ) -> None:
        """Make it; `acknowledged` returns the ids so far, in the order of their acknowledgements."""
        self.missing: list[tuple[int, str]] = []
        """Rows that a server in a Primary Component did not have, with the server's address."""
        self.count = 0
        """The number of rows that were read."""
        self._connect, self._ips, self._acknowledged = connect, tuple(ips), acknowledged
        self._query = f"SELECT id FROM {table} WHERE id = %s"
        self._random = Random()  # no seed: it does not matter which rows are read
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._done: Future[None] | None = None

    def __enter__(self) -> Self:
        self._done = self._pool.submit(self._read)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """End it; raises the error that ended it earlier, because a dead reader finds no missing row."""
        self._stop.set()
        self._pool.shutdown()
        if self._done is not None:
            self._done.result()

    def _read(self) -> None:
        turn = 0
        while not self._stop.wait(0.02):
            ip = self._ips[turn % len(self._ips)]
            turn += 1
            try:
                with closing(self._connect(ip)) as connection, connection.cursor() as cursor:
                    # The server answers only after it has applied all transactions that any member committed before.
                    cursor.execute("SET SESSION wsrep_sync_wait=1")
                    for number in range(20):
                        if self._stop.is_set() or not self._read_one(cursor, ip, newest=number % 2 == 0):
                            break
            except (pymysql.Error, OSError):
                self._stop.wait(0.1)

    def _read_one(self, cursor: pymysql.cursors.Cursor, ip: str, *, newest: bool) -> bool:
        """Read the row that was acknowledged last, or one before it; returns False if there is no row yet."""
        ids = self._acknowledged()
        if not ids:
            return False
        # Newer rows are more likely to be lost.
        back = 0 if newest else min(int(self._random.expovariate(0.1)), len(ids) - 1)
        wanted = ids[-1 - back]
        for _ in range(1 + RETRIES):
            cursor.execute(self._query, (wanted,))
            if cursor.fetchone():
                self.count += 1
                return True
            time.sleep(0.1)  # also after `_stop`: only after all retries the row counts as missing
        self.missing.append((wanted, ip))
        return True
