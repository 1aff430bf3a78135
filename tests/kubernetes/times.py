"""Records how long steps took."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Times:
    """The seconds of each step, which may happen several times."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Measure the time of a block; one that fails does not count."""
        begin = time.monotonic()
        yield
        self.seconds[what].append(time.monotonic() - begin)

    def note(self, what: str, seconds: float) -> None:
        """Add a time that was measured elsewhere."""
        self.seconds[what].append(seconds)

    def table(self) -> str:
        """The times as a Markdown table."""
        lines = ["| what | times | min s | median s | max s |", "|---|---|---|---|---|"]
        for what, seconds in self.seconds.items():
            figures = (min(seconds), statistics.median(seconds), max(seconds))
            lines.append(f"| {what} | {len(seconds)} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
        return "\n".join(lines)
