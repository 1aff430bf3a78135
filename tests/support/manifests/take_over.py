"""The values that the page of each origin tells its reader to save."""

import re

from tests.paths import ROOT

PAGES = ROOT / "docs/operations/take-over"

YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def read_blocks(name: str) -> list[str]:
    """The blocks of YAML on a page."""
    return YAML.findall((PAGES / f"{name}.md").read_text())


def read_values(name: str) -> str:
    """The values of the chart on a page."""
    (values,) = [block for block in read_blocks(name) if block.startswith("# values.yaml")]
    return values
