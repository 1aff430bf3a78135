"""Options that falsify the position of a killed datadir are held; all of them: `python -m tests.options`."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bootstrap.core.obstacles.held_options import find_held
from tests.options.sweep import Sweep, killed_datadir
from tests.support.bootstrap import servers

pytestmark = pytest.mark.galera


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    folder = servers.workspace() / "killed"
    folder.mkdir()
    with TemporaryDirectory(dir=servers.workspace()) as copies:
        Path(copies).chmod(0o755)
        yield Sweep(killed_datadir(folder), Path(copies))


@pytest.mark.parametrize(
    ("option", "verdict"),
    [
        ("--innodb-force-recovery=6", "FALSE"),
        ("--innodb-force-recovery=100000", "FALSE"),
        ("--innodb-force-recovery=1", "right"),
        ("--read-only=ON", "right"),
        ("--innodb-buffer-pool-size=6", "failed"),
        ("--tc-heuristic-recover=ROLLBACK", "failed"),
        ("--no-such-option=1", "refused"),
    ],
)
def test_an_option_that_falsifies_the_position_is_held(sweep: Sweep, option: str, verdict: str) -> None:
    tried = sweep.try_option(option)
    assert tried.verdict == verdict, tried
    assert verdict != "FALSE" or find_held((option,))


def test_the_position_is_beyond_the_last_checkpoint(sweep: Sweep) -> None:
    """Else no option could falsify it."""
    assert sweep.recover("--innodb-force-recovery=6", fresh=True) != sweep.truth
