"""Which words start a container's program directly, and which ones need the command line."""

import subprocess
import sys

import pytest

from bootstrap import entrypoints
from bootstrap.main import find_entrypoint


def test_the_words_of_the_manifests_start_directly() -> None:
    assert find_entrypoint(("agent",)) is entrypoints.run_agent
    assert find_entrypoint(("on-start",)) is entrypoints.run_on_start
    assert find_entrypoint(("upgrade", "--server", "12")) is not None
    assert find_entrypoint(("start", "--", "mariadbd", "--defaults-file=x")) is not None


@pytest.mark.parametrize(
    "words",
    [
        (), ("--help",), ("agent", "--help"), ("agent", "x"), ("on-start", "-h"), ("start",), ("start", "--"),
        ("start", "mariadbd"), ("start", "--with-agent", "--", "mariadbd"), ("start", "--", "--", "mariadbd"),
        ("status",), ("Agent",), ("upgrade",), ("upgrade", "--server", "x"),
    ],
)  # fmt: skip
def test_all_other_words_need_the_command_line(words: tuple[str, ...]) -> None:
    assert find_entrypoint(words) is None


@pytest.mark.parametrize(
    "words", [("agent",), ("on-start",), ("upgrade", "--server", "1"), ("start", "--", "mariadbd")]
)
def test_both_ways_lead_to_the_same_end(words: tuple[str, ...]) -> None:
    """Here that is the error about a missing setting."""
    code = "import sys; from bootstrap import main; main.find_entrypoint = lambda words: None; main.main()"
    directly, by_click = (
        subprocess.run([sys.executable, *how, *words], env={}, capture_output=True, text=True, check=False)
        for how in (("-m", "bootstrap"), ("-c", code))
    )
    assert (directly.returncode, directly.stderr) == (by_click.returncode, by_click.stderr)
    assert directly.returncode == 15
