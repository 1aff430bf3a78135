"""Where a soak causes its faults: a lab, its number of members, and the dice of the round."""

import time
from dataclasses import dataclass
from random import Random

from tests.lab.lab import Lab
from tests.lab.pod import Pod

PATIENCE = 300.0
"""Seconds that a recovery may take."""


@dataclass
class Site:
    """A lab, and the number of members that it should have."""

    lab: Lab
    dice: Random
    size: int = 3

    @property
    def ordinals(self) -> list[int]:
        return list(range(self.size))

    def draw_pod(self) -> Pod:
        """Draw a member."""
        return self.lab.pod(self.dice.randrange(self.size))

    def sleep_up_to(self, seconds: float) -> None:
        """Sleep for a random time."""
        time.sleep(self.dice.uniform(0, seconds))

    def cut_power(self) -> None:
        """Kill everything at once, then start all pods in a random order, with a random gap."""
        self.lab.kill_everything()
        self.lab.start_all(self.dice.sample(self.ordinals, self.size), gap=self.dice.choice((0.0, 0.3, 2.0)))

    def lose_node(self, pod: Pod) -> None:
        """Cut the power of a pod, and wait until the others go on without it."""
        pod.power_off()
        self.lab.wait("the others go on without it", lambda: self.read_size() == self.size - 1, PATIENCE)

    def read_size(self) -> int:
        """Read the size of the largest Primary Component."""
        return max((s.cluster_size for s in self.lab.read_servers().values() if s and s.is_primary), default=0)
