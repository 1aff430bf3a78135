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
"""Not those that play hundreds of random runs; nor those of hypothesis, see `judge`."""


def main() -> None:
    """Run all mutants; exit with 1 if one survives that is not listed, or if one is listed and does not survive."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[CORE], help="files or folders to mutate")
    parser.add_argument("--only", default="", help="only mutants whose line in the report contains this")
    parser.add_argument("--every", type=int, default=1, help="only every so many of them, and none that is listed")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="the tests that judge")
    parser.add_argument("-k", default=QUICK, help="as pytest's -k")
    parser.add_argument("--killers", action="store_true", help="also print which test noticed each of them")
    options = parser.parse_args()

    targets = find_targets([path.resolve() for path in options.paths])
    listed = read_equivalent()
    mutants = [mutant for mutant in find_mutants(targets) if options.only in str(mutant)]
    if options.every > 1:
        mutants = [mutant for mutant in mutants if mutant.key not in listed][:: options.every]
    verdicts: list[Verdict] = []
    wrong: list[str] = []

    def report(verdict: Verdict) -> None:
        verdicts.append(verdict)
        is_listed = verdict.mutant.key in listed
        if not verdict.killer and not is_listed:
            wrong.append(f"survives {verdict.judges} tests: {verdict.mutant}")
            print(wrong[-1], flush=True)
        elif verdict.killer and is_listed:
            wrong.append(f"is listed as equivalent, and is not: {verdict.mutant}\n    {verdict.killer}")
            print(wrong[-1], flush=True)
        elif options.killers:
            print(f"{verdict.mutant}\n    {verdict.killer}", flush=True)
        if not len(verdicts) % 100:
            print(f"... {len(verdicts)} of {len(mutants)}", flush=True)

    began = time.monotonic()
    judge = Judge(targets, mutants, options.jobs, report)
    quiet = ["-qq", "--no-summary", "-p", "no:cacheprovider", "-o", "timeout=0"]
    pytest.main([f"--rootdir={ROOT}", *quiet, "-k", options.k, *options.tests], plugins=[judge])
    broken = [name for name, trial in judge.trials.items() if not trial.is_passed]
    killed = sum(bool(verdict.killer) for verdict in verdicts)
    print(
        f"{len(verdicts)} mutants: {killed} noticed, {len(verdicts) - killed} not, of which "
        f"{sum(verdict.mutant.key in listed for verdict in verdicts)} are listed as equivalent; "
        f"{len(judge.trials)} tests; {time.monotonic() - began:.0f} s"
    )
    for name in broken:
        print(f"fails without a mutant: {name}")
    sys.exit(1 if wrong or broken or len(verdicts) < len(mutants) or not mutants else 0)


if __name__ == "__main__":
    main()
