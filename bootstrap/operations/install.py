"""The pod's own copy of the tools: a release a folder in the work-dir, and the links that name the current one.

    WORK_DIR/galera-tools/0.1.0-1f2e3d4c5b6a/   a release, whole or not there
    WORK_DIR/peer-finder, galera-bootstrap      links into the current release
    WORK_DIR/on-start.sh                        the hook's name in manifests of 2016 and 2017

A running program is never written to ("text file busy"): a new release is a new folder, and the links are replaced.
Knows nothing of Galera but the names of its files.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from bootstrap.errors import InstallFailedError
from bootstrap.storage import atomic

COMMANDS = ("peer-finder", "galera-bootstrap")

PROBE_SECONDS = 60.0
"""How long the copied program may take to tell its version."""

PATIENCE = 120.0
"""Seconds to wait for another install; each copies 17 MB and runs the copy once."""

Say = Callable[[str], None]

STAGING = ".staging-"
"""Begins the name of a copy that is not whole yet."""

CURES = {
    errno.ENOSPC: "make room, or raise the sizeLimit of the volume",
    errno.EDQUOT: "make room, or raise the sizeLimit of the volume",
    errno.EROFS: "mount the volume without readOnly",
    errno.EACCES: "give the pod an fsGroup, or this container the uid that owns the folder",
    errno.EPERM: "give the pod an fsGroup, or this container the uid that owns the folder",
    errno.ENOENT: "mount a volume there",
    errno.ENOTDIR: "mount a volume there",
}
"""What to do about an error of the file system."""


def install(tools: Path, work_dir: Path, version: str, say: Say) -> Path:
    """Copy the self-contained tools into the work-dir and let the links name them; return the release's folder.

    The links change last: until then, and after any error, what was installed before goes on working.
    The same release is not copied again, a damaged one is.  The release before stays, for programs that still run.
    Raises InstallFailedError.
    """
    releases = work_dir / "galera-tools"
    with told(work_dir):
        if releases.is_symlink():
            raise InstallFailedError(f"{releases} is a symbolic link: remove it, its folder would be emptied")
        make_folder(releases)
        with alone(releases, say):
            clear(releases)
            digest = digest_of(tools)
            release = releases / f"{version}-{digest[:12]}"
            if not is_whole(release, digest):
                put(tools, release)
            before = current(work_dir)
            for command in COMMANDS:
                link(work_dir / command, os.path.join(releases.name, release.name, command))  # noqa: PTH118  # relative
            atomic.replace(work_dir / "on-start.sh", shipped("on-start.sh"), mode=0o755)
            if before not in (None, release.name):
                keep(releases, {before, release.name})
    return release


def prepare_config(config: Path) -> None:
    """Make conf.d for the user's options, and a my-galera.cnf that starts nothing where there is none yet.

    Raises InstallFailedError.
    """
    with told(config):
        make_folder(config / "conf.d")
        if not (config / "my-galera.cnf").exists():
            atomic.replace(config / "my-galera.cnf", shipped("my-galera.cnf"), mode=0o644)


def make_folder(path: Path) -> None:
    """Make a folder that every container of the pod can read, whatever this one's umask is.  Raises OSError."""
    try:
        path.mkdir()
        path.chmod(0o755)
    except FileExistsError:
        if not path.is_dir():
            raise


def shipped(name: str) -> bytes:
    """A file that this package brings along."""
    return resources.files("bootstrap.operations").joinpath("shipped", name).read_bytes()


def digest_of(folder: Path) -> str:
    """SHA-256 over names, contents, executable bits and links of everything in a folder.  Raises OSError."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
        bits = path.stat().st_mode & 0o111 if kind == "file" else 0
        digest.update(f"{kind} {bits:o} {path.relative_to(folder)}\0".encode())
        if kind == "link":
            digest.update(os.readlink(path).encode())  # noqa: PTH115  # text is what is hashed
        elif kind == "file":
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_whole(release: Path, digest: str) -> bool:
    """Whether a release is there as it was copied; what cannot be read is damaged."""
    try:
        return release.is_dir() and digest_of(release) == digest
    except OSError:
        return False


def put(tools: Path, release: Path) -> None:
    """Copy the tools, try the copy, and give it its name.  Raises OSError, InstallFailedError; nothing is left then."""
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=release.parent))
    try:
        copy = staging / release.name
        shutil.copytree(tools, copy, symlinks=True, copy_function=copy_durably)
        probe(copy)
        if release.exists():
            # It is damaged.  Programs that run from it keep their files open.
            release.rename(staging / "damaged")
        copy.rename(release)
        atomic.sync_folder(release.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def copy_durably(source: str, target: str) -> str:
    """Copy a file's content and mode, and make it durable.  Raises OSError."""
    shutil.copy(source, target)
    with open(target, "rb") as file:  # noqa: PTH123  # shutil.copytree gives texts
        os.fsync(file.fileno())
    return target


def probe(copy: Path) -> None:
    """Run the copied program from where it now lies; raises InstallFailedError when it cannot run there."""
    program = copy / "galera-bootstrap"
    try:
        done = subprocess.run([program, "--version"], capture_output=True, timeout=PROBE_SECONDS, check=False)
    except PermissionError as exc:
        raise InstallFailedError(
            f"programs cannot be executed in {copy.parents[2]}: mount the volume without noexec"
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise InstallFailedError(
            f"the copied tools tell no version in {PROBE_SECONDS:.0f} s: give this container more memory or CPU"
        ) from exc
    except OSError as exc:
        why = f"this machine is {os.uname().machine}" if exc.errno == errno.ENOEXEC else str(exc)
        raise InstallFailedError(f"the tools do not run here ({why}): use the image for this architecture") from exc
    if done.returncode != 0:
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise InstallFailedError(
            f"the copied tools do not run (status {done.returncode}: {said}): use an image that is whole"
        )


def current(work_dir: Path) -> str | None:
    """The name of the release that the links name now."""
    with suppress(OSError):
        return (work_dir / COMMANDS[-1]).readlink().parent.name
    return None


def link(path: Path, target: str) -> None:
    """Let a symbolic link name the target, in one step; a file that was there is replaced.  Raises OSError."""
    new = Path(tempfile.mkdtemp(prefix=STAGING, dir=path.parent))
    try:
        (new / path.name).symlink_to(target)
        (new / path.name).replace(path)
        atomic.sync_folder(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def clear(releases: Path) -> None:
    """Remove what an interrupted install has left."""
    for left in (*releases.glob(f"{STAGING}*"), *releases.parent.glob(f"{STAGING}*")):
        shutil.rmtree(left, ignore_errors=True)


def keep(releases: Path, names: set[str | None]) -> None:
    """Remove the releases of other names.  Not the one before the current: a program that runs may still import."""
    for release in releases.iterdir():
        if release.is_dir() and release.name not in names:
            shutil.rmtree(release, ignore_errors=True)


@contextmanager
def alone(releases: Path, say: Say) -> Iterator[None]:
    """Wait until no other install works in this folder.  Raises OSError, InstallFailedError after PATIENCE."""
    fd = os.open(releases, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        waits, deadline = False, time.monotonic() + PATIENCE
        while not locked(fd):
            if not waits:
                say(f"waiting for another install into {releases.parent}")
                waits = True
            if time.monotonic() > deadline:
                raise InstallFailedError(
                    f"another install works in {releases} for {PATIENCE:.0f} s: look for what holds its lock"
                )
            time.sleep(0.1)
        yield
    finally:
        os.close(fd)


def locked(fd: int) -> bool:
    """Try to take the lock.  Raises OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one line that names the cure."""
    try:
        yield
    except shutil.Error as exc:
        # One tuple (source, target, text) a file; the first says enough.
        raise InstallFailedError(f"{folder} cannot be written: {exc.args[0][0][2]}; {cure_of(exc)}") from exc
    except OSError as exc:
        raise InstallFailedError(
            f"{exc.filename or folder}: {exc.strerror or exc}; {CURES.get(exc.errno or 0, 'look at the volume')}"
        ) from exc


def cure_of(error: shutil.Error) -> str:
    """What to do, by the text of the first failed copy: shutil.copytree keeps no error number."""
    text = str(error.args[0][0][2])
    return next((cure for number, cure in CURES.items() if os.strerror(number) in text), "look at the volume")
