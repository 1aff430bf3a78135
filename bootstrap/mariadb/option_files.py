"""Read the option files that a server reads: ours, and what it includes."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.galera import option_files
from bootstrap.core.galera.option_files import Line

DEPTH = 10
"""Files may include each other; the server stops there, too (my_default.c, `max_recursion_level`)."""


class OptionFiles(NamedTuple):
    """The option files of a server, as they are now."""

    texts: tuple[tuple[str, str], ...] = ()
    """Path and content of each; one that cannot be read is empty: the server itself says what it cannot read."""
    lines: tuple[Line, ...] = ()
    """Their options, in the server's order."""


def read(cnf: Path) -> OptionFiles:
    """Read a file and all that it includes."""
    texts: list[tuple[str, str]] = []
    lines = tuple(_read(cnf, DEPTH, texts))
    return OptionFiles(tuple(texts), lines)


def _read(path: Path, depth: int, texts: list[tuple[str, str]]) -> Iterator[Line]:
    text = ""
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace")
    texts.append((str(path), text))
    for entry in option_files.parse(str(path), text):
        if isinstance(entry, Line):
            yield entry
        elif depth:
            for included in _files(Path(entry.path), is_folder=entry.is_folder):
                yield from _read(included, depth - 1, texts)


def _files(path: Path, *, is_folder: bool) -> list[Path]:
    """The files of an include; of a folder those that the server reads, in its order."""
    if not is_folder:
        return [path]
    with suppress(OSError):
        return sorted(entry for entry in path.iterdir() if entry.suffix == ".cnf")
    return []
