"""Runs the blocks of a page in a shell, as a reader would type them."""

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.guide.pages import Block, ByHand, How, Step, agrees

PATIENCE = 600.0
"""Seconds for one command; those that wait say in the page how long, and none says more."""


@dataclass
class Shell:
    """Where and with what a page is typed."""

    folder: Path
    """The working directory: a clone's `manifests`, and what the pages leave."""
    programs: Path
    """A folder with kubectl, before all others in the PATH."""
    by_hand: Mapping[str, Callable[[], object]]
    """What a reader does himself, as functions without arguments."""
    functions: str = ""
    """What the guide defines once for all blocks."""
    said: list[str] = field(default_factory=list)
    """All that was typed and printed so far, for whoever looks into a failure."""

    def follow(self, steps: Iterable[Step]) -> int:
        """Do what a page says; returns how many commands were run.  Raises AssertionError at the first that differs."""
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
        """Run a block; returns how many commands it had.  Raises AssertionError when one differs from the page."""
        for command in block.commands:
            status, printed, complaint = self.run(command.text)
            told = f"{block.where}\n$ {command.text.strip()}\n{printed}{complaint}"
            self.said.append(told)
            assert status == block.code, f"exit status {status} instead of {block.code}\n{told}"
            if command.shown is not None:
                assert agrees(command.shown, printed), f"{told}\n--- the page shows\n{command.shown}"
        return len(block.commands)

    def run(self, text: str) -> tuple[int, str, str]:
        """Exit status, output, complaints; a command that fails ends the block, in a pipe, too."""
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
