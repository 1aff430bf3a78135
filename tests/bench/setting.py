"""A program under test, the name server that it asks, and the Service that it asks for."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dns.knot import Knot, numbered_pods, pods

SPARE = 10
"""So many more pods than there are at first may come."""


@dataclass(frozen=True)
class Setting:
    """What every measure gets."""

    knot: Knot
    words: list[str]
    """The program under test."""
    count: int
    """Peers."""

    def publish(self, names: Iterable[str]) -> None:
        """Give the Service these pods."""
        known = numbered_pods(self.count + SPARE)
        self.knot.publish(pods("galera", {name: known[name] for name in names}))

    @property
    def names(self) -> list[str]:
        """The pods of the Service, ours first."""
        return list(numbered_pods(self.count))

    @contextmanager
    def started(self, *words: str, log: Path = Path(os.devnull)) -> Iterator[subprocess.Popen[str]]:
        """Run the program, and kill what is left of it at the end."""
        with log.open("ab") as err:
            process = subprocess.Popen(
                [*self.words, "-service=galera", *words],
                env={"PATH": os.environ["PATH"], "POD_NAMESPACE": "default", "POD_IP": "127.0.0.1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )
        with process:
            try:
                yield process
            finally:
                process.kill()
