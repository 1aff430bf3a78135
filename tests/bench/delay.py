"""How soon a change is seen, by how often is asked: many processes of a program, asking at different moments.

One change is a measurement of each process, so that a mean takes minutes and not an hour.
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
"""So many intervals after a change the pace is the steady one."""

WATCHED = 20.0
"""For so long the questions are counted before a change, seconds."""

HOOKS = ("-on-start=echo hook", "-on-change=echo hook")


def measure(programs: Mapping[str, tuple[Setting, Sequence[str], float]]) -> str:
    """Watch each program with its own words and interval (seconds); give a table in Markdown."""
    lines = [
        "| program | questions a second | change to on-change, mean s | min | max | n | load |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (setting, words, interval) in programs.items():
        delays, rate = watched(setting, words, interval)
        told = [f"{value:.2f}" for value in (rate, statistics.mean(delays), min(delays), max(delays))]
        lines.append(f"| {name} | {' | '.join(told)} | {len(delays)} | {os.getloadavg()[0]:.1f} |")
    return "\n".join(lines)


def watched(setting: Setting, words: Sequence[str], interval: float) -> tuple[list[float], float]:
    """Give the delays of all processes after all changes, seconds, and the questions a second of each process."""
    setting.publish(setting.names)
    delays, rates = [], []
    with ExitStack() as stack:
        processes = []
        for _ in range(PROCESSES):
            processes.append(stack.enter_context(setting.started(*words, *HOOKS)))
            sleep(interval / PROCESSES)
        _outputs(processes)
        for number in range(CHANGES):
            sleep(STEADY_INTERVALS * interval)
            asked, since = setting.knot.questions(), monotonic()
            # A change is to come at no moment that the processes have in common.
            sleep(WATCHED + interval * number / CHANGES)
            rates.append((setting.knot.questions() - asked) / (monotonic() - since) / PROCESSES)
            setting.publish([*setting.names, *(f"mysql-{setting.count + extra}" for extra in range(number + 1))])
            delays += _outputs(processes)
    return delays, statistics.mean(rates)


def _outputs(processes: Sequence[Popen[str]]) -> list[float]:
    """Give the time until each process has printed its next line, seconds."""
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
