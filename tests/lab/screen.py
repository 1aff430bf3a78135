"""Output for people: sentences, and below them a table that is redrawn on a terminal.

Elsewhere (a file, a pipe, CI) only a row's transitions are printed, so that the output is never silent for long and
never repeats itself.
"""

import shutil
import threading
import time
from typing import TextIO

from tests.lab.view import Row, line, table


class Screen:
    """One stream; its methods may be called from any thread."""

    def __init__(self, stream: TextIO, *, terminal: bool | None = None) -> None:
        self._stream = stream
        self._terminal = stream.isatty() if terminal is None else terminal
        self._writing = threading.Lock()
        self._drawn: list[str] = []
        self._stages: dict[str, tuple[str, ...]] = {}
        self._began = time.monotonic()

    @property
    def elapsed(self) -> str:
        """Seconds since the beginning, for a line's head."""
        return f"{time.monotonic() - self._began:6.1f} s"

    def say(self, text: str = "") -> None:
        """A sentence above the table."""
        with self._writing:
            self._erase()
            self._stream.write(f"{text}\n")
            self._paint()

    def tell(self, text: str) -> None:
        """A sentence with the time at its head."""
        self.say(f"{self.elapsed}  {text}")

    def draw(self, rows: list[Row]) -> None:
        """The table as it is now."""
        with self._writing:
            if self._terminal:
                self._erase()
                # A line that wraps would be two to erase.
                width = shutil.get_terminal_size().columns - 1
                self._drawn = ["", *(text[:width] for text in table(rows))]
                self._paint()
            else:
                self._transitions(rows)

    def freeze(self) -> None:
        """Leave the table where it is; the next one is drawn below."""
        with self._writing:
            self._drawn = []

    def _transitions(self, rows: list[Row]) -> None:
        for row in rows:
            if self._stages.get(row.member) != row.stage:
                self._stages[row.member] = row.stage
                self._stream.write(f"{self.elapsed}    {line(row.cells)}\n")
        self._stream.flush()

    def _erase(self) -> None:
        if self._drawn:
            # ECMA-48: cursor up (CUU), then erase to the end of the screen (ED).
            self._stream.write(f"\x1b[{len(self._drawn)}F\x1b[J")

    def _paint(self) -> None:
        self._stream.write("".join(f"{text}\n" for text in self._drawn))
        self._stream.flush()
