"""What a larger cluster costs: a real agent of a pod in an outage, among simulated pods that answer like agents.

`python -m tests.bench.growth 9 50 100`.  The others are threads of another process, each at an address of its own: they
report a volume after a crash, seal as agents do, and promise.  DNS is the lab's, with five ports as in the manifests.
While one pod is missing the agent asks all others four times a second; that is what is measured.  Then the last one
comes, and the time until this pod is permitted to start the cluster is the decision's.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Phase, PodState
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.network import server
from bootstrap.network.protocol import Membership
from tests.bench.agent import read_cpu_ms, read_kib
from tests.lab import nameserver
from tests.lab.nameserver import Zone
from tests.support.bootstrap.machine import Machine, until
from tests.support.bootstrap.records import A

SETTLE_S = 10.0
MEASURED_S = 20.0


class Simulated:
    """A pod whose volume is behind that of the measured one."""

    def __init__(self, ordinal: int, members: int) -> None:
        disk = Disk(DataClass.CRASHED, Position(A, 5), detail="as found")
        volumes = tuple((one, f"volume-{one}") for one in range(members))
        expected = frozenset(range(members))
        self.state = PodState(
            *(f"galera-{ordinal}", ordinal, f"run-{ordinal}", f"volume-{ordinal}", Phase.FROZEN, disk),
            was_synced=True,
            epoch=1,
            expected=expected,
            volumes=volumes,
        )
        self.membership = Membership("c", (b"k" * 20,), self.state.pod, self.state.run_id)

    def promise(self, prepare: Prepare) -> Refusal | None:
        """Promise whatever is asked for."""
        self.state = replace(self.state, promise=prepare.promise)
        return None

    def serve(self, address: str, port: int) -> None:
        """Answer in the background."""
        listener = server.Server((address, port), self.membership, server.Answers(lambda: self.state, self.promise))
        threading.Thread(target=listener.serve_forever, daemon=True).start()


def address_of(ordinal: int) -> str:
    """Each pod has an address of its own, on loopback."""
    return f"127.0.{1 + ordinal // 200}.{1 + ordinal % 200}"


def serve_others(members: int, port: int) -> None:
    """Answer for all pods but the measured one; the last one begins with a line on stdin."""
    sys.setswitchinterval(0.001)  # as an agent does
    others = [Simulated(ordinal, members) for ordinal in range(1, members)]
    for one in others[:-1]:
        one.serve(address_of(one.state.ordinal), port)
    print("ready", flush=True)
    sys.stdin.readline()
    others[-1].serve(address_of(members - 1), port)
    print("ready", flush=True)
    signal.pause()


class Octets:
    """Counts what the name server answers."""

    def __init__(self) -> None:
        self.answers, self.sum = 0, 0
        self._encode = nameserver.encode_answer

    def encode(self, query: bytes, zone: Zone, *, limit: int | None) -> bytes | None:
        """As nameserver.encode_answer."""
        found = self._encode(query, zone, limit=limit)
        self.answers, self.sum = self.answers + 1, self.sum + len(found or b"")
        return found


def measure(members: int) -> dict[str, float]:
    """Measure one size."""
    octets = Octets()
    nameserver.encode_answer = octets.encode
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder) / "pod", replicas=members, address=address_of(0))
        command = (sys.executable, "-m", "tests.bench.growth", "serve", str(members), str(machine.port))
        others = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            return _measure(machine, others, members, octets)
        finally:
            others.kill()
            others.communicate()
            machine.close()


def _measure(machine: Machine, others: "subprocess.Popen[str]", members: int, octets: Octets) -> dict[str, float]:
    assert others.stdin is not None
    assert others.stdout is not None
    for ordinal in range(1, members):
        machine.dns.publish(f"galera-{ordinal}", address_of(ordinal))
    others.stdout.readline()
    machine.database(seqno=-1)
    agent = machine.agent()
    machine.start()
    until(lambda: machine.phase() == "frozen", "the report of this pod's disk")
    time.sleep(SETTLE_S)
    cpu, began, dns, answers = read_cpu_ms(agent.pid), time.monotonic(), octets.sum, octets.answers
    time.sleep(MEASURED_S)
    took = time.monotonic() - began
    found = {
        "CPU while it waits, ms/s": (read_cpu_ms(agent.pid) - cpu) / took,
        "resident memory, KiB": read_kib(agent.pid, "status", "VmRSS"),
        "DNS: questions a second": (octets.answers - answers) / took,
        "DNS: answers, kB/s": (octets.sum - dns) / took / 1000,
    }
    others.stdin.write("\n")
    others.stdin.flush()
    others.stdout.readline()
    came = time.monotonic()
    until(machine.arguments.exists, "the start of the server")
    return {**found, "the last pod answers, to the start of the server, s": time.monotonic() - came}


def main(sizes: list[int]) -> None:
    """Print the table."""
    found = {size: measure(size) for size in sizes}
    print(f"| members | {' | '.join(map(str, sizes))} |\n|---|{'---|' * len(sizes)}")
    for name in found[sizes[0]]:
        print(f"| {name} | {' | '.join(f'{found[size][name]:.1f}' for size in sizes)} |")
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve_others(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(word) for word in sys.argv[1:]])
