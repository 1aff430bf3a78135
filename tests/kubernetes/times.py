"""How long things took."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Times:
    """Seconds of each thing, which may happen several times."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Take the time of a block; one that fails does not count."""
        begin = time.monotonic()
        yield
        self.seconds[what].append(time.monotonic() - begin)

    def note(self, what: str, seconds: float) -> None:
        """A time that was taken elsewhere."""
        self.seconds[what].append(seconds)

    def table(self) -> str:
        """Markdown."""
        lines = ["| what | times | min s | median s | max s |", "|---|---|---|---|---|"]
        for what, seconds in self.seconds.items():
            figures = (min(seconds), statistics.median(seconds), max(seconds))
            lines.append(f"| {what} | {len(seconds)} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
        return "\n".join(lines)
