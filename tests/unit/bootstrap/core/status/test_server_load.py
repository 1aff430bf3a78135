"""What a server reports of its work: what is no number is unknown, never 0."""

import pytest

from bootstrap.core.obstacles.room import Room
from bootstrap.core.status.metrics.families import load_metrics, room_metrics
from bootstrap.core.status.metrics.server_load import NOTHING_KNOWN, VARIABLES, Load, parse
from bootstrap.core.status.metrics.text_format import render

REPORTED = {
    "wsrep_flow_control_paused_ns": "1500000000",
    "wsrep_flow_control_sent": "3",
    "wsrep_local_recv_queue": "0",
    "wsrep_local_cert_failures": "7",
    "wsrep_local_bf_aborts": "9",
}


def test_the_values_of_a_server_are_read() -> None:
    assert tuple(REPORTED) == VARIABLES
    assert parse(REPORTED) == Load(1.5, 3, 0, 7, 9)
    assert parse({name.upper(): value for name, value in REPORTED.items()}) == parse(REPORTED)


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "\u0665", "1" * 21])
def test_what_is_no_number_is_unknown(text: str) -> None:
    assert parse(dict.fromkeys(REPORTED, text)) == NOTHING_KNOWN


def test_the_largest_number_is_one() -> None:
    assert parse({"wsrep_local_bf_aborts": str(2**64 - 1)}).aborts == 2**64 - 1


def test_what_is_unknown_has_no_sample() -> None:
    assert render("x", [*load_metrics(NOTHING_KNOWN), *room_metrics(None)]) == ""


def test_the_metrics_are_counters_and_gauges_with_their_values() -> None:
    text = render("x", [*load_metrics(parse(REPORTED)), *room_metrics(Room(size=100, free=8))])
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
        "# TYPE x_volume_size_bytes gauge",
        "x_volume_size_bytes 100",
        "# TYPE x_volume_free_bytes gauge",
        "x_volume_free_bytes 8",
    ]
