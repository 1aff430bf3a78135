"""How much would be lost is known in seconds, and what keeps a restore from the present makes the program not ready."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.operations.binlog.report import Report

SENT = Piece("", "db/mysql", "20261130T140000Z", "a", Gtid(7, 100, 3), Gtid(7, 100, 4711), "20261130T140501Z")


class Clock:
    now = datetime(2026, 11, 30, 14, 5, 2, tzinfo=UTC)


def look(report: Report) -> bool:
    """Whether it is ready now; to mypy a property stays what it was."""
    return report.is_ready


def read(report: Report) -> dict[str, float]:
    answer = report.answer("/metrics")
    assert answer is not None
    families = text_string_to_metric_families(answer[2])
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_before_anything_was_sent_nothing_is_known_and_nothing_is_ready() -> None:
    report = Report(60)

    assert (report.answer("/readyz") or (0,))[0] == 503
    assert "galera_bootstrap_log_behind_seconds" not in read(report)


def test_it_is_ready_while_the_last_look_is_young_and_backups_and_log_lead_there() -> None:
    clock = Clock()
    report = Report(60, lambda: clock.now)
    report.note_sent(SENT)
    assert not look(report)
    report.note_obstacle("")
    assert look(report)
    assert read(report) == {
        "galera_bootstrap_log_behind_seconds": 1.0,
        "galera_bootstrap_log_restorable": 1.0,
        "galera_bootstrap_log_sent_seqno": 4711.0,
        "galera_bootstrap_log_gaps_total": 0.0,
    }
    clock.now += timedelta(seconds=299)
    assert look(report)
    clock.now += timedelta(seconds=1)
    assert not look(report)
    assert (report.answer("/readyz") or (0,))[0] == 503


def test_a_gap_is_counted_and_what_is_in_the_way_makes_it_not_ready() -> None:
    report = Report(60, lambda: Clock.now)
    report.note_sent(SENT)
    report.note_obstacle("")
    assert (report.answer("/readyz") or (0,))[0] == 200
    report.note_gap()
    report.note_obstacle("after the newest backup the log leads only to 7-100-9")

    assert not look(report)
    assert read(report)["galera_bootstrap_log_gaps_total"] == 1
    assert read(report)["galera_bootstrap_log_restorable"] == 0
    assert report.answer("/else") is None


def test_a_clock_that_was_set_back_does_not_make_the_future_known() -> None:
    report = Report(60, lambda: Clock.now - timedelta(hours=1))
    report.note_sent(SENT)

    assert report.behind == 0.0
