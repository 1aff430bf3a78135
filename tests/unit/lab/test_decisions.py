from collections.abc import Iterator

import pytest

from tests.lab.decisions import Decisions
from tests.lab.lab import Lab

WAIT = "2026-11-23T06:19:20Z agent: wait: the datadir has not been read yet [own-disk]\n"
JOIN = "2026-11-23T06:19:22Z agent: join: mysql-0 is Primary at 7, my datadir is at 4 of the same history [join]\n"
BOOTSTRAP = "2026-11-23T06:19:22Z agent: bootstrap in term 2: all 3 expected pods are frozen [all-heard]\n"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        lab.create(0)
        yield lab


def write_log(lab: Lab, text: str) -> None:
    with lab.pod(0).containers["agent"].log.open("a") as log:
        log.write(text)


def test_a_decision_is_shown_with_its_rule_and_reason_and_a_wait_is_not_shown(lab: Lab) -> None:
    decisions = Decisions(lab)
    write_log(lab, WAIT + BOOTSTRAP)
    assert list(decisions.read_new()) == [("mysql-0", "BOOTSTRAP by rule all-heard: all 3 expected pods are frozen")]


def test_earlier_decisions_and_repeated_ones_are_not_shown(lab: Lab) -> None:
    write_log(lab, BOOTSTRAP)
    decisions = Decisions(lab)
    write_log(lab, JOIN + JOIN)
    assert [text.split()[0] for _, text in decisions.read_new()] == ["JOIN"]
    assert list(decisions.read_new()) == []


def test_a_line_is_shown_when_it_is_complete(lab: Lab) -> None:
    decisions = Decisions(lab)
    write_log(lab, WAIT + JOIN[:60])
    assert list(decisions.read_new()) == []
    write_log(lab, JOIN[60:])
    assert len(list(decisions.read_new())) == 1
