"""The soak's own bookkeeping; what it does to a cluster is seen by `make soak`."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.shocks import SHOCKS
from tests.faults.soak import Round, append, drawn, read, report, soak

DONE = Round(seed=7, number=1, fault="power cut", seconds=6.5, rows=100, uuid="a")


def test_a_round_follows_from_seed_and_number_alone() -> None:
    fault, dice = drawn(7, 3)
    again, the_same = drawn(7, 3)

    assert (fault, dice.random()) == (again, the_same.random())
    assert {drawn(7, number)[0] for number in range(500)} == set(SHOCKS)
    assert [drawn(7, number)[0] for number in range(20)] != [drawn(8, number)[0] for number in range(20)]


def test_the_log_is_added_to_and_a_line_that_was_cut_off_is_no_round(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log"
    assert read(log) == []
    append(log, DONE)
    append(log, replace(DONE, number=2))
    with log.open("a") as file:
        file.write('{"seed": 7, "number": 3')

    assert read(log) == [DONE, replace(DONE, number=2)]


def test_a_line_that_was_cut_off_spoils_no_later_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, DONE)
    with log.open("a") as file:
        file.write('{"seed": 7, "number": 2')
    append(log, replace(DONE, number=2))

    assert read(log) == [DONE, replace(DONE, number=2)]


def test_the_report_is_of_all_runs() -> None:
    told = report([DONE, replace(DONE, number=2, seconds=9.5), replace(DONE, seed=8, fault="scaled", seconds=1)])

    assert "| power cut | 2 | 6.5 | 8.0 | 9.5 |" in told
    assert told.endswith("3 rounds by seed 7 (2 rounds), 8 (1 rounds); after each: lost rows 0, clusters 1")


@pytest.mark.galera
@pytest.mark.timeout(900)
@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: a soak itself; `make soak` does it")
def test_a_soak_goes_on_where_the_last_one_of_its_seed_has_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        soak(log, 7, 0, print)

    assert [(done.number, done.fault) for done in read(log)] == [(n, drawn(7, n)[0]) for n in (1, 2)]
