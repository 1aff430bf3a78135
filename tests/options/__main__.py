"""usage: python -m tests.options [OPTION ...]: try all of the server's options, or these, and print a line each."""

import sys
import tempfile
from pathlib import Path

from tests.lab import series
from tests.options.sweep import Sweep, killed_datadir, list_tries
from tests.support.bootstrap import servers


def main() -> None:
    """Run the sweep."""
    series.choose(series.read_chosen())
    root = servers.workspace()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as copies:
        Path(copies).chmod(0o755)
        (root / "killed").mkdir()
        sweep = Sweep(killed_datadir(root / "killed"), Path(copies))
        print(f"truth\t\t{sweep.truth}", flush=True)
        for option in sys.argv[1:] or list_tries():
            print(sweep.try_option(option), flush=True)


main()
