"""Runs the blocks of a page in a shell, as a reader would type them."""

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.guide.pages import Block, ByHand, How, Step, is_as_shown

PATIENCE = 600.0
"""Seconds for one command; no page has a command that waits longer."""


@dataclass
class Shell:
    """The shell into which a page is typed."""

    folder: Path
    """The working directory: a clone's `manifests`, and the files of the pages."""
    programs: Path
    """A folder with kubectl, which comes first in the PATH."""
    by_hand: Mapping[str, Callable[[], object]]
    """The steps that are not commands, as functions without arguments."""
    functions: str = ""
    """The functions that the guide defines once for all blocks."""
    transcript: list[str] = field(default_factory=list)
    """Everything that was typed and printed so far, to find the cause of a failure."""

    def follow(self, steps: Iterable[Step]) -> int:
        """Follow a page; returns the number of commands.  Raises AssertionError at the first that differs from it."""
        count = 0
        for step in steps:
            if isinstance(step, ByHand):
                self.by_hand[step.name]()
            elif step.how is How.FILE:
                (self.folder / step.file).write_text(step.text)
            elif step.how is How.CLUSTER:
                count += self.type(step)
        return count

    def type(self, block: Block) -> int:
        """Run a block; returns the number of its commands.  Raises AssertionError when one differs from the page."""
        for command in block.commands:
            status, output, errors = self.run(command.text)
            entry = f"{block.where}\n$ {command.text.strip()}\n{output}{errors}"
            self.transcript.append(entry)
            assert status == block.code, f"exit status {status} instead of {block.code}\n{entry}"
            if command.shown is not None:
                assert is_as_shown(command.shown, output), f"{entry}\n--- the page shows\n{command.shown}"
        return len(block.commands)

    def run(self, text: str) -> tuple[int, str, str]:
        """Run a text; returns exit status, stdout and stderr.  A command that fails ends the text, also in a pipe."""
        argv = ("bash", "-eu", "-o", "pipefail", "-c", f"{self.functions}\n{text}")
        env = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr
