"""The log and the report of the soak; `make soak` tests its effect on a cluster."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.shocks import SHOCKS
from tests.faults.soak import Round, append_round, draw_fault, format_report, read_log, soak

DONE = Round(seed=7, number=1, fault="power cut", seconds=6.5, rows=100, uuid="a")


def test_a_round_depends_only_on_seed_and_number() -> None:
    fault, dice = draw_fault(7, 3)
    again, the_same = draw_fault(7, 3)

    assert (fault, dice.random()) == (again, the_same.random())
    assert {draw_fault(7, number)[0] for number in range(500)} == set(SHOCKS)
    assert [draw_fault(7, number)[0] for number in range(20)] != [draw_fault(8, number)[0] for number in range(20)]


def test_rounds_are_added_to_the_log_and_a_line_that_was_cut_off_is_ignored(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log"
    assert read_log(log) == []
    append_round(log, DONE)
    append_round(log, replace(DONE, number=2))
    with log.open("a") as file:
        file.write('{"seed": 7, "number": 3')

    assert read_log(log) == [DONE, replace(DONE, number=2)]


def test_a_line_that_was_cut_off_does_not_damage_the_next_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    append_round(log, DONE)
    with log.open("a") as file:
        file.write('{"seed": 7, "number": 2')
    append_round(log, replace(DONE, number=2))

    assert read_log(log) == [DONE, replace(DONE, number=2)]


def test_the_report_covers_all_runs() -> None:
    text = format_report([DONE, replace(DONE, number=2, seconds=9.5), replace(DONE, seed=8, fault="scaled", seconds=1)])

    assert "| power cut | 2 | 6.5 | 8.0 | 9.5 |" in text
    assert text.endswith("3 rounds by seed 7 (2 rounds), 8 (1 rounds); after each: lost rows 0, clusters 1")


@pytest.mark.galera
@pytest.mark.skipif("E2E_FULL" not in os.environ, reason="NOT TESTED: the soak itself; `make soak` runs it")
def test_a_soak_continues_after_the_last_round_of_its_seed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        soak(log, 7, 0, print)

    assert [(done.number, done.fault) for done in read_log(log)] == [(n, draw_fault(7, n)[0]) for n in (1, 2)]
