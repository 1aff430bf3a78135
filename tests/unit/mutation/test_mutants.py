"""The list of equivalent mutants agrees with the code, and a sample of all others is noticed by the unit tests."""

import subprocess
import sys

from tests.mutation.target import CORE, find_mutants, find_targets, read_equivalent
from tests.paths import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.mutation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_each_equivalent_mutant_is_one_of_the_code_and_has_a_reason() -> None:
    existing = {mutant.key for mutant in find_mutants(find_targets([CORE]))}
    assert set(read_equivalent()) - existing == set()
    assert all(len(reason.split()) > 3 for reason in read_equivalent().values())


def test_a_sample_of_all_mutants_is_noticed() -> None:
    """All of them are noticed by `make mutants`."""
    done = run("--every", "20")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_no_test_executes_survives() -> None:
    tests = "tests/unit/bootstrap/core/galera/test_provider_options.py"
    done = run(
        "bootstrap/core/galera/provider_options.py", "--only", "parse_period", "--tests", tests, "-k", "a_dead_server"
    )
    assert done.returncode == 1
    assert "survives" in done.stdout
