"""The chart of docs/peer-finder-witness.md, made from the blocks of the page as a reader makes it."""

import os
import re
import subprocess
from pathlib import Path

from tests.paths import ROOT
from tests.support.manifests import helm
from tests.support.manifests.built import Documents, parse

PAGE = ROOT / "docs/peer-finder-witness.md"

BLOCK = re.compile(r"<!-- witness: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)\n```", re.DOTALL)


def make_chart(folder: Path) -> Path:
    """Make the chart in a folder that stands for a clone; helm must be there."""
    program = helm.find()
    assert program is not None
    (folder / "manifests").symlink_to(ROOT / "manifests")
    for found in BLOCK.finditer(PAGE.read_text()):
        if found["name"] == "create":
            environment = {**os.environ, "PATH": f"{Path(program).parent}:{os.environ['PATH']}", "HOME": str(folder)}
            subprocess.run(
                ("bash", "-eu", "-c", found["text"]),
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                timeout=120,
                check=True,
            )
        else:
            path = folder / found["name"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(found["text"] + "\n")
    return folder / "db"


def render(chart: Path, *words: str) -> Documents:
    """Render the chart as the release `db` in the namespace `db`."""
    return parse(helm.run("template", "db", str(chart), "--namespace=db", *words))
