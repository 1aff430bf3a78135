"""Figures of peer-finder as a whole process, against a real name server: `python -m tests.bench.peer_finder`.

Another program can be put beside it: `--command go=/path/peer-finder`; both are measured in turn, round by round,
with the same words, since figures of two runs on a shared machine cannot be compared.
Needs root: both find port 53, resolv.conf and the host name as in a pod, inside namespaces of their own.
"""

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests.dns.knot import Knot, numbered_pods, pods

OURS = f"ours={Path(sys.executable).with_name('peer-finder')}"

GIVE_UP = 15.0
"""A program that does not end by itself, or says nothing, within this time never does. Seconds."""

WATCHED = 10.0
"""For so long the steady state is watched, seconds."""

RESOLV_CONF = (
    "nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
)


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
        known = numbered_pods(self.count + 1)
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


def start_to_exit(setting: Setting) -> float:
    """Measure from the start to the exit of an init container, ms."""
    setting.publish(setting.names)
    began = monotonic()
    with setting.started("-on-start=true") as process:
        try:
            process.wait(GIVE_UP)
        except subprocess.TimeoutExpired:
            return float("inf")
        return (monotonic() - began) * 1000


def cpu_to_exit(setting: Setting) -> float:
    """Measure the CPU time of a whole run, its hook included, ms; other load hardly changes it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if start_to_exit(setting) == float("inf"):
        return float("inf")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def record_to_hook(setting: Setting) -> float:
    """Measure from our own record's appearance to the first hook, ms."""
    setting.publish(setting.names[1:])
    with setting.started("-on-start=echo hook") as process:
        sleep(1.5)
        setting.publish(setting.names)
        return _until_output(process, monotonic())


def change_to_hook(setting: Setting) -> float:
    """Measure from a change to on-change, ms."""
    setting.publish(setting.names)
    with setting.started("-on-start=echo hook", "-on-change=echo hook") as process:
        _until_output(process, monotonic())
        sleep(1.3 + (os.getpid() + monotonic()) % 1)
        setting.publish([*setting.names, f"mysql-{setting.count}"])
        return _until_output(process, monotonic())


def steady(setting: Setting) -> tuple[float, float, float, float]:
    """Watch the steady state: RSS in KiB, CPU in ms/s, questions/s, log octets/s."""
    setting.publish(setting.names)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with setting.started("-on-start=echo hook", "-on-change=echo hook", log=log) as process:
            _until_output(process, monotonic())
            sleep(2)
            before = (_cpu(process.pid), setting.knot.questions(), log.stat().st_size, monotonic())
            sleep(WATCHED)
            after = (_cpu(process.pid), setting.knot.questions(), log.stat().st_size, monotonic())
            cpu, asked, octets, seconds = (new - old for old, new in zip(before, after, strict=True))
            return _rss(process.pid), cpu * 1000 / seconds, asked / seconds, octets / seconds


STEADY = ("steady RSS, KiB", "steady CPU, ms/s", "questions/s", "log octets/s")

TIMED: dict[str, Callable[[Setting], float]] = {
    "start to exit, ms": start_to_exit,
    "start to exit, CPU ms": cpu_to_exit,
    "own record to on-start, ms": record_to_hook,
    "change to on-change, ms": change_to_hook,
}


def _until_output(process: subprocess.Popen[str], began: float) -> float:
    stream = process.stdout
    if stream is None or not stream.readline():
        return float("inf")
    return (monotonic() - began) * 1000


def _rss(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line for line in status if line.startswith("VmRSS")).split()[1])


def _cpu(pid: int) -> float:
    """Give the CPU time of a process without its children, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(knot: Knot, commands: dict[str, list[str]], count: int, rounds: int) -> None:
    """Print the table: each figure of each command, taken in turn."""
    figures: dict[tuple[str, str], list[float]] = {}
    settings = {name: Setting(knot, words, count) for name, words in commands.items()}
    for _ in range(rounds):
        for figure, take in TIMED.items():
            for name, setting in settings.items():
                figures.setdefault((figure, name), []).append(take(setting))
    for name, setting in settings.items():
        for figure, value in zip(STEADY, steady(setting), strict=True):
            figures.setdefault((figure, name), []).append(value)
    print(f"\n{count} peers\n\n| figure | command | median | min | max | n | load |\n|---|---|---|---|---|---|---|")
    for (figure, name), values in figures.items():
        told = [f"{value:.1f}" for value in (statistics.median(values), min(values), max(values))]
        print(f"| {figure} | {name} | {' | '.join(told)} | {len(values)} | {os.getloadavg()[0]:.1f} |")


def _as_in_a_pod(folder: Path) -> None:
    """Be a pod: own loopback, host name and resolv.conf. Only inside the namespaces that main makes."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    socket.sethostname("mysql-0")
    conf = folder / "resolv.conf"
    conf.write_text(RESOLV_CONF)
    subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)


def main(words: list[str]) -> None:
    """Measure, inside new namespaces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", action="append", metavar="NAME=PROGRAM", help="one more program to measure")
    parser.add_argument("--peers", type=int, action="append", help="size of the Service; default 3")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    if not chosen.inside:
        again = [sys.executable, "-m", "tests.bench.peer_finder", "--inside", *words]
        sys.exit(subprocess.run(["unshare", "--net", "--mount", "--uts", *again], check=False).returncode)
    pairs = [text.partition("=") for text in [OURS, *(chosen.command or [])]]
    with tempfile.TemporaryDirectory() as folder:
        _as_in_a_pod(Path(folder))
        with Knot(Path(folder) / "knot", port=53) as knot:
            for count in chosen.peers or [3]:
                measure(knot, {name: program.split() for name, _, program in pairs}, count, chosen.rounds)


if __name__ == "__main__":
    main(sys.argv[1:])
