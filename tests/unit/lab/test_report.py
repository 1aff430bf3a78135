import json

import pytest

from tests.lab.report import SCHEMA, Member, Report, ReportFailedError, find_arguments
from tests.lab.view import format_table, make_row

UUID = "0b5d3c2e-1111-11ef-8000-000000000001"

RUNNING = {
    "name": "mysql-0",
    "ordinal": 0,
    "answer": "ok",
    "phase": "running",
    "class": None,
    "uuid": None,
    "seqno": None,
    "server": {
        "cluster_status": "Primary",
        "local_state": "Synced",
        "size": 3,
        "uuid": UUID,
        "last_committed": 41,
    },
    "epoch": 1,
}

FROZEN = {
    "name": "mysql-1",
    "ordinal": 1,
    "answer": "ok",
    "phase": "frozen",
    "class": "CRASHED",
    "uuid": UUID,
    "seqno": 40,
    "server": None,
    "epoch": 1,
}

SILENT = {"name": "mysql-2", "ordinal": 2, "answer": "unknown: no route", "phase": "unknown", "class": None}


def make_report(*members: object) -> str:
    decision = {"action": "wait", "rule": "all-answer", "reason": "mysql-2 does not answer"}
    return json.dumps({"schema": SCHEMA, "self": "mysql-0", "decision": decision, "members": members})


def test_a_running_member_shows_its_server_and_a_frozen_one_its_disk() -> None:
    members = Report.parse(make_report(RUNNING, FROZEN)).members
    assert [m.position for m in members] == ["0b5d3c2e:41", "0b5d3c2e:40"]
    assert (members[0].size, members[1].data_class) == (3, "CRASHED")


def test_the_decision_comes_with_its_rule_and_reason() -> None:
    status = Report.parse(make_report())
    assert (status.action, status.rule, status.reason) == ("wait", "all-answer", "mysql-2 does not answer")


def test_a_member_that_does_not_answer_is_shown_as_no_answer() -> None:
    assert make_row(Member.parse(SILENT)).cells == ("mysql-2", "no answer", "", "", "", "")


def test_a_member_outside_of_a_primary_component_is_marked() -> None:
    server = {**RUNNING["server"], "cluster_status": "non-Primary"}  # type: ignore[dict-item]
    assert make_row(Member.parse({**RUNNING, "server": server})).local_state == "Synced (non-Primary)"


def test_the_table_has_one_line_for_each_member_below_its_header() -> None:
    lines = format_table([make_row(m) for m in Report.parse(make_report(RUNNING, FROZEN, SILENT)).members])
    assert [text.split()[0] for text in lines] == ["member", "mysql-0", "mysql-1", "mysql-2"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other/v9", "members": []}', '{"schema": 1}'])
def test_a_text_that_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(ReportFailedError):
        Report.parse(text)


def test_the_arguments_of_an_override_are_those_of_its_preview() -> None:
    preview = "mysql-2  unknown\nto do it: galera-bootstrap force --epoch 4 --without mysql-2\n"

    assert find_arguments(preview) == ["--epoch", "4", "--without", "mysql-2"]
    with pytest.raises(ReportFailedError, match="no `adopt` is offered"):
        find_arguments(preview, "adopt")
