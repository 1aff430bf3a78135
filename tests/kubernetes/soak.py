"""Random faults, one after the other, while a client writes; after each one the cluster must be complete again.

A seed gives the same faults in the same order again; their effect also depends on the machine.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from images.running import say
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import SET, Database
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError

PATIENCE_S = 420.0
"""How long recovery from a fault may take; the kubelet waits up to five minutes before it starts a container again."""

SIZES = (3, 4, 5)
"""Sizes for a set; with fewer members than REPLICAS it would wait for the others after an outage."""


@dataclass
class Soak:
    """A database, and the faults that it has to survive."""

    cluster: Cluster
    database: Database
    dice: random.Random
    size: int = 3
    """How many members there should be."""
    times: Times = field(default_factory=Times)
    """How long the recovery from each fault took."""

    def run(self, seconds: float) -> int:
        """Cause faults for so long; returns how many.  Raises ClusterError at the first without recovery."""
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            count += 1
            name = self.dice.choice(list(FAULTS))
            try:
                self.inject(name, FAULTS[name])
            except ClusterError as exc:
                raise ClusterError(f"fault {count}, {name}: {exc}") from exc
            rows = self.database.count_acknowledged()
            say(f"{count}: {name}: {self.size} members, all {rows} acknowledged rows are there")
        return count

    def inject(self, name: str, fault: "Fault") -> None:
        """Cause one fault while a client writes, and check all rows that were ever acknowledged."""
        with self.database.writer():
            self.database.wait_acknowledged(20)
            with self.times.measure(name):
                fault(self)
                self.database.wait_synced(self.size, seconds=PATIENCE_S)
            self.database.wait_acknowledged(5)
        if complaints := self.database.judge().complaints:
            raise ClusterError("; ".join(complaints))

    def pod(self) -> str:
        """The name of a random member."""
        return f"mysql-{self.dice.randrange(self.size)}"

    def kill(self, container: str, pods: list[str]) -> None:
        """Send SIGKILL to the containers with this name, and wait until they were started again."""
        before = {pod: count for pod, count in self.database.restarts().items() if pod in pods}
        found = self.database.containers(container)
        self.cluster.nodes[0].kill(found[pod] for pod in pods)
        self.database.wait_restarts(before, seconds=PATIENCE_S)

    def all(self) -> list[str]:
        """The names of all members."""
        return [f"mysql-{ordinal}" for ordinal in range(self.size)]


Fault = Callable[[Soak], None]


def delete_one(soak: Soak) -> None:
    """Delete one pod by force; the API server forgets it at once."""
    soak.database.kubectl("delete", "pod", soak.pod(), "--force", "--grace-period=0", "--wait=false")


def delete_all(soak: Soak) -> None:
    """Delete all pods by force."""
    soak.database.delete_all_pods()


def kill_server(soak: Soak) -> None:
    """Kill one server, as the kernel does when memory runs out."""
    soak.kill("mysql", [soak.pod()])


def kill_servers(soak: Soak) -> None:
    """Kill all servers at once."""
    soak.kill("mysql", soak.all())


def kill_agents(soak: Soak) -> None:
    """Kill all agents; the servers go on."""
    soak.kill("agent", soak.all())


def lose_volume(soak: Soak) -> None:
    """Give one member an empty volume."""
    soak.database.replace_volume(soak.pod())


def scale(soak: Soak) -> None:
    """Change the number of members; wait until no agent would wait for removed members in an outage."""
    soak.size = soak.dice.choice(SIZES)
    soak.database.scale(soak.size)
    soak.database.wait_synced(soak.size, seconds=PATIENCE_S)
    soak.database.wait_expected(soak.size)


def through_one(soak: Soak) -> None:
    """Scale to one member and back."""
    soak.database.scale(1)
    soak.database.wait_synced(1, seconds=PATIENCE_S)
    soak.database.scale(soak.size)


def stop_and_start(soak: Soak) -> None:
    """Scale to zero and back, to as many members as before or more."""
    soak.database.scale(0)
    soak.size = soak.dice.choice([size for size in SIZES if size >= soak.size])
    soak.database.scale(soak.size)


def cut_power(soak: Soak) -> None:
    """Cut the power of the node, and switch it on again."""
    before = soak.database.restarts()
    node = soak.cluster.nodes[0]
    node.down()
    node.up(soak.cluster.control, bound=True)
    soak.database.wait_restarts(before, seconds=PATIENCE_S)


def roll(soak: Soak) -> None:
    """Restart all members in turn, as an update does."""
    soak.database.kubectl("rollout", "restart", SET)
    soak.database.kubectl("rollout", "status", SET, f"--timeout={PATIENCE_S:.0f}s", seconds=PATIENCE_S)


FAULTS: Mapping[str, Fault] = {
    "one pod deleted by force": delete_one,
    "all pods deleted by force": delete_all,
    "one server killed": kill_server,
    "all servers killed": kill_servers,
    "all agents killed": kill_agents,
    "a volume lost": lose_volume,
    "scaled": scale,
    "scaled to one and back": through_one,
    "scaled to zero and back": stop_and_start,
    "power of the node cut": cut_power,
    "rolling restart": roll,
}
