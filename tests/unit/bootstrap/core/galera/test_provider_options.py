"""How long Galera counts a dead server: the periods of its options, and which of them counts."""

import pytest

from bootstrap.core.galera.provider_options import DEFAULT_DEAD_S, longest_death, parse_period


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5S", 5), ("PT1M30S", 90), ("PT0.5S", 0.5), ("P1DT1H", 90000), ("PT7.5S", 7.5), (" PT1M ", 60)],
)
def test_a_period(text: str, seconds: float) -> None:
    assert parse_period(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "PT-5S", "PT5", "T5S", "P1Y", "PT\u0665S", "PT5S;x"])
def test_no_period(text: str) -> None:
    assert parse_period(text) is None


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, DEFAULT_DEAD_S),
        ({"gcache.size": "PT9H"}, DEFAULT_DEAD_S),
        ({"evs.suspect_timeout": "PT2S"}, DEFAULT_DEAD_S),
        ({"evs.suspect_timeout": "PT30S", "evs.inactive_timeout": "PT1M", "evs.install_timeout": "PT1M"}, 60),
        ({"evs.suspect_timeout": "PT2M"}, 120),
        ({"evs.inactive_timeout": "whatever"}, DEFAULT_DEAD_S),
    ],
)
def test_a_dead_server_is_counted_as_long_as_the_longest_timeout(options: dict[str, str], seconds: float) -> None:
    assert longest_death(options) == seconds
