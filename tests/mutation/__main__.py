"""`python -m tests.mutation [FILE OR FOLDER OF bootstrap/core]`: change the code by one step, see if a test notices."""

import argparse
import sys
import time
from pathlib import Path

import pytest

from tests.mutation.judge import Judge, Verdict
from tests.mutation.target import CORE, find_mutants, find_targets, read_equivalent
from tests.paths import ROOT

TESTS = ["tests/unit/bootstrap/core"]
"""What judges: tests of pure code, each of which takes milliseconds."""

QUICK = "not walks and not TestOutage and not give_up_only and not shares_its_epoch"


def main() -> None:
    """Run all mutants, and print those that survive."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[CORE], help="files or folders to mutate")
    parser.add_argument("--only", default="", help="only mutants whose line in the report contains this")
    parser.add_argument("--every", type=int, default=1, help="only every so many of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="the tests that judge")
    parser.add_argument("-k", default=QUICK, help="as pytest's -k")
    parser.add_argument("--killers", action="store_true", help="also print what killed each of them")
    parser.add_argument("--equivalent", action="store_true", help="also run the listed ones")
    options = parser.parse_args()

    targets = find_targets([path.resolve() for path in options.paths])
    equivalent = read_equivalent()
    mutants = [mutant for mutant in find_mutants(targets) if options.only in str(mutant)][:: options.every]
    listed = [mutant for mutant in mutants if (mutant.place, mutant.mutation.change) in equivalent]
    if not options.equivalent:
        mutants = [mutant for mutant in mutants if mutant not in listed]
    alive: list[Verdict] = []
    done = 0

    def report(verdict: Verdict) -> None:
        nonlocal done
        done += 1
        if not verdict.killer:
            alive.append(verdict)
            print(f"SURVIVES ({verdict.count} tests)  {verdict.mutant}", flush=True)
        elif options.killers:
            print(f"{verdict.mutant}\n    {verdict.killer}", flush=True)
        if not done % 100:
            print(f"... {done} of {len(mutants)}", flush=True)

    began = time.monotonic()
    judge = Judge(targets, mutants, options.jobs, report)
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-q",
        "--no-summary",
        "-o",
        "timeout=0",
        "-k",
        options.k,
        *options.tests,
    ]
    pytest.main([f"--rootdir={ROOT}", *arguments], plugins=[judge])
    broken = [name for name, trial in judge.trials.items() if not trial.is_passed]
    print(
        f"{done} mutants, {done - len(alive)} killed, {len(alive)} survive; {len(listed)} are equivalent; "
        f"{len(judge.trials)} tests; {time.monotonic() - began:.0f} s"
    )
    for name in broken:
        print(f"fails without a mutant: {name}")
    sys.exit(1 if alive or broken or not judge.trials else 0)


if __name__ == "__main__":
    main()
