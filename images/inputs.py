"""What an image is made of: files of the repository, version, revision and time. This only reads, it never builds."""

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
from typing import NamedTuple

from images.running import BuildError, missing_program, say

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""

NO_COMMIT_EPOCH = 1767225600
"""The time of an image that is built outside of a git clone: 2026-01-01."""


NO_COMMIT_MESSAGES = (b"not a git repository (or any", b"does not have any commits yet")
"""git prints these for an unpacked archive and for a new repository; there is no commit then, and that is no error."""


@dataclass(frozen=True)
class Recipe:
    """How one image is built."""

    name: str
    """The name of the image and of its folder."""
    context: str
    """The folder of the repository that is the root of the build context."""
    files: tuple[str, ...]
    """Files and folders of the repository that the build may see."""
    parents: tuple[str, ...] = ()
    """Images of this project whose content goes into it."""
    suite: str = "bookworm"
    """The Debian of its base.  The tools run on every Debian that is newer than the one they are built on."""
    series: str = ""
    """The series of MariaDB in it, a key of SERIES; empty = it has none."""

    @property
    def folder(self) -> str:
        """Its folder, which images of several series share."""
        return self.context if self.context.startswith("images/") else f"images/{self.name}"

    @property
    def dockerfile(self) -> str:
        """Its path in the build context."""
        return os.path.relpath(f"{self.folder}/Dockerfile", self.context)

    def tag(self, version: str) -> str:
        """Return its name in the local storage; the one of another series than the default has that in its tag."""
        return f"localhost/{Path(self.folder).name}:{version}{self._suffix}"

    def stem(self, version: str) -> str:
        """Return the name of its archive and bill, without the ending: its name and its tag."""
        name = Path(self.folder).name if self.series else self.name
        return f"{name}-{version}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return f"-{self.series}" if self.series not in ("", DEFAULT_SERIES) else ""


class Packages(NamedTuple):
    """The Debian that has a series of MariaDB, and the exact versions there."""

    suite: str
    mariadb: str
    galera: str


DEFAULT_SERIES = "11.8"
"""The series of the image without a series in its name."""

SERIES = {
    "11.8": Packages("trixie", "1:11.8.9+ds-0+deb13u1", "26.4.23-0+deb13u1"),
    "10.11": Packages("bookworm", "1:10.11.19-0+deb12u1", "26.4.23-0+deb12u1"),
}
"""A human changes the versions, never the day of a build.  When Debian has a newer one, the build fails, because its
archive keeps no older one: then raise these, and those of the Dockerfile, which are the default's."""


def name_server_image(series: str) -> str:
    """Return the name of the server image of a series.  Raises BuildError for one that there is not."""
    if series not in SERIES:
        raise BuildError(f"there is no image with MariaDB {series!r}: it is one of {', '.join(SERIES)}")
    return "mysql-galera" if series == DEFAULT_SERIES else f"mysql-galera-{series}"


def make_server_recipe(series: str) -> Recipe:
    """Return the recipe of the server image of a series."""
    folder = "images/mysql-galera"
    return Recipe(name_server_image(series), folder, (folder,), ("galera-install",), SERIES[series].suite, series)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("base", "images/base", ("images/base",)),
        Recipe("base-trixie", "images/base", ("images/base",), suite="trixie"),
        Recipe(
            "galera-install",
            ".",
            ("pyproject.toml", "README.md", "LICENSE", "peerfinder", "bootstrap", "images/galera-install"),
        ),
        *map(make_server_recipe, SERIES),
        Recipe("haproxy", "images/haproxy", ("images/haproxy",), parents=("galera-install",)),
    )
}

BASES = {recipe.suite: recipe.name for recipe in RECIPES.values() if recipe.name.startswith("base")}
"""The suite of a Debian -> the recipe of the stand-in for its image."""


def choose_series(names: list[str], series: str) -> list[str]:
    """Replace the server images by the one of this series."""
    chosen = [name_server_image(series) if RECIPES[name].series else name for name in names]
    return list(dict.fromkeys(chosen))


@dataclass(frozen=True)
class Origin:
    """The commit that an image is built from, and its time."""

    revision: str
    """The last commit that changed a file of the image; ends with `-dirty` when a file differs from that commit."""
    epoch: int
    """Seconds since 1970: the time of the image and of every file in it."""

    @property
    def created(self) -> str:
        """The time in the form of RFC 3339, as in OCI labels."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version() -> str:
    """The project's version; raises BuildError where it has none."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "bootstrap" / "__init__.py").read_text(), re.MULTILINE)
    if not found:
        raise BuildError("bootstrap/__init__.py has no __version__")
    return found[1]


def sources(recipe: Recipe) -> tuple[str, ...]:
    """The files and folders of the repository that determine the image's content, with those of its parents."""
    return (*recipe.files, *(file for parent in recipe.parents for file in sources(RECIPES[parent])))


def files_of(recipe: Recipe) -> Iterator[Path]:
    """The files of the build context, sorted, without caches and hidden files."""
    for given in recipe.files:
        top = ROOT / given
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
                yield path


def origin(recipe: Recipe) -> Origin:
    """The image's commit and time; SOURCE_DATE_EPOCH of the environment overrides the time.

    Raises BuildError when git refuses to read a clone, or SOURCE_DATE_EPOCH is not a time.
    """
    paths = sources(recipe)
    commit, _, seconds = git("log", "-1", "--format=%H %ct", "--", *paths).partition(" ")
    dirty = "-dirty" if commit and git("status", "--porcelain", "--", *paths) else ""
    if commit in cut_off_commits():
        warn_of_cut_off()
    epoch = given_epoch()
    return Origin(commit + dirty, int(seconds or NO_COMMIT_EPOCH) if epoch is None else epoch)


def given_epoch() -> int | None:
    """SOURCE_DATE_EPOCH, if it is set. Raises BuildError when it is not a time."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text and not re.fullmatch("[0-9]{1,11}", text):
        raise BuildError(f"SOURCE_DATE_EPOCH is {text!r}: set it to a number, the seconds since 1970, or unset it")
    return int(text) if text else None


def cut_off_commits() -> Sequence[str]:
    """The commits whose parents a shallow clone does not have; they look as if they had changed every file."""
    if git("rev-parse", "--is-shallow-repository") != "true":
        return ()
    return (ROOT / git("rev-parse", "--git-path", "shallow")).read_text().split()


@cache
def warn_of_cut_off() -> None:
    """Warn once that the images have another revision and time than those of a whole clone."""
    say(
        "NOT THE PUBLISHED IMAGE: this clone is shallow, and the commit that last changed the image's files is cut "
        "off, so revision, time and digest differ. To get the published ones, run `git fetch --unshallow`"
    )


def git(*args: str) -> str:
    """The output of git in the repository; empty when this is not a clone, or one without a commit.

    Raises BuildError when git refuses, as it does for a clone of another user.
    """
    env = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, check=False, env=env)
    except FileNotFoundError as exc:
        if (ROOT / ".git").exists():
            raise missing_program("git") from exc
        return ""
    if done.returncode == 0:
        return done.stdout.decode(errors="replace").strip()
    if any(reason in done.stderr for reason in NO_COMMIT_MESSAGES):
        return ""
    complaint = " ".join(done.stderr.decode(errors="replace").split())
    raise BuildError(f"the images' revision is unknown, because git {args[0]} failed: {complaint}")


def key(recipe: Recipe, command: Sequence[str], args: Mapping[str, str]) -> str:
    """Compute a name for an image from all that determines it: a build with the same key gives the same image.

    `command` builds it, without names that change with each run; `args` are the build arguments.
    What Debian's and Python's archives have today is not in the key; `--fresh` fetches that.
    """
    digest = hashlib.sha256(json.dumps([list(command), dict(sorted(args.items()))]).encode())
    for path in files_of(recipe):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)} {is_program(path)} {content}\n".encode())
    return digest.hexdigest()


def is_program(path: Path) -> bool:
    """Whether git would store the file as executable."""
    return bool(path.stat().st_mode & 0o100)


def copy_context(recipe: Recipe, to: Path, epoch: int) -> None:
    """Make the build context: only the recipe's files, with modes and times that no umask and no clone changes."""
    for path in files_of(recipe):
        target = to / path.relative_to(ROOT / recipe.context)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if is_program(path) else 0o644)
    for path in (to, *to.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (epoch, epoch))
