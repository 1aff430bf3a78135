"""Full outage of three members, and the first start: this toolkit, alternately with a script that knows the right node.

The script is the oracle: it recovers the positions on all three at once, starts the most advanced pod, and starts the
joiners as soon as that pod is Primary. At the first start it creates the database on the first pod instead.
It decides nothing and asks no other pod; no safe program can be much faster.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.datadir import prepare
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout
from tests.lab import processes, user
from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.lab.writer import Writer


class Times(NamedTuple):
    """The seconds of a recovery from the start of the last pod."""

    primary: float
    """To the first Primary."""
    synced: float
    """To three Synced."""
    restarts: int = 0
    """How often a container was started again."""


def recover_by_toolkit(lab: Lab) -> Times:
    """Start all pods."""
    before, began = count_starts(lab), time.monotonic()
    lab.start_all()
    times = wait_for_times(lab, began)
    return times._replace(restarts=sum(after - before[name] - 1 for name, after in count_starts(lab).items()))


def count_starts(lab: Lab) -> dict[str, int]:
    """Count how often each container was started so far."""
    return {f"{pod.name}/{name}": c.starts for pod in lab.pods.values() for name, c in pod.containers.items()}


def recover_by_oracle(lab: Lab) -> Times:
    """Recover as the script does that knows the right node."""
    began = time.monotonic()
    pods = list(lab.pods.values())
    with ThreadPoolExecutor(3) as threads:
        positions = dict(zip(pods, threads.map(recover_position, pods), strict=True))
    first = max(pods, key=lambda pod: positions[pod].seqno)
    prepare.prepare_bootstrap(Layout(first.folders.volume), positions[first])
    start_server(first, f"--wsrep_start_position={positions[first]}", "--wsrep-new-cluster")
    lab.wait_primary()
    for pod in pods:
        if pod is not first:
            disk = Disk(DataClass.CRASHED, positions[pod])
            prepare.clean_for_join(Layout(pod.folders.volume), disk)
            start_server(pod, f"--wsrep_start_position={positions[pod]}")
    return wait_for_times(lab, began)


def start_by_oracle(lab: Lab) -> Times:
    """Make a first start as the script does: one pod creates the database, the others receive it."""
    began = time.monotonic()
    first, *others = lab.pods.values()
    for pod in lab.pods.values():
        (pod.folders.volume / "meta").mkdir(parents=True)
    create = (sys.executable, "-m", "tests.bench.create", first.folders.volume, first.folders.secrets)
    subprocess.run(user.wrap_for_pod(tuple(map(str, create))), env=first.env, check=True, stdout=subprocess.DEVNULL)
    start_server(first, "--wsrep-new-cluster")
    lab.wait_primary()
    for pod in others:
        (pod.folders.volume / "data").mkdir(mode=0o700)
        start_server(pod)
    return wait_for_times(lab, began)


def wait_for_times(lab: Lab, began: float) -> Times:
    """Wait for the first Primary and for three Synced."""
    lab.wait_primary()
    primary = time.monotonic() - began
    lab.wait_synced(3)
    return Times(primary, time.monotonic() - began)


def recover_position(pod: Pod) -> Position:
    """Let the server recover its position."""
    command = user.wrap_for_pod(("mariadbd", f"--defaults-file={find_cnf(pod)}"))
    found = Recover(command).run(Layout(pod.folders.volume).data)
    assert found is not None
    return found


def start_server(pod: Pod, *options: str) -> None:
    """Start a server with a pod's volume in the background; the lab's kill ends it."""
    command = ("mariadbd", f"--defaults-file={find_cnf(pod)}", *options)
    with (pod.folders.logs / "oracle.log").open("ab") as log:
        subprocess.Popen(
            user.wrap_for_pod(command),
            env={**pod.env, processes.MARK: f"{pod.mark}/mysql"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def find_cnf(pod: Pod) -> Path:
    """Return the path of the configuration that the toolkit wrote."""
    return pod.folders.config / "my-galera.cnf"


def fill(lab: Lab, megabytes: int) -> None:
    """Write data that nobody changes later, like most data of a database; each row has a megabyte."""
    table = f"{lab.layout.read_secret('database')}.ballast"
    lab.query(0, f"CREATE TABLE {table} (id INT PRIMARY KEY, body LONGBLOB) ENGINE=InnoDB", seconds=60)
    for number in range(megabytes):
        lab.query(0, f"INSERT INTO {table} VALUES ({number}, REPEAT(RANDOM_BYTES(1024), 1024))", seconds=60)


def measure(rounds: int, megabytes: int = 0) -> str:
    """Measure recoveries from power cuts under a writer, with so much other data; returns a table in Markdown."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ways: dict[str, Callable[[Lab], Times]] = {"galera-bootstrap": recover_by_toolkit, "oracle": recover_by_oracle}
    seconds: dict[str, list[Times]] = {name: [] for name in ways}
    with Lab() as lab:
        lab.up(3)
        lab.wait_synced(3)
        fill(lab, megabytes)
        for number in range(rounds):
            for name, recover in ways.items():
                with Writer(lab.layout, [pod.ip for pod in lab.pods.values()], lab.folder / "rows") as writer:
                    writer.wait_for(writer.count + 200)
                    lab.kill_everything()
                seconds[name].append(times := recover(lab))
                print(f"round {number + 1} of {rounds}, {name}: {times.synced:.1f} s", flush=True)
    return format_table("recovery of 3", seconds)


def measure_first(rounds: int) -> str:
    """Measure first starts of three pods with empty volumes; returns a table in Markdown."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ways: dict[str, Callable[[Lab], Times]] = {"galera-bootstrap": recover_by_toolkit, "oracle": start_by_oracle}
    seconds: dict[str, list[Times]] = {name: [] for name in ways}
    with Lab() as lab:
        # The first start writes the configurations, which the script needs and does not write.
        lab.up(3)
        lab.wait_synced(3)
        for number in range(rounds):
            for name, start in ways.items():
                lab.kill_everything()
                for pod in lab.pods.values():
                    pod.wipe_volume()
                seconds[name].append(times := start(lab))
                print(f"round {number + 1} of {rounds}, first start, {name}: {times.synced:.1f} s", flush=True)
    return format_table("first start of 3", seconds)


def format_table(title: str, seconds: dict[str, list[Times]]) -> str:
    """Write medians, extremes and the ratio of the medians."""
    load = os.getloadavg()[0]
    lines = [
        f"| {title} | n | first Primary s (median) | 3 Synced s (min / median / max) | containers started again |",
        "|---|---|---|---|---|",
    ]
    for name, times in seconds.items():
        synced = [t.synced for t in times]
        spread = f"{min(synced):.1f} / {statistics.median(synced):.1f} / {max(synced):.1f}"
        primary = statistics.median(t.primary for t in times)
        lines.append(f"| {name} | {len(times)} | {primary:.1f} | {spread} | {sum(t.restarts for t in times)} |")
    first, second = (statistics.median(t.synced for t in times) for times in seconds.values())
    pairs = [a.synced / b.synced for a, b in zip(*seconds.values(), strict=True)]
    lines.append(
        f"\nRatio of the medians {first / second:.2f}, of pairs {statistics.median(pairs):.2f}; load {load:.1f}."
    )
    return "\n".join(lines)


def main() -> None:
    """Measure recoveries with little and with much data, and first starts."""
    print(measure(rounds=5), flush=True)
    print("With 1 GB of data:\n", flush=True)
    print(measure(rounds=3, megabytes=1024), flush=True)
    print(measure_first(rounds=5), flush=True)


if __name__ == "__main__":
    main()
