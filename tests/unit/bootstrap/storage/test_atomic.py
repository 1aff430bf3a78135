"""files.replace: the old content or the new, whatever fails."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.storage import atomic
from tests.paths import ROOT

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: giving up root's rights needs root")


def test_a_file_is_made_with_its_content_and_mode(tmp_path: Path) -> None:
    atomic.replace(tmp_path / "a", b"new", 0o640)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_the_mode_is_private_by_default_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        atomic.replace(tmp_path / "a", b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_an_open_reader_keeps_the_whole_old_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old" * 1000)
    with (tmp_path / "a").open("rb") as reader:
        atomic.replace(tmp_path / "a", b"new")
        assert reader.read() == b"old" * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_symlink_is_replaced_and_what_it_points_at_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "a").symlink_to("target")
    atomic.replace(tmp_path / "a", b"new")
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    """The limit on a file's size fails in the middle of the write, as a full disk does."""
    (tmp_path / "a").write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            atomic.replace(tmp_path / "a", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@ROOT_ONLY
def test_a_really_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], check=False)
    if mounted.returncode != 0:
        pytest.skip("NOT TESTED: mounting a small tmpfs is not allowed here")
    try:
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(OSError, match="No space left"):
            atomic.replace(tmp_path / "a", b"x" * 100_000)
        assert (tmp_path / "a").read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_rename_that_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        atomic.replace(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.replace(tmp_path / "no" / "a", b"new")


@ROOT_ONLY
def test_a_folder_that_may_not_be_written_is_an_os_error(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    code = (
        "import os, pathlib, sys, tempfile; from bootstrap.storage import atomic; os.setuid(12345)\n"
        "try: atomic.replace(pathlib.Path(sys.argv[1]), b'new')\n"
        "except PermissionError: print('refused')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.stdout == "refused\n", result.stderr


def test_sync_folder_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError):
        atomic.sync_folder(tmp_path / "a")


def test_content_and_name_are_durable_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the new content, while the old file is still there; then the name."""
    target, synced, fsync = tmp_path / "a", [], os.fsync
    target.write_bytes(b"old")

    def note(fd: int) -> None:
        synced.append((Path(f"/proc/self/fd/{fd}").readlink(), target.read_bytes()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    atomic.replace(target, b"new")
    (content, at_first), (folder, at_last) = synced
    assert (content.parent, content.suffix, folder) == (tmp_path, ".tmp", tmp_path)
    assert (at_first, at_last) == (b"old", b"new")
