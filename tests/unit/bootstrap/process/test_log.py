"""The log of agents and starters: one line whatever is in it, and never in the way of a decision."""

import subprocess
import sys

import pytest

from bootstrap.process.log import logger
from tests.paths import ROOT

TALKS = (
    "from bootstrap.process.log import logger\nsay = logger('agent')\nfor _ in range(3): say('a line')\nprint('alive')"
)


def test_a_line_stays_one_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    logger("agent")("one\ntwo \x1b[31mred\x00 \u2028 und \u00e4")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("Z agent: one\\ntwo \\x1b[31mred\\x00 \\u2028 und \u00e4")


@pytest.mark.parametrize("where", ["/dev/full", "a closed pipe", "nowhere"])
def test_a_log_that_cannot_be_written_stops_no_program(where: str) -> None:
    """The disk of the log is full, its reader has died, or there never was one."""
    redirect = {"/dev/full": "2>/dev/full", "nowhere": "2>&-"}.get(where, "2>&1 1>&3 | true")
    talk = f'sleep 0.5; {sys.executable} -c "$TALKS" {redirect}'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; exec 3>&1; {talk}"],
        env={"TALKS": TALKS},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "alive" in done.stdout, done.stderr
    assert done.returncode == 0
