"""Parts of pages that are made from the code."""

import re
from collections.abc import Iterable, Iterator, Sequence

MADE = "_Made from {source} by `make reference`: change it there._"
"""The sentence at the beginning of each page, so that nobody edits it by hand."""


def begin(title: str, source: str, *paragraphs: str) -> Iterator[str]:
    """Yield the blocks with which a page begins."""
    yield from (f"# {title}", MADE.format(source=source), *paragraphs)


def escape(text: str) -> str:
    """Escape what Markdown would read as markup, outside of code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    marks = r"([*<\[\]]|(?<!\w)_|_(?!\w))"
    return "".join(part if number % 2 else re.sub(marks, r"\\\1", part) for number, part in enumerate(parts))


def write_cell(text: str) -> str:
    """Write a cell of a table; a pipe would end it, in code too."""
    return text.replace("|", "\\|")


def write_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(map(write_cell, cells))} |" for cells in lines)


def join_blocks(blocks: Iterable[str]) -> str:
    """Join the blocks of a page."""
    return "\n\n".join(blocks) + "\n"
