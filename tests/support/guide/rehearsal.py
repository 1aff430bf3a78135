"""Types the blocks of pages into one shell that goes on after an error, with a kubectl that fails at one call.

This does not test the effect of the blocks, because there is no cluster.  It shows what a reader's shell still sends
after a line that failed.
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
"""Words of kubectl that remove or change existing objects."""

DRY = frozenset({"--dry-run=client", "--dry-run=server"})

PATIENCE = 60.0
"""Seconds for a page; on an idle machine it takes less than one."""


@dataclass(frozen=True)
class Call:
    """A call of kubectl."""

    block: int
    """The number of the text, from 0."""
    number: int
    """The number of the call in this text, from 1."""
    words: tuple[str, ...]
    input: str

    def __str__(self) -> str:
        return " ".join(f"{' '.join(self.words)} <<< {self.input}".split())[:240]

    @property
    def is_overwriting(self) -> bool:
        """Whether the call changes or removes existing objects or data, in the cluster or in a database."""
        own, inside = self.words, ""
        if own[0] == "galera":
            return own[1] == "discard" or "--epoch" in own or (own[1] == "sql" and not READS.fullmatch(self.input))
        if "--" in own:
            at = own.index("--")
            own, inside = own[:at], " ".join(own[at + 1 :])
        if "exec" not in own:
            nothing = own[-2:] == ("-f", "-") and not self.input
            return bool(CHANGES & set(own)) and not DRY & set(own) and not nothing
        if re.search(r"\bmariadb (?!.*--socket=/tmp/)", inside):
            return not READS.fullmatch(self.input)
        return re.search(r"\brm ", inside + self.input) is not None


def prepare(folder: Path) -> Path:
    """Fill a folder as a reader has it at the start, with a clone of one overlay, and with our kubectl."""
    overlay = "manifests/overlays/production"
    shutil.copytree(ROOT / overlay, folder / overlay)
    programs = folder / "programs"
    programs.mkdir()
    shutil.copy(KUBECTL, programs / "kubectl")
    (programs / "sleep").symlink_to("/bin/true")
    return folder


def texts(page: Path, folder: Path) -> list[str]:
    """The texts that a reader of the page types, block by block; this also saves the page's files in the folder."""
    typed = []
    for step in steps(page):
        if isinstance(step, Block) and step.how is How.FILE:
            (folder / step.file).write_text(step.text)
        elif isinstance(step, Block) and step.how is How.CLUSTER:
            typed.append("\n".join(command.text for command in step.commands))
    return typed


def rehearse(folder: Path, typed: Sequence[str], fail: str = "") -> list[Call]:
    """Type texts into one shell in a prepared folder; returns the calls of kubectl, in their order.

    `fail` is `BLOCK.CALL`, as in `Call`: that call ends with an error.  The shell is interactive, because another shell
    would end at `${name:?}`.
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
    return sorted(map(read_call, notes.glob("*.words")), key=lambda call: (call.block, call.number))


def read_call(path: Path) -> Call:
    """Read a call from the notes of our kubectl."""
    block, number, _ = path.name.split(".")
    words = tuple(path.read_text().split("\n\0")[:-1])
    return Call(int(block), int(number), words, path.with_suffix(".input").read_text())


def find_sent_after_failure(folder: Path, typed: Sequence[str], calls: Sequence[Call]) -> Iterator[tuple[Call, Call]]:
    """Let each call fail in turn; returns it with each call that its block still sends and that overwrites something.

    `calls` are the calls without a failure.  A call that a loop repeats until it is answered is not a failure.
    """
    for failed in calls:
        if not any(call.is_overwriting for call in rest(calls, failed)):
            continue
        copy = folder.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy, symlinks=True)
        after = rest(rehearse(copy, typed[: failed.block + 1], f"{failed.block}.{failed.number}"), failed)
        for number, call in enumerate(after):
            if call.is_overwriting and failed.words not in [earlier.words for earlier in after[:number]]:
                yield failed, call


def rest(calls: Sequence[Call], first: Call) -> list[Call]:
    """The calls after `first` in its block."""
    return [call for call in calls if call.block == first.block and call.number > first.number]
