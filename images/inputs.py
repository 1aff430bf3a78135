"""What an image is made of: which files of the repository, which version, revision and time. Reads, never builds."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from images.running import BuildError, missing, say

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""

NO_COMMIT_EPOCH = 1767225600
"""The time of an image that is built outside of a git clone: 2026-01-01."""


NOTHING_TO_TELL = (b"not a git repository (or any", b"does not have any commits yet")
"""Why git has no commit for us, and that is no fault: it is said of an unpacked archive and of a new repository."""


@dataclass(frozen=True)
class Recipe:
    """How one image comes about."""

    name: str
    """The image's name and its folder's."""
    context: str
    """The folder of the repository that is the root of the build context."""
    files: tuple[str, ...]
    """What the build may see: files and folders of the repository."""
    parents: tuple[str, ...] = ()
    """Images of ours whose content goes into it."""

    @property
    def dockerfile(self) -> str:
        """Its path in the build context."""
        return os.path.relpath(f"images/{self.name}/Dockerfile", self.context)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("base", "images/base", ("images/base",)),
        Recipe(
            "galera-install",
            ".",
            ("pyproject.toml", "README.md", "LICENSE", "peerfinder", "bootstrap", "images/galera-install"),
        ),
        Recipe("mysql-galera", "images/mysql-galera", ("images/mysql-galera",), parents=("galera-install",)),
        Recipe("haproxy", "images/haproxy", ("images/haproxy",), parents=("galera-install",)),
    )
}


@dataclass(frozen=True)
class Origin:
    """The commit that an image stands for, and its time."""

    revision: str
    """The last commit that changed what the image is made of; ends with `-dirty` when a file differs from it."""
    epoch: int
    """Seconds since 1970 that every file of the image and the image itself carry."""

    @property
    def created(self) -> str:
        """The time as RFC 3339, as OCI labels have it."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version() -> str:
    """The project's version; raises BuildError where it has none."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "bootstrap" / "__init__.py").read_text(), re.MULTILINE)
    if not found:
        raise BuildError("bootstrap/__init__.py has no __version__")
    return found[1]


def sources(recipe: Recipe) -> tuple[str, ...]:
    """What of the repository decides on the image's content, its parents' files included."""
    return (*recipe.files, *(file for parent in recipe.parents for file in sources(RECIPES[parent])))


def files_of(recipe: Recipe) -> Iterator[Path]:
    """The files of the build context, sorted; never caches, and nothing hidden."""
    for given in recipe.files:
        top = ROOT / given
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
                yield path


def origin(recipe: Recipe) -> Origin:
    """The image's commit and time; SOURCE_DATE_EPOCH of the environment has the last word on the time.

    Raises BuildError when git refuses to tell of a clone, or SOURCE_DATE_EPOCH is no time.
    """
    paths = sources(recipe)
    commit, _, seconds = git("log", "-1", "--format=%H %ct", "--", *paths).partition(" ")
    dirty = "-dirty" if commit and git("status", "--porcelain", "--", *paths) else ""
    if commit in cut_off():
        warn_of_cut_off()
    epoch = given_epoch()
    return Origin(commit + dirty, int(seconds or NO_COMMIT_EPOCH) if epoch is None else epoch)


def given_epoch() -> int | None:
    """SOURCE_DATE_EPOCH, if it is set. Raises BuildError when it is no time."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text and not re.fullmatch("[0-9]{1,11}", text):
        raise BuildError(f"SOURCE_DATE_EPOCH is {text!r}: it must be a number, the seconds since 1970")
    return int(text) if text else None


def cut_off() -> Sequence[str]:
    """The commits whose parents a shallow clone does not have: they look as if they had changed every file."""
    if git("rev-parse", "--is-shallow-repository") != "true":
        return ()
    return (ROOT / git("rev-parse", "--git-path", "shallow")).read_text().split()


@cache
def warn_of_cut_off() -> None:
    """Say once that the images have another revision and time than those of a whole clone."""
    say(
        "NOT THE PUBLISHED IMAGE: this clone is shallow, and the commit that last changed the image's files is cut "
        "off: revision, time and digest are others. To have them: git fetch --unshallow"
    )


def git(*args: str) -> str:
    """What git says of the repository; nothing when this is no clone, or one without a commit.

    Raises BuildError when it refuses, as for a clone of another user.
    """
    env = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, check=False, env=env)
    except FileNotFoundError as exc:
        if (ROOT / ".git").exists():
            raise missing("git") from exc
        return ""
    if done.returncode == 0:
        return done.stdout.decode(errors="replace").strip()
    if any(reason in done.stderr for reason in NOTHING_TO_TELL):
        return ""
    said = " ".join(done.stderr.decode(errors="replace").split())
    raise BuildError(f"the images' revision is unknown, because git {args[0]} failed: {said}")


def key(recipe: Recipe, command: Sequence[str], args: Mapping[str, str]) -> str:
    """Names an image by all that decides on it: a build with the same key gives the same image.

    `command` is what builds it, but for names that change from run to run; `args` are the build arguments.
    What Debian's and Python's archives hold today is not in it: `--fresh` fetches that.
    """
    digest = hashlib.sha256(json.dumps([list(command), dict(sorted(args.items()))]).encode())
    for path in files_of(recipe):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)} {is_program(path)} {content}\n".encode())
    return digest.hexdigest()


def is_program(path: Path) -> bool:
    """Whether git would keep it as executable."""
    return bool(path.stat().st_mode & 0o100)


def copy_context(recipe: Recipe, to: Path, epoch: int) -> None:
    """Lay out the build context: the recipe's files alone, with modes and times that no umask and no clone changes."""
    for path in files_of(recipe):
        target = to / path.relative_to(ROOT / recipe.context)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if is_program(path) else 0o644)
    for path in (to, *to.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (epoch, epoch))
