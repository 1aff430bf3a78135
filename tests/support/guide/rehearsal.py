"""The blocks of pages, typed into one shell that goes on after an error, with a kubectl that fails at one call.

Not a test of what the blocks do: nobody is there who would do it.  It shows what a reader's shell still sends after a
line that failed.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT
from tests.support.guide.pages import GUIDE, Block, How, blocks, steps

KUBECTL = Path(__file__).with_name("kubectl.sh")

FIRST = "".join(block.text for block in blocks(GUIDE / "README.md") if block.how is How.FIRST)

READS = re.compile(r"\s*(?:(?:SELECT|SHOW|CHECKSUM)\b[^;]*(?:;\s*|$))*", re.IGNORECASE)
"""Statements that change nothing."""

CHANGES = frozenset({"apply", "delete", "drain", "patch", "replace", "restart", "scale", "set", "undo"})
"""Words of kubectl after which something that was there is gone or is another thing."""

DRY = frozenset({"--dry-run=client", "--dry-run=server"})

PATIENCE = 60.0
"""Seconds for a page, which takes less than one on an idle machine."""


@dataclass(frozen=True)
class Call:
    """What kubectl was asked for."""

    block: int
    """Which text, from 0."""
    number: int
    """Which call of it, from 1."""
    words: tuple[str, ...]
    input: str

    def __str__(self) -> str:
        return " ".join(f"{' '.join(self.words)} <<< {self.input}".split())[:240]

    @property
    def overwrites(self) -> bool:
        """Whether it changes or removes what is there, on the cluster or in a database."""
        own, inside = self.words, ""
        if "--" in own:
            at = own.index("--")
            own, inside = own[:at], " ".join(own[at + 1 :])
        if "exec" not in own:
            nothing = own[-2:] == ("-f", "-") and not self.input
            return bool(CHANGES & set(own)) and not DRY & set(own) and not nothing
        if "galera-bootstrap" in inside:
            return "--epoch" in inside or inside.endswith(" discard")
        if re.search(r"\bmariadb (?!.*--socket=/tmp/)", inside):
            return not READS.fullmatch(self.input)
        return re.search(r"\brm ", inside + self.input) is not None


def prepared(folder: Path) -> Path:
    """The folder, as a reader has it who begins: a clone with one overlay; and with what takes a cluster's place."""
    overlay = "manifests/overlays/production"
    shutil.copytree(ROOT / overlay, folder / overlay)
    programs = folder / "programs"
    programs.mkdir()
    shutil.copy(KUBECTL, programs / "kubectl")
    (programs / "sleep").symlink_to("/bin/true")
    return folder


def texts(page: Path, folder: Path) -> list[str]:
    """What a reader of the page types, block by block; the files that it tells to save are in the folder."""
    typed = []
    for step in steps(page):
        if isinstance(step, Block) and step.how is How.FILE:
            (folder / step.file).write_text(step.text)
        elif isinstance(step, Block) and step.how is How.CLUSTER:
            typed.append("\n".join(command.text for command in step.commands))
    return typed


def rehearse(folder: Path, typed: Sequence[str], fail: str = "") -> list[Call]:
    """Type texts into one shell in a prepared folder; returns what kubectl was asked for, in its order.

    `fail` is `BLOCK.CALL`, as in `Call`: that one ends with an error.  The shell is an interactive one, because another
    one ends at `${name:?}`.
    """
    notes = folder / "notes"
    shutil.rmtree(notes, ignore_errors=True)
    notes.mkdir()
    lines = "".join(f"export BLOCK={number}\n{text}\n" for number, text in enumerate(typed))
    subprocess.run(
        ("bash", "--norc", "--noprofile", "-i"),
        cwd=folder,
        env={
            "PATH": f"{folder / 'programs'}:{os.environ['PATH']}",
            "HISTFILE": "/dev/null",
            "REHEARSAL": str(notes),
            "FAIL": fail,
        },
        input=f"{FIRST}\n{lines}",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
    )
    return sorted(map(noted, notes.glob("*.words")), key=lambda call: (call.block, call.number))


def noted(path: Path) -> Call:
    """A call as the program has written it down."""
    block, number, _ = path.name.split(".")
    words = tuple(path.read_text().split("\n\0")[:-1])
    return Call(int(block), int(number), words, path.with_suffix(".input").read_text())


def sent_after_a_failure(folder: Path, typed: Sequence[str], calls: Sequence[Call]) -> Iterator[tuple[Call, Call]]:
    """Each call of `calls`, which is what comes without a failure, and what its block still overwrites when it fails.

    A call that is tried again in a loop until it is answered is no failure.
    """
    for failed in calls:
        if not any(call.overwrites for call in rest(calls, failed)):
            continue
        copy = folder.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy, symlinks=True)
        after = rest(rehearse(copy, typed[: failed.block + 1], f"{failed.block}.{failed.number}"), failed)
        for number, call in enumerate(after):
            if call.overwrites and failed.words not in [earlier.words for earlier in after[:number]]:
                yield failed, call


def rest(calls: Sequence[Call], first: Call) -> list[Call]:
    """What comes after it in its block."""
    return [call for call in calls if call.block == first.block and call.number > first.number]
