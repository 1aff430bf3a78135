"""How much would be lost is known in seconds, and what keeps a restore from the present makes the program not ready."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.operations.binlog.sender_health import SenderHealth

SENT = Piece("", "db/mysql", "20261130T140000Z", "a", Gtid(7, 100, 3), Gtid(7, 100, 4711), "20261130T140501Z")


class Clock:
    now = datetime(2026, 11, 30, 14, 5, 2, tzinfo=UTC)


def look(health: SenderHealth) -> bool:
    """Whether it is ready now; to mypy a property stays what it was."""
    return health.is_ready


def read(health: SenderHealth) -> dict[str, float]:
    answer = health.answer("/metrics")
    assert answer is not None
    families = text_string_to_metric_families(answer[2])
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_before_anything_was_sent_nothing_is_known_and_nothing_is_ready() -> None:
    health = SenderHealth(60)

    assert (health.answer("/readyz") or (0,))[0] == 503
    assert "galera_bootstrap_log_behind_seconds" not in read(health)


def test_it_is_ready_while_the_last_look_is_young_and_backups_and_log_lead_there() -> None:
    clock = Clock()
    health = SenderHealth(60, lambda: clock.now)
    health.note_sent(SENT)
    assert not look(health)
    health.note_obstacle("")
    assert look(health)
    assert read(health) == {
        "galera_bootstrap_log_behind_seconds": 1.0,
        "galera_bootstrap_log_restorable": 1.0,
        "galera_bootstrap_log_sent_seqno": 4711.0,
        "galera_bootstrap_log_gaps_total": 0.0,
    }
    clock.now += timedelta(seconds=299)
    assert look(health)
    clock.now += timedelta(seconds=1)
    assert not look(health)
    assert (health.answer("/readyz") or (0,))[0] == 503


def test_a_gap_is_counted_and_what_is_in_the_way_makes_it_not_ready() -> None:
    health = SenderHealth(60, lambda: Clock.now)
    health.note_sent(SENT)
    health.note_obstacle("")
    assert (health.answer("/readyz") or (0,))[0] == 200
    health.note_gap()
    health.note_obstacle("after the newest backup the log leads only to 7-100-9")

    assert not look(health)
    assert read(health)["galera_bootstrap_log_gaps_total"] == 1
    assert read(health)["galera_bootstrap_log_restorable"] == 0
    assert health.answer("/else") is None


def test_a_clock_that_was_set_back_does_not_make_the_future_known() -> None:
    health = SenderHealth(60, lambda: Clock.now - timedelta(hours=1))
    health.note_sent(SENT)

    assert health.behind == 0.0
