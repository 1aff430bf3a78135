"""Programs of others that Debian does not have: found on the PATH, or built from the Go module proxy into the cache."""

import os
import shutil
import subprocess
import sys
import tempfile
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
    module: str = ""
    """Its module, if it is built from a module of our own: `go install` also asks for the list of all versions, which
    a proxy may not have."""

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

    def ensure_built(self) -> str:
        """The path of the program of this version, whatever is in the PATH.  Raises as `ensure`."""
        return str(self.built) if self.built else self.build()

    def build(self) -> str:
        """Build it into the cache; returns its path.  Raises as `ensure`."""
        if not shutil.which("go"):
            raise NoGoError(f"install {self.name}, or go to build it with: neither of them is here")
        self.cached.parent.mkdir(parents=True, exist_ok=True)
        flags = " ".join(("-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps.items())))
        options = ("-trimpath", "-ldflags", flags)
        if not self.module:
            self._run("install", *options, f"{self.package}@{self.version}")
            return str(self.cached)
        with tempfile.TemporaryDirectory() as folder:
            self._run("mod", "init", "build", folder=folder)
            self._run("mod", "edit", f"-require={self.module}@{self.version}", folder=folder)
            self._run("build", "-mod=mod", *options, "-o", str(self.cached), self.package, folder=folder)
        return str(self.cached)

    def _run(self, *words: str, folder: str | None = None) -> None:
        environment = {**os.environ, "GOBIN": str(self.cached.parent), "CGO_ENABLED": "0"}
        subprocess.run(("go", *words), cwd=folder, env=environment, check=True, timeout=self.seconds)


def print_path(find: Callable[[], str]) -> int:
    """Print what `find` finds or builds: a command line that makes a program be there; returns its exit code."""
    try:
        print(find())
    except NoGoError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0
