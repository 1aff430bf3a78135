"""What a server reports of its work: what is no number is unknown, never 0."""

import pytest

from bootstrap.core.obstacles.room import Room
from bootstrap.core.status.metrics.families import load_metrics, room_metrics
from bootstrap.core.status.metrics.server_load import NOTHING_KNOWN, VARIABLES, Load, describe_full, parse
from bootstrap.core.status.metrics.text_format import render

REPORTED = {
    "wsrep_flow_control_paused_ns": "1500000000",
    "wsrep_flow_control_sent": "3",
    "wsrep_local_recv_queue": "0",
    "wsrep_local_cert_failures": "7",
    "wsrep_local_bf_aborts": "9",
    "Threads_connected": "100",
    "Connection_errors_max_connections": "4",
}
LIMITED = REPORTED | {"max_connections": "101"}


def test_the_values_of_a_server_are_read() -> None:
    assert tuple(REPORTED) == VARIABLES
    assert parse(REPORTED) == Load(1.5, 3, 0, 7, 9, 100, 4)
    assert parse(LIMITED) == Load(1.5, 3, 0, 7, 9, 100, 4, 101)
    assert parse({name.upper(): value for name, value in LIMITED.items()}) == parse(LIMITED)


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "\u0665", "1" * 21])
def test_what_is_no_number_is_unknown(text: str) -> None:
    assert parse(dict.fromkeys(LIMITED, text)) == NOTHING_KNOWN


def test_the_largest_number_is_one() -> None:
    assert parse({"wsrep_local_bf_aborts": str(2**64 - 1)}).aborts == 2**64 - 1


@pytest.mark.parametrize(
    ("open_now", "limit", "is_full"),
    [(100, 101, False), (101, 101, True), (102, 101, True), (None, 101, False), (100, None, False), (0, 0, True)],
)
def test_a_server_is_full_when_a_client_would_be_refused(
    open_now: int | None, limit: int | None, *, is_full: bool
) -> None:
    expected = f"all {limit} connections are taken, and new clients are refused" if is_full else ""
    assert describe_full(Load(connections=open_now, max_connections=limit)) == expected


def test_what_is_unknown_has_no_sample() -> None:
    assert render("x", [*load_metrics(NOTHING_KNOWN), *room_metrics(None)]) == ""


def test_the_metrics_are_counters_and_gauges_with_their_values() -> None:
    text = render("x", [*load_metrics(parse(LIMITED)), *room_metrics(Room(size=100, free=8))])
    lines = [line for line in text.splitlines() if not line.startswith("# HELP")]
    assert lines == [
        "# TYPE x_flow_control_paused_seconds_total counter",
        "x_flow_control_paused_seconds_total 1.500",
        "# TYPE x_flow_control_sent_total counter",
        "x_flow_control_sent_total 3",
        "# TYPE x_receive_queue gauge",
        "x_receive_queue 0",
        "# TYPE x_failed_certifications_total counter",
        "x_failed_certifications_total 7",
        "# TYPE x_aborts_total counter",
        "x_aborts_total 9",
        "# TYPE x_connections gauge",
        "x_connections 100",
        "# TYPE x_max_connections gauge",
        "x_max_connections 101",
        "# TYPE x_connections_refused_total counter",
        "x_connections_refused_total 4",
        "# TYPE x_volume_size_bytes gauge",
        "x_volume_size_bytes 100",
        "# TYPE x_volume_free_bytes gauge",
        "x_volume_free_bytes 8",
    ]
