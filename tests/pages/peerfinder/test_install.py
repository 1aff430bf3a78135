"""The block of docs/peer-finder.md that installs the program on a machine, run as it stands in a copy of the clone."""

import os
import re
import subprocess
from pathlib import Path

from tests.paths import ROOT

BLOCK = re.compile(rf"<!-- done by: {Path(__file__).relative_to(ROOT)} -->\n```sh\n(.*?)\n```", re.DOTALL)


def test_pip_installs_the_program_from_a_clone(tmp_path: Path) -> None:
    (block,) = BLOCK.findall((ROOT / "docs/peer-finder.md").read_text())
    clone = tmp_path / "clone"
    subprocess.run(("git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", clone), check=True, timeout=120)
    done = subprocess.run(
        ("sh", "-eu", "-c", block),
        cwd=clone,
        env={**os.environ, "HOME": str(tmp_path), "PIP_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "-on-start" in done.stdout + done.stderr
