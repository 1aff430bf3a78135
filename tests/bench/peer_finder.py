"""Measurements of the whole process peer-finder with a real name server: `python -m tests.bench.peer_finder`.

Other programs can be compared, such as `--command go=/path/peer-finder`, or with `--image` that of the tool image.
They are measured alternately, round by round, with the same arguments, because figures of two runs on a shared machine
cannot be compared. This needs root: in their own namespaces, the programs find port 53, resolv.conf and the host name
as in a pod.
"""

import argparse
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from images.build import ensure_id
from tests.bench import delay
from tests.bench.setting import Setting
from tests.dns.knot import Knot

OURS = f"ours={Path(sys.executable).with_name('peer-finder')}"

STEADY_AFTER = 6.0
"""Seconds after a change until the program asks at its steady rate again."""

WATCHED = 20.0
"""Seconds for which the steady state is measured."""

RESOLV_CONF = (
    "nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
)


def measure_exit(setting: Setting) -> float:
    """Measure from the start to the exit of an init container, ms."""
    setting.publish(setting.names)
    began = monotonic()
    with setting.run("-on-start=true") as process:
        # Popen.wait with a timeout polls the child, at intervals of up to 50 ms.
        ended = os.pidfd_open(process.pid)
        ready, _, _ = select.select([ended], [], [], setting.give_up)
        took = (monotonic() - began) * 1000
        os.close(ended)
        return took if ready else float("inf")


def measure_cpu(setting: Setting) -> float:
    """Measure the CPU time of a whole run with its hook, ms; other load changes it very little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if measure_exit(setting) == float("inf"):
        return float("inf")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def measure_first_hook(setting: Setting) -> float:
    """Measure from the moment when the pod's own record is there to the first hook, ms."""
    setting.publish(setting.names[1:])
    with setting.run("-on-start=echo hook") as process:
        sleep(1.5)
        setting.publish(setting.names)
        return _wait_for_line(process, setting)


def measure_change(setting: Setting) -> float:
    """Measure from a change to on-change, ms."""
    setting.publish(setting.names)
    with setting.run("-on-start=echo hook", "-on-change=echo hook") as process:
        _wait_for_line(process, setting)
        sleep(1.3 + (os.getpid() + monotonic()) % 1)
        setting.publish([*setting.names, f"mysql-{setting.count}"])
        return _wait_for_line(process, setting)


def measure_steady(setting: Setting) -> tuple[float, float, float, float]:
    """Measure the steady state: RSS in KiB, CPU in ms/s, queries/s, log octets/s."""
    setting.publish(setting.names)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with setting.run("-on-start=echo hook", "-on-change=echo hook", log=log) as process:
            _wait_for_line(process, setting)
            sleep(STEADY_AFTER)
            before = (_read_cpu(process.pid), setting.knot.questions(), log.stat().st_size, monotonic())
            sleep(WATCHED)
            after = (_read_cpu(process.pid), setting.knot.questions(), log.stat().st_size, monotonic())
            cpu, queries, octets, seconds = (new - old for old, new in zip(before, after, strict=True))
            return _read_rss(process.pid), cpu * 1000 / seconds, queries / seconds, octets / seconds


STEADY = ("steady RSS, KiB", "steady CPU, ms/s", "questions/s", "log octets/s")

TIMED: dict[str, Callable[[Setting], float]] = {
    "start to exit, ms": measure_exit,
    "start to exit, CPU ms": measure_cpu,
    "own record to on-start, ms": measure_first_hook,
    "change to on-change, ms (2 s after the first hook)": measure_change,
}


def _wait_for_line(process: subprocess.Popen[str], setting: Setting) -> float:
    stream, began = process.stdout, monotonic()
    if stream is None or not select.select([stream], [], [], setting.give_up)[0] or not stream.readline():
        return float("inf")
    return (monotonic() - began) * 1000


def _read_rss(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line for line in status if line.startswith("VmRSS")).split()[1])


def _read_cpu(pid: int) -> float:
    """Read a process's CPU time without its children, in seconds, from the scheduler: finer than ticks of 10 ms."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def measure(knot: Knot, commands: dict[str, list[str]], count: int, rounds: int) -> None:
    """Measure all commands alternately and print the table of all figures."""
    figures: dict[tuple[str, str], list[float]] = {}
    settings = {name: Setting(knot, command, count) for name, command in commands.items()}
    for number in range(rounds):
        print(f"{count} peers, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for figure, take in TIMED.items():
            for name, setting in settings.items():
                figures.setdefault((figure, name), []).append(take(setting))
    print(f"{count} peers, the steady state", file=sys.stderr, flush=True)
    for name, setting in settings.items():
        for figure, value in zip(STEADY, measure_steady(setting), strict=True):
            figures.setdefault((figure, name), []).append(value)
    print(f"\n{count} peers, n = {rounds}, load {os.getloadavg()[0]:.1f}\n")
    print(f"| figure | {' | '.join(commands)} |\n|---|{'---|' * len(commands)}")
    for figure in [*TIMED, *STEADY]:
        print(f"| {figure} | {' | '.join(_format_values(figures[figure, name]) for name in commands)} |", flush=True)


def _format_values(values: list[float]) -> str:
    """Write one value, or the median and the extremes of several; a program that never ends has infinite values."""
    if len(values) == 1:
        return f"{values[0]:.1f}" if values[0] < 100 else f"{values[0]:.0f}"
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def measure_delays(knot: Knot, commands: dict[str, list[str]]) -> None:
    """Print how soon a change is seen: by each program as it is, and by ours with other intervals."""
    settings = {name: Setting(knot, command, 3) for name, command in commands.items()}
    ours = next(iter(settings.values()))
    rows: dict[str, tuple[Setting, list[str], float]] = {name: (setting, [], 1.0) for name, setting in settings.items()}
    more = {f"ours, -interval={text}": (ours, [f"-interval={text}"], float(text)) for text in ("0.2", "5")}
    print(f"\n{delay.measure(rows | more)}", flush=True)


def _make_pod(folder: Path) -> None:
    """Set up loopback, host name, hosts and resolv.conf as in a pod, inside the namespaces that `main` makes."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    socket.sethostname("mysql-0")
    for name, text in (("resolv.conf", RESOLV_CONF), ("hosts", "127.0.0.1 localhost mysql-0\n")):
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True)


def _make_image_option() -> list[str]:
    """Mount the tool image, which stays mounted; returns the option that adds its program."""
    mounted = subprocess.run(
        ["podman", "image", "mount", ensure_id("galera-install")], stdout=subprocess.PIPE, text=True, check=True
    )
    return ["--command", f"image={mounted.stdout.strip()}/opt/galera-tools/peer-finder"]


def main(arguments: list[str]) -> None:
    """Run the measurements inside new namespaces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", action="append", metavar="NAME=PROGRAM", help="another program to measure")
    parser.add_argument("--peers", type=int, action="append", help="size of the Service; default 3, and 1000")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--image", action="store_true", help="also measure the program of the tool image")
    parser.add_argument(
        "--no-delays", action="store_true", help="do not measure how soon a change is seen (ten minutes)"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if not chosen.inside:
        arguments = [*arguments, *_make_image_option()] if chosen.image else arguments
        inside = [sys.executable, "-m", "tests.bench.peer_finder", "--inside", *arguments]
        sys.exit(subprocess.run(["unshare", "--net", "--mount", "--uts", *inside], check=False).returncode)
    pairs = [text.partition("=") for text in [OURS, *(chosen.command or [])]]
    with tempfile.TemporaryDirectory() as folder:
        _make_pod(Path(folder))
        with Knot(Path(folder) / "knot", port=53) as knot:
            commands = {name: program.split() for name, _, program in pairs}
            for count in chosen.peers or [3, 1000]:
                measure(knot, commands, count, chosen.rounds)
            if not chosen.no_delays:
                measure_delays(knot, commands)


if __name__ == "__main__":
    main(sys.argv[1:])
