"""Output for people: lines, and on a terminal a table below them that is redrawn.

In a file, a pipe or CI, a row is printed only when it changes, so that the output goes on and does not repeat itself.
"""

import shutil
import threading
import time
from typing import TextIO

from tests.lab.view import Row, format_line, format_table


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
        """Seconds since the start, for the beginning of a line."""
        return f"{time.monotonic() - self._began:6.1f} s"

    def print(self, text: str = "") -> None:
        """Print a line above the table."""
        with self._writing:
            self._erase()
            self._stream.write(f"{text}\n")
            self._paint()

    def print_timed(self, text: str) -> None:
        """Print a line that begins with the time."""
        self.print(f"{self.elapsed}  {text}")

    def draw(self, rows: list[Row]) -> None:
        """Draw the table with these rows."""
        with self._writing:
            if self._terminal:
                self._erase()
                # A line that wraps would take two lines, and only one would be erased.
                width = shutil.get_terminal_size().columns - 1
                self._drawn = ["", *(text[:width] for text in format_table(rows))]
                self._paint()
            else:
                self._print_transitions(rows)

    def freeze(self) -> None:
        """Leave the table as it is; the next one is drawn below it."""
        with self._writing:
            self._drawn = []

    def _print_transitions(self, rows: list[Row]) -> None:
        for row in rows:
            if self._stages.get(row.member) != row.stage:
                self._stages[row.member] = row.stage
                self._stream.write(f"{self.elapsed}    {format_line(row.cells)}\n")
        self._stream.flush()

    def _erase(self) -> None:
        if self._drawn:
            # ECMA-48: cursor up (CUU), then erase to the end of the screen (ED).
            self._stream.write(f"\x1b[{len(self._drawn)}F\x1b[J")

    def _paint(self) -> None:
        self._stream.write("".join(f"{text}\n" for text in self._drawn))
        self._stream.flush()
