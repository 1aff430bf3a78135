"""The cost of asking all other pods: one round of records among nine members with real agents."""

import json
import os
import statistics
import subprocess
import sys
import time

from bootstrap.core.model.facts import PodState
from bootstrap.network.client import Client
from bootstrap.network.directory import Directory
from bootstrap.network.fanout import Peers
from bootstrap.network.protocol import Membership
from bootstrap.secret_files import read_agent_secrets
from bootstrap.settings import current
from tests.lab.lab import Lab

MEMBERS = 9

PATIENCE_S = 180.0
"""Seconds: nine pods start at once, on few cores."""


def measure(rounds: int) -> str:
    """Measure so many rounds; returns the table.

    A tenth pod is missing, so that all nine wait and ask each other at their highest rate.
    """
    with Lab(replicas=MEMBERS + 1) as lab:
        lab.up(MEMBERS)
        # In a separate process, because this one is also the name server.
        command = (sys.executable, "-m", "tests.bench.records", str(rounds))
        done = subprocess.run(command, env=lab.pod(0).env, stdout=subprocess.PIPE, check=True)
    walls, costs = json.loads(done.stdout)
    lines = [f"| a round of {MEMBERS} members, n = {rounds} | min | median | max | bound |", "|---|---|---|---|---|"]
    for name, values, bound in (("until the last record, ms", walls, "50"), ("CPU of the asking pod, ms", costs, "")):
        figures = (min(values), statistics.median(values), max(values))
        lines.append(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} | {bound} |")
    return "\n".join([*lines, "", f"load {os.getloadavg()[0]:.1f}", ""])


def ask(rounds: int) -> tuple[list[float], list[float]]:
    """Ask as the pod whose environment this process has; returns milliseconds and CPU milliseconds of each round."""
    sys.setswitchinterval(0.001)  # as an agent does
    settings = current()
    secrets = read_agent_secrets(settings.secrets)
    client = Client(Membership(secrets.cluster_id, secrets.keys, settings.pod, "bench"), settings.exchange_port)
    peers = Peers(Directory.open(settings), client)
    others = [settings.pod_of(ordinal) for ordinal in range(1, MEMBERS)]
    end = time.monotonic() + PATIENCE_S
    while count_answers(peers, others) < len(others) and time.monotonic() < end:
        time.sleep(1)
    walls, costs = [], []
    for _ in range(rounds):
        began, spent = time.perf_counter(), time.process_time()
        answers = count_answers(peers, others)
        walls.append(1000 * (time.perf_counter() - began))
        costs.append(1000 * (time.process_time() - spent))
        assert answers == len(others), f"{answers} of {len(others)} have answered"
        time.sleep(0.1)
    return walls, costs


def count_answers(peers: Peers, others: list[str]) -> int:
    """Ask these pods; returns how many answered with their state."""
    return sum(isinstance(reply, PodState) for reply in peers.ask_states(others).values())


if __name__ == "__main__":
    print(json.dumps(ask(int(sys.argv[1]))) if sys.argv[1:] else measure(100))
