"""Which words start a container's program straight, and which are understood by the command line."""

import subprocess
import sys

import pytest

from bootstrap import entrypoints
from bootstrap.main import straight


def test_the_words_of_the_manifests_start_straight() -> None:
    assert straight(("agent",)) is entrypoints.agent
    assert straight(("on-start",)) is entrypoints.on_start
    assert straight(("start", "--", "mariadbd", "--defaults-file=x")) is not None


@pytest.mark.parametrize(
    "words",
    [
        (), ("--help",), ("agent", "--help"), ("agent", "x"), ("on-start", "-h"), ("start",), ("start", "--"),
        ("start", "mariadbd"), ("start", "--with-agent", "--", "mariadbd"), ("start", "--", "--", "mariadbd"),
        ("status",), ("Agent",),
    ],
)  # fmt: skip
def test_all_else_is_looked_at(words: tuple[str, ...]) -> None:
    assert straight(words) is None


@pytest.mark.parametrize("words", [("agent",), ("on-start",), ("start", "--", "mariadbd")])
def test_both_ways_lead_to_the_same_end(words: tuple[str, ...]) -> None:
    """Here to the complaint about a missing setting."""
    code = "import sys; from bootstrap import main; main.straight = lambda words: None; main.main()"
    straight_on, by_click = (
        subprocess.run([sys.executable, *how, *words], env={}, capture_output=True, text=True, check=False)
        for how in (("-m", "bootstrap"), ("-c", code))
    )
    assert (straight_on.returncode, straight_on.stderr) == (by_click.returncode, by_click.stderr)
    assert straight_on.returncode == 15
