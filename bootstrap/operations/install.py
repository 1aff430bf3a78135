"""Installs the tools in a pod: a folder for each release in the work-dir, and links that name the current one.

    WORK_DIR/galera-tools/0.1.0-1f2e3d4c5b6a/   a release, complete or absent
    WORK_DIR/peer-finder and so on              links into the current release
    WORK_DIR/on-start.sh                        the hook's name in manifests of 2016 and 2017

A running program is never written to ("text file busy"): a new release is a new folder, and the links are replaced.
Knows nothing of Galera except the names of its files.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from bootstrap.errors import InstallFailedError
from bootstrap.process.log import Log
from bootstrap.storage import atomic

COMMANDS = ("peer-finder", "peer-list", "galera-bootstrap")

PROBE_SECONDS = 60.0
"""Seconds that the copied program may take to print its version."""

PATIENCE = 120.0
"""Seconds to wait for another install; each copies 17 MB and runs the copy once."""

STAGING = ".staging-"
"""Begins the name of a copy that is not complete yet."""

FIXES = {
    errno.ENOSPC: "make room, or raise the sizeLimit of the volume",
    errno.EDQUOT: "make room, or raise the sizeLimit of the volume",
    errno.EROFS: "mount the volume without readOnly",
    errno.EACCES: "give the pod an fsGroup, or this container the uid that owns the folder",
    errno.EPERM: "give the pod an fsGroup, or this container the uid that owns the folder",
    errno.ENOENT: "mount a volume there",
    errno.ENOTDIR: "mount a volume there",
}
"""What to do about each error of the file system."""


def install(tools: Path, work_dir: Path, version: str, log: Log) -> Path:
    """Copy the self-contained tools into the work-dir and let the links name them; return the release's folder.

    The links change last: until then, and after any error, the release that was installed before still works.
    The same release is not copied again unless it is damaged.  The release before stays, for programs that still run.
    Raises InstallFailedError.
    """
    releases = work_dir / "galera-tools"
    with explain_os_error(work_dir):
        if releases.is_symlink():
            raise InstallFailedError(f"{releases} is a symbolic link: remove it, as its target would be emptied")
        make_folder(releases)
        with exclusive(releases, log):
            remove_staging(releases)
            digest = compute_digest(tools)
            release = releases / f"{version}-{digest[:12]}"
            if not is_intact(release, digest):
                publish(tools, release)
            before = current_release(work_dir)
            for command in COMMANDS:
                link(work_dir / command, os.path.join(releases.name, release.name, command))  # noqa: PTH118  # relative
            atomic.replace(work_dir / "on-start.sh", read_shipped("on-start.sh"), mode=0o755)
            if before not in (None, release.name):
                prune(releases, {before, release.name})
    return release


def prepare_config(config: Path) -> None:
    """Make conf.d for the user's options and, if there is none yet, a my-galera.cnf with which nothing starts.

    Raises InstallFailedError.
    """
    with explain_os_error(config):
        make_folder(config / "conf.d")
        if not (config / "my-galera.cnf").exists():
            atomic.replace(config / "my-galera.cnf", read_shipped("my-galera.cnf"), mode=0o644)


def make_folder(path: Path) -> None:
    """Make a folder that every container of the pod can read, whatever umask this one has.  Raises OSError."""
    try:
        path.mkdir()
        path.chmod(0o755)
    except FileExistsError:
        if not path.is_dir():
            raise


def read_shipped(name: str) -> bytes:
    """Read a file that is part of this package."""
    return resources.files("bootstrap.operations").joinpath("shipped", name).read_bytes()


def compute_digest(folder: Path) -> str:
    """Compute SHA-256 over names, contents, executable bits and links of a whole folder.  Raises OSError."""
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


def is_intact(release: Path, digest: str) -> bool:
    """Whether a release exists and is as it was copied; one that cannot be read is damaged."""
    try:
        return release.is_dir() and compute_digest(release) == digest
    except OSError:
        return False


def publish(tools: Path, release: Path) -> None:
    """Copy the tools, run the copy, and give it its name.  After OSError or InstallFailedError nothing is left.

    No file is synced, which would take a second for 260 files: each start of a pod runs this before it runs the copy,
    and compares all of it.  What a power cut has torn is copied again.
    """
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=release.parent))
    try:
        copy = staging / release.name
        shutil.copytree(tools, copy, symlinks=True, copy_function=shutil.copy)
        probe(copy)
        if release.exists():
            # It is damaged.  Programs that run from it keep their files open.
            release.rename(staging / "damaged")
        copy.rename(release)
        atomic.sync_folder(release.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def probe(copy: Path) -> None:
    """Run the copied program in its new place; raises InstallFailedError when it cannot run there."""
    program = copy / "galera-bootstrap"
    try:
        done = subprocess.run([program, "--version"], capture_output=True, timeout=PROBE_SECONDS, check=False)
    except PermissionError as exc:
        raise InstallFailedError(
            f"programs cannot be executed in {copy.parents[2]}: mount the volume without noexec"
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise InstallFailedError(
            f"the copied tools print no version within {PROBE_SECONDS:.0f} s: give this container more memory or CPU"
        ) from exc
    except OSError as exc:
        why = f"this machine is {os.uname().machine}" if exc.errno == errno.ENOEXEC else str(exc)
        raise InstallFailedError(f"the tools do not run here ({why}): use the image for this architecture") from exc
    if done.returncode != 0:
        line = (done.stderr.decode(errors="replace").strip().splitlines() or ["it printed nothing"])[-1]
        raise InstallFailedError(
            f"the copied tools do not run (status {done.returncode}: {line}): use an undamaged image"
        )


def current_release(work_dir: Path) -> str | None:
    """The name of the release that the links lead to now."""
    with suppress(OSError):
        return (work_dir / COMMANDS[-1]).readlink().parent.name
    return None


def link(path: Path, target: str) -> None:
    """Make a symbolic link to the target in one step; a file that was there is replaced.  Raises OSError."""
    new = Path(tempfile.mkdtemp(prefix=STAGING, dir=path.parent))
    try:
        (new / path.name).symlink_to(target)
        (new / path.name).replace(path)
        atomic.sync_folder(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove_staging(releases: Path) -> None:
    """Remove the copies that an interrupted install has left."""
    for left in (*releases.glob(f"{STAGING}*"), *releases.parent.glob(f"{STAGING}*")):
        shutil.rmtree(left, ignore_errors=True)


def prune(releases: Path, names: set[str | None]) -> None:
    """Remove all releases but these: the current one and the one before it, from which a program may still import."""
    for release in releases.iterdir():
        if release.is_dir() and release.name not in names:
            shutil.rmtree(release, ignore_errors=True)


@contextmanager
def exclusive(releases: Path, log: Log) -> Iterator[None]:
    """Wait until no other install runs in this folder.  Raises OSError, InstallFailedError after PATIENCE."""
    fd = os.open(releases, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        is_waiting, deadline = False, time.monotonic() + PATIENCE
        while not try_to_lock(fd):
            if not is_waiting:
                log(f"waiting for another install into {releases.parent}")
                is_waiting = True
            if time.monotonic() > deadline:
                raise InstallFailedError(
                    f"another install has run in {releases} for {PATIENCE:.0f} s: find the process that holds its lock"
                )
            time.sleep(0.1)
        yield
    finally:
        os.close(fd)


def try_to_lock(fd: int) -> bool:
    """Try to take the lock.  Raises OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def explain_os_error(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one line that says what to do."""
    try:
        yield
    except shutil.Error as exc:
        # It has a tuple (source, target, text) for each file; the first is enough.
        raise InstallFailedError(f"{folder} cannot be written: {exc.args[0][0][2]}; {find_fix(exc)}") from exc
    except OSError as exc:
        raise InstallFailedError(
            f"{exc.filename or folder}: {exc.strerror or exc}; {FIXES.get(exc.errno or 0, 'look at the volume')}"
        ) from exc


def find_fix(error: shutil.Error) -> str:
    """Find what to do by the text of the first failed copy: shutil.copytree keeps no error number."""
    text = str(error.args[0][0][2])
    return next((fix for number, fix in FIXES.items() if os.strerror(number) in text), "look at the volume")
