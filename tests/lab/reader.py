"""A client that reads what others were acknowledged, all the time and on every server: no row may be missing, ever.

The end of a test tells what is there in the end; this one tells of a row that was away in between, as on a member that
had fallen out of its cluster and still answered.
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

AGAIN = 10
"""So many more times a missing row is looked for in the same session: a causal read may come a moment too early."""


class Reader:
    """One thread that reads one acknowledged row after the other; use it as a context manager beside a writer."""

    def __init__(
        self, connect: Connect, ips: Sequence[str], table: str, acknowledged: Callable[[], Sequence[int]]
    ) -> None:
        """`acknowledged` gives the ids so far, in the order in which they were."""
        self.missing: list[tuple[int, str]] = []
        """Rows that a server in a Primary Component did not have, with its address."""
        self.count = 0
        """Rows that were read."""
        self._connect, self._ips, self._acknowledged = connect, tuple(ips), acknowledged
        self._query = f"SELECT id FROM {table} WHERE id = %s"
        self._dice = Random()  # which row, is of no importance
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._done: Future[None] | None = None

    def __enter__(self) -> Self:
        self._done = self._pool.submit(self._read)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """End it; raises what has ended it before, as a reader that is dead misses nothing."""
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
                    # The server answers only with all that was committed anywhere before, or not at all.
                    cursor.execute("SET SESSION wsrep_sync_wait=1")
                    for number in range(20):
                        if self._stop.is_set() or not self._look(cursor, ip, newest=number % 2 == 0):
                            break
            except (pymysql.Error, OSError):
                self._stop.wait(0.1)

    def _look(self, cursor: pymysql.cursors.Cursor, ip: str, *, newest: bool) -> bool:
        """Read the row that was acknowledged last, or one of those before it; whether there is any to read."""
        ids = self._acknowledged()
        if not ids:
            return False
        # The newer ones are the ones that could be lost.
        back = 0 if newest else min(int(self._dice.expovariate(0.1)), len(ids) - 1)
        wanted = ids[-1 - back]
        for _ in range(1 + AGAIN):
            cursor.execute(self._query, (wanted,))
            if cursor.fetchone():
                self.count += 1
                return True
            time.sleep(0.1)  # also when it is to end: a row is missed only after this time
        self.missing.append((wanted, ip))
        return True
