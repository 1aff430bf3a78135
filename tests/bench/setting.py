"""A program to measure, its name server, and the Service whose pods it looks for."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dns.knot import Knot, numbered_pods, pods

MOST_IN_ONE_ANSWER = 1000
"""About so many pods fit into one DNS message; beyond that each is asked for by its number (docs/peer-finder.md)."""

SPARE = 10
"""The number of pods that may be added to the Service later."""


@dataclass(frozen=True)
class Setting:
    """The parameters of all measurements."""

    knot: Knot
    command: list[str]
    """The program to measure."""
    count: int
    """The number of peers."""

    def publish(self, names: Iterable[str]) -> None:
        """Give the Service these pods."""
        known = numbered_pods(self.count + SPARE)
        self.knot.publish(pods("galera", {name: known[name] for name in names}))

    @property
    def give_up(self) -> float:
        """Seconds; a program that does not end or print within this time counts as one that never does."""
        return 15.0 if self.count <= MOST_IN_ONE_ANSWER else 120.0

    @property
    def names(self) -> list[str]:
        """The names of the Service's pods, our own first."""
        return list(numbered_pods(self.count))

    @contextmanager
    def run(self, *arguments: str, log: Path = Path(os.devnull)) -> Iterator[subprocess.Popen[str]]:
        """Run the program, and kill it at the end of the block."""
        many = [f"-max-pods={self.count + SPARE}"] if self.count > MOST_IN_ONE_ANSWER else []
        with log.open("ab") as err:
            process = subprocess.Popen(
                [*self.command, "-service=galera", *many, *arguments],
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
