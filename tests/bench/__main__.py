"""`python -m tests.bench`: the tables of docs/figures.md."""

import os
import sys

from tests.bench import agent, crash, peer_finder, records, recovery


def main() -> None:
    """Measure everything; this takes a few minutes, and more on a busy machine."""
    print(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}\n", flush=True)
    recovery.main()
    print(crash.measure(rounds=3), flush=True)
    print(records.measure(rounds=100), flush=True)
    print(agent.measure(seconds=30), flush=True)
    peer_finder.main(sys.argv[1:])


main()
