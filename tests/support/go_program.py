"""Programs of others that Debian does not have: found on the PATH, or built from the Go module proxy into the cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


class NoGoError(Exception):
    """The program is not there, and there is no Go to build it with; the text says what to install."""


@dataclass(frozen=True)
class GoProgram:
    """One program."""

    name: str
    package: str
    """What `go install` gets, without version."""
    version: str
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Variables that its own build sets by the linker."""
    seconds: float = 1800.0
    """How long a first build may take on a busy machine."""

    @property
    def cached(self) -> Path:
        """Where we build it, outside of the clone."""
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / f"peerfinder-{self.name}" / self.version / self.name

    @property
    def built(self) -> Path | None:
        """The path of the program that we have built, or None."""
        return self.cached if os.access(self.cached, os.X_OK) else None

    def find(self) -> str | None:
        """The path of the program, or None."""
        return shutil.which(self.name) or (str(self.built) if self.built else None)

    def ensure(self) -> str:
        """The path of the program; builds it if it is not there.

        Raises NoGoError, and subprocess.CalledProcessError if the build fails.
        """
        return self.find() or self.build()

    def build(self) -> str:
        """Build it into the cache; returns its path.  Raises as `ensure`."""
        if not shutil.which("go"):
            raise NoGoError(f"install {self.name}, or go to build it with: neither of them is here")
        self.cached.parent.mkdir(parents=True, exist_ok=True)
        flags = " ".join(("-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps.items())))
        environment = {**os.environ, "GOBIN": str(self.cached.parent), "CGO_ENABLED": "0"}
        command = ("go", "install", "-trimpath", "-ldflags", flags, f"{self.package}@{self.version}")
        subprocess.run(command, env=environment, check=True, timeout=self.seconds)
        return str(self.cached)


def print_path(find: Callable[[], str]) -> int:
    """Print what `find` finds or builds: a command line that makes a program be there; returns its exit code."""
    try:
        print(find())
    except NoGoError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0
