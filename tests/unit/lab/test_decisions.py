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


def say(lab: Lab, text: str) -> None:
    with lab.pod(0).containers["agent"].log.open("a") as log:
        log.write(text)


def test_a_decision_comes_with_its_rule_and_reason_and_a_wait_is_none(lab: Lab) -> None:
    decisions = Decisions(lab)
    say(lab, WAIT + BOOTSTRAP)
    assert list(decisions.new()) == [("mysql-0", "BOOTSTRAP by rule all-heard: all 3 expected pods are frozen")]


def test_what_was_decided_before_and_what_is_repeated_is_not_told(lab: Lab) -> None:
    say(lab, BOOTSTRAP)
    decisions = Decisions(lab)
    say(lab, JOIN + JOIN)
    assert [text.split()[0] for _, text in decisions.new()] == ["JOIN"]
    assert list(decisions.new()) == []


def test_a_line_under_way_is_told_when_it_is_whole(lab: Lab) -> None:
    decisions = Decisions(lab)
    say(lab, WAIT + JOIN[:60])
    assert list(decisions.new()) == []
    say(lab, JOIN[60:])
    assert len(list(decisions.new())) == 1
