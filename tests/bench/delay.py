"""How soon a change is seen at different polling intervals: many processes of a program ask at different moments.

Each change gives one measurement for each process, so that a mean takes minutes and not an hour.
"""

import os
import selectors
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from subprocess import Popen
from time import monotonic, sleep

from tests.bench.setting import Setting

PROCESSES = 12

CHANGES = 4

STEADY_INTERVALS = 6
"""The number of intervals after a change until the process asks at its steady rate again."""

WATCHED = 20.0
"""The seconds before a change in which the queries are counted."""

HOOKS = ("-on-start=echo hook", "-on-change=echo hook")


def measure(programs: Mapping[str, tuple[Setting, Sequence[str], float]]) -> str:
    """Measure each program with its own arguments and interval (seconds); returns a table in Markdown."""
    lines = [
        "| program | questions a second | change to on-change, mean s | min | max | n | load |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (setting, arguments, interval) in programs.items():
        delays, rate = measure_program(setting, arguments, interval)
        values = [f"{value:.2f}" for value in (rate, statistics.mean(delays), min(delays), max(delays))]
        lines.append(f"| {name} | {' | '.join(values)} | {len(delays)} | {os.getloadavg()[0]:.1f} |")
    return "\n".join(lines)


def measure_program(setting: Setting, arguments: Sequence[str], interval: float) -> tuple[list[float], float]:
    """Return the delays of all processes after all changes (seconds), and each process's queries a second."""
    setting.publish(setting.names)
    delays, rates = [], []
    with ExitStack() as stack:
        processes = []
        for _ in range(PROCESSES):
            processes.append(stack.enter_context(setting.run(*arguments, *HOOKS)))
            sleep(interval / PROCESSES)
        _wait_for_lines(processes)
        for number in range(CHANGES):
            sleep(STEADY_INTERVALS * interval)
            asked, since = setting.knot.questions(), monotonic()
            # A change must not come at the same moment of every process's interval.
            sleep(WATCHED + interval * number / CHANGES)
            rates.append((setting.knot.questions() - asked) / (monotonic() - since) / PROCESSES)
            setting.publish([*setting.names, *(f"mysql-{setting.count + extra}" for extra in range(number + 1))])
            delays += _wait_for_lines(processes)
    return delays, statistics.mean(rates)


def _wait_for_lines(processes: Sequence[Popen[str]]) -> list[float]:
    """Wait until each process has printed its next line; returns the seconds."""
    began, delays = monotonic(), []
    with selectors.DefaultSelector() as selector:
        for process in processes:
            selector.register(process.stdout or 0, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                delays.append(monotonic() - began)
                if not key.fileobj.readline():  # type: ignore[union-attr]
                    raise RuntimeError("a program ended instead of seeing a change")
                selector.unregister(key.fileobj)
    return delays
