"""Full outage of three, and the first start: this toolkit beside a script that knows the right node, in turn.

The script is the oracle: it recovers on all three at once, starts the known winner, and starts the joiners as soon as
that one is Primary; at the first start it makes the database on the first one instead.  It decides nothing and asks
nobody; nothing safe can be faster by much.
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
from tests.lab import machine, processes
from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.lab.writer import Writer


class Times(NamedTuple):
    """What a recovery took, seconds, from the start of the last pod."""

    primary: float
    """To the first Primary."""
    synced: float
    """To three Synced."""
    again: int = 0
    """How often a container was started more than once."""


def ours(lab: Lab) -> Times:
    """Start all pods."""
    before, began = starts(lab), time.monotonic()
    lab.start_all()
    times = seconds_of(lab, began)
    return times._replace(again=sum(after - before[name] - 1 for name, after in starts(lab).items()))


def starts(lab: Lab) -> dict[str, int]:
    """How often each container was started so far."""
    return {f"{pod.name}/{name}": c.starts for pod in lab.pods.values() for name, c in pod.containers.items()}


def oracle(lab: Lab) -> Times:
    """The same for the script that knows."""
    began = time.monotonic()
    pods = list(lab.pods.values())
    with ThreadPoolExecutor(3) as threads:
        positions = dict(zip(pods, threads.map(recovered, pods), strict=True))
    winner = max(pods, key=lambda pod: positions[pod].seqno)
    prepare.prepare_bootstrap(Layout(winner.folders.volume), positions[winner])
    run(winner, f"--wsrep_start_position={positions[winner]}", "--wsrep-new-cluster")
    lab.wait_primary()
    for pod in pods:
        if pod is not winner:
            disk = Disk(DataClass.CRASHED, positions[pod])
            prepare.clean_for_join(Layout(pod.folders.volume), disk)
            run(pod, f"--wsrep_start_position={positions[pod]}")
    return seconds_of(lab, began)


def first_oracle(lab: Lab) -> Times:
    """The first start from nothing for the script that knows: one makes the database, the others get it."""
    began = time.monotonic()
    first, *others = lab.pods.values()
    for pod in lab.pods.values():
        (pod.folders.volume / "meta").mkdir(parents=True)
    create = (sys.executable, "-m", "tests.bench.create", first.folders.volume, first.folders.secrets)
    subprocess.run(machine.as_pod(tuple(map(str, create))), env=first.env, check=True, stdout=subprocess.DEVNULL)
    run(first, "--wsrep-new-cluster")
    lab.wait_primary()
    for pod in others:
        (pod.folders.volume / "data").mkdir(mode=0o700)
        run(pod)
    return seconds_of(lab, began)


def seconds_of(lab: Lab, began: float) -> Times:
    """Wait for the first Primary and for three Synced."""
    lab.wait_primary()
    primary = time.monotonic() - began
    lab.wait_synced(3)
    return Times(primary, time.monotonic() - began)


def recovered(pod: Pod) -> Position:
    """The position that the server itself recovers."""
    command = machine.as_pod(("mariadbd", f"--defaults-file={cnf(pod)}"))
    found = Recover(command).run(Layout(pod.folders.volume).data)
    assert found is not None
    return found


def run(pod: Pod, *options: str) -> None:
    """Start a server of a pod's volume in the background; the lab's kill ends it."""
    command = ("mariadbd", f"--defaults-file={cnf(pod)}", *options)
    with (pod.folders.logs / "oracle.log").open("ab") as log:
        subprocess.Popen(
            machine.as_pod(command),
            env={**pod.env, processes.MARK: f"{pod.mark}/mysql"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def cnf(pod: Pod) -> Path:
    """The configuration that the toolkit wrote."""
    return pod.folders.config / "my-galera.cnf"


def fill(lab: Lab, megabytes: int) -> None:
    """Data that lie there, as most of a database's do; a row is a megabyte."""
    table = f"{lab.layout.secret('database')}.ballast"
    lab.sql(0, f"CREATE TABLE {table} (id INT PRIMARY KEY, body LONGBLOB) ENGINE=InnoDB", seconds=60)
    for number in range(megabytes):
        lab.sql(0, f"INSERT INTO {table} VALUES ({number}, REPEAT(RANDOM_BYTES(1024), 1024))", seconds=60)


def measure(rounds: int, megabytes: int = 0) -> str:
    """Power cuts under a writer, recovered in turn, with so much data beside its rows; a table in Markdown."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ways: dict[str, Callable[[Lab], Times]] = {"galera-bootstrap": ours, "oracle": oracle}
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
    return table("recovery of 3", seconds)


def measure_first(rounds: int) -> str:
    """First starts of three on empty volumes, in turn; a table in Markdown."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ways: dict[str, Callable[[Lab], Times]] = {"galera-bootstrap": ours, "oracle": first_oracle}
    seconds: dict[str, list[Times]] = {name: [] for name in ways}
    with Lab() as lab:
        # Once for the configurations, which the script does not write.
        lab.up(3)
        lab.wait_synced(3)
        for number in range(rounds):
            for name, start in ways.items():
                lab.kill_everything()
                for pod in lab.pods.values():
                    pod.wipe_volume()
                seconds[name].append(times := start(lab))
                print(f"round {number + 1} of {rounds}, first start, {name}: {times.synced:.1f} s", flush=True)
    return table("first start of 3", seconds)


def table(title: str, seconds: dict[str, list[Times]]) -> str:
    """Medians, extremes and the ratio of the medians."""
    load = os.getloadavg()[0]
    lines = [
        f"| {title} | n | first Primary s (median) | 3 Synced s (min / median / max) | containers started again |",
        "|---|---|---|---|---|",
    ]
    for name, times in seconds.items():
        synced = [t.synced for t in times]
        spread = f"{min(synced):.1f} / {statistics.median(synced):.1f} / {max(synced):.1f}"
        primary = statistics.median(t.primary for t in times)
        lines.append(f"| {name} | {len(times)} | {primary:.1f} | {spread} | {sum(t.again for t in times)} |")
    first, second = (statistics.median(t.synced for t in times) for times in seconds.values())
    pairs = [a.synced / b.synced for a, b in zip(*seconds.values(), strict=True)]
    lines.append(
        f"\nRatio of the medians {first / second:.2f}, of pairs {statistics.median(pairs):.2f}; load {load:.1f}."
    )
    return "\n".join(lines)


def main() -> None:
    """Measure all three."""
    print(measure(rounds=5), flush=True)
    print("With 1 GB of data:\n", flush=True)
    print(measure(rounds=3, megabytes=1024), flush=True)
    print(measure_first(rounds=5), flush=True)


if __name__ == "__main__":
    main()
