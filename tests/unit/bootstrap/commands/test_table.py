"""`status` as text, for what agents answer: the cluster, its members, why, what to do."""

from dataclasses import replace

import click
import pytest

from bootstrap.commands.admin.table import format_span, format_status
from bootstrap.control.starter_messages import DecisionKind
from bootstrap.control.status_messages import (
    ClusterStatus,
    FailedStarts,
    FailuresStatus,
    MemberStatus,
    MissingPod,
    NewestData,
    StatusAnswer,
    StatusDecision,
    TablesStatus,
)
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Phase, Server
from bootstrap.core.status.health import Health
from bootstrap.core.status.place import Step
from bootstrap.core.status.transfer import Transfer
from bootstrap.core.system_tables.rules import Stage
from tests.support.bootstrap.records import A

WHEN = "2026-11-30T01:02:03.004Z"
DECISION = StatusDecision(
    DecisionKind.WAIT, "wait", "all-heard", "waiting for mysql-2", False, False, False, 0, WHEN, 192.0
)
STOPPED = MemberStatus(
    "mysql-0", 0, "ok", Phase.FROZEN, DataClass.CRASHED, "as found", A, 24, None, None, 1, "wait", "for mysql-2", ""
)
SILENT = MemberStatus("mysql-2", 2, "unknown: mysql-2.galera.db.svc.cluster.local has no address")
WAITING = StatusAnswer(
    schema="galera-bootstrap/status/v1",
    pod="mysql-0",
    version="0.1.0",
    decision=DECISION,
    members=(STOPPED, replace(STOPPED, name="mysql-1", ordinal=1, seqno=25, decision="hold"), SILENT),
    ahead=NewestData(("mysql-1",), A, 25, primary=False, sure=False),
    missing=(MissingPod("mysql-2", "no address", WHEN, 4000.0),),
    waiting=(),
    join_written_bytes=None,
    transfer=None,
    cluster=ClusterStatus("db", "galera", Health.UNCERTAIN, "no pod that answers is Primary", WHEN, 200.0),
    steps=(Step("bring mysql-2 back", ("kubectl -n db describe pod mysql-2",)), Step("only then", ("x", "y"))),
    avoid="delete claims",
    failures=None,
    failed_starts=None,
    server_end=None,
    tables=TablesStatus(Stage.UNKNOWN, "this pod's server is not a Synced member", 0),
)


def serving(state: str = "Synced", status: str = "Primary") -> MemberStatus:
    server = Server(status, state, A, 24, 3)
    return replace(STOPPED, phase=Phase.RUNNING, data_class=None, server=server)


HEALTHY = replace(
    WAITING,
    decision=DECISION._replace(action="running", rule="own-server", reason="my server is running"),
    members=tuple(replace(serving(), name=f"mysql-{o}", ordinal=o) for o in range(3)),
    ahead=NewestData(("mysql-0",), A, 24, primary=True, sure=True),
    missing=(),
    cluster=ClusterStatus("db", "galera", Health.HEALTHY, "3 of 3 Synced", WHEN, 200000.0),
    steps=(),
    avoid="",
)


def test_a_pod_that_waits_is_shown_on_one_screen() -> None:
    assert format_status(WAITING).splitlines() == [
        "galera/db  aaaaaaaa  UNCERTAIN for 3 min 20 s: no pod that answers is Primary",
        "MEMBER    STATE                              DATA     POSITION                  SINCE",
        "mysql-0*  stopped, waits                     CRASHED  aaaaaaaa:24               3 min 12 s",
        "mysql-1   stopped, holds                     CRASHED  aaaaaaaa:25 newest heard",
        "mysql-2   mysql-2.galera.db.svc.cluster....  ?        ?                         1 h 6 min",
        "why    mysql-0: wait: waiting for mysql-2 [all-heard]",
        "do     1. bring mysql-2 back",
        "          kubectl -n db describe pod mysql-2",
        "       2. only then",
        "          x",
        "          y",
        "not    delete claims",
        "help   docs/operations/messages/waiting.md#all-heard",
    ]


def test_a_healthy_cluster_is_four_lines() -> None:
    assert format_status(HEALTHY).splitlines() == [
        "galera/db  aaaaaaaa  HEALTHY for 2 d 7 h: 3 of 3 Synced",
        "MEMBER    STATE   DATA  POSITION     SINCE",
        "mysql-0*  Synced  -     aaaaaaaa:24  3 min 12 s",
        "mysql-1   Synced  -     aaaaaaaa:24",
        "mysql-2   Synced  -     aaaaaaaa:24",
    ]


def test_system_tables_of_another_series_are_a_line_of_their_own() -> None:
    tables = TablesStatus(Stage.WAITING, "they are of MariaDB 10.11, and mysql-2 runs MariaDB 10.11", 0)
    assert format_status(replace(HEALTHY, tables=tables)).splitlines()[5:] == [
        "tables they are of MariaDB 10.11, and mysql-2 runs MariaDB 10.11"
    ]
    current = replace(HEALTHY, tables=TablesStatus(Stage.CURRENT, "they are of MariaDB 11.8", 0))
    assert format_status(current) == format_status(HEALTHY)


def test_system_tables_that_need_a_human_have_a_page() -> None:
    failed = TablesStatus(Stage.FAILED, "the upgrade has failed once", 1)
    shown = format_status(replace(HEALTHY, tables=failed, steps=WAITING.steps)).splitlines()
    assert shown[5:7] == ["tables the upgrade has failed once", "do     1. bring mysql-2 back"]
    assert shown[-1] == "help   docs/operations/upgrade.md#the-system-tables"


def test_what_goes_on_by_itself_is_said_so() -> None:
    joining = replace(STOPPED, phase=Phase.JOINING, data_class=DataClass.EMPTY, uuid=None)
    shown = replace(
        HEALTHY,
        decision=DECISION._replace(action="joining", rule="own-server", reason="my server is joining"),
        members=(joining, *HEALTHY.members[1:]),
        cluster=HEALTHY.cluster._replace(health=Health.DEGRADED, line="2 of 3 Synced; mysql-0 is joining"),
        transfer=Transfer(37 * 2**20, 150 * 2**20, 4 * 2**20, ("mysql-1",), 28.2),
    )
    assert format_status(shown).splitlines()[2:] == [
        "mysql-0*  joining  EMPTY  -            3 min 12 s",
        "mysql-1   Synced   -      aaaaaaaa:24",
        "mysql-2   Synced   -      aaaaaaaa:24",
        "why    mysql-0: joining: my server is joining [own-server]",
        "copy   37 MiB of at most 150 MiB have come from mysql-1, 4.0 MiB/s in the last",
        "       minute, at most 28 s left",
        "do     nothing: it goes on by itself",
    ]


@pytest.mark.parametrize(
    ("transfer", "text"),
    [
        (Transfer(2**20, None, None, (), None), "1 MiB have come to the datadir so far"),
        (
            Transfer(2**20, 2**21, 0.0, ("mysql-1", "mysql-2"), None),
            "1 MiB of at most 2 MiB have come from mysql-1 or mysql-2, nothing in the last minute",
        ),
    ],
)
def test_of_a_copy_only_what_is_known_is_shown(transfer: Transfer, text: str) -> None:
    own, *others = HEALTHY.members
    joins = replace(HEALTHY, transfer=transfer, members=(replace(own, server=None, phase=Phase.JOINING), *others))
    assert f"copy {text}" in " ".join(format_status(joins).split())


def test_a_copy_that_is_over_is_not_shown() -> None:
    assert "copy" not in format_status(replace(HEALTHY, transfer=Transfer(2**20, None, None, (), None)))


def test_the_newest_data_are_called_so_only_when_every_pod_was_heard() -> None:
    assert WAITING.ahead is not None
    whole = format_status(replace(WAITING, ahead=WAITING.ahead._replace(sure=True)))
    assert ("newest" in whole, "newest heard" in whole, "newest heard" in format_status(WAITING)) == (True, False, True)


def test_colours_are_for_a_terminal_and_not_for_who_does_not_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = format_status(WAITING)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    coloured = format_status(WAITING)
    assert "\x1b[" not in plain
    assert "\x1b[33m\x1b[1mUNCERTAIN\x1b[0m" in coloured
    assert "\x1b[31mstopped, holds" in coloured
    assert click.unstyle(coloured) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert format_status(WAITING) == plain


def test_a_server_outside_of_a_primary_component_is_shown_with_its_reason() -> None:
    lines = format_status(replace(HEALTHY, members=(serving("Initialized", "non-Primary"),))).splitlines()
    assert lines[2].startswith("mysql-0*  Initialized, non-Primary  -")
    assert lines[3] == "why    mysql-0: running: my server is running [own-server]"


def test_a_container_that_fails_is_shown_below_the_decision() -> None:
    failing = FailuresStatus("bootstrap", "cannot run mariadbd: No such file", 3, WHEN, 61.0)
    text = format_status(replace(WAITING, failures=failing))
    assert "[all-heard]\n       the container bootstrap has failed 3 times in 1 min 1 s: cannot run\n" in text
    once = format_status(replace(WAITING, failures=failing._replace(times=1)))
    assert "the container bootstrap has failed once in 1 min 1 s: " in once


def test_the_page_of_a_hold_by_the_own_disk_is_that_of_the_hold() -> None:
    held = DECISION._replace(kind=DecisionKind.HOLD, action="hold", rule="own-disk")
    assert format_status(replace(WAITING, decision=held)).endswith(
        "docs/operations/messages/holds-volume.md#own-disk-hold"
    )
    degraded = replace(HEALTHY, steps=WAITING.steps, cluster=WAITING.cluster)
    assert format_status(degraded).endswith("docs/operations/README.md")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min"), (90000, "1 d 1 h")],
)
def test_times_are_for_humans(seconds: float, text: str) -> None:
    assert format_span(seconds) == text


def test_what_other_agents_say_is_shown_where_they_said_something() -> None:
    failing = replace(STOPPED, phase=Phase.STARTING, failing="its container bootstrap fails: no lock")
    mute = replace(STOPPED, decision=None)
    lines = format_status(replace(WAITING, members=(STOPPED, failing, mute))).splitlines()
    assert [line[10:26].strip() for line in lines[2:5]] == ["stopped, waits", "starting, fails", "stopped"]


def test_a_server_that_ends_again_and_again_is_shown_with_the_command_for_its_log() -> None:
    ends = FailedStarts(3, WHEN, 130.0, "kubectl -n db logs mysql-0 -c mysql --previous")
    lines = format_status(replace(WAITING, failed_starts=ends)).splitlines()
    assert "       the server has ended 3 times in 2 min 10 s before it was Synced; its log" in lines
    assert "       kubectl -n db logs mysql-0 -c mysql --previous" in lines
