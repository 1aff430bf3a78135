"""The commands without an image: an archive for those who copy a program into an image or a chart of their own."""

import gzip
import hashlib
import tarfile
from pathlib import Path, PurePosixPath

from images.archive import Archive
from images.running import BuildError

TREE = "opt/galera-tools"
"""Where the tool image has the commands."""

SUMS = "SHA256SUMS"
"""Checked by `sha256sum --check --ignore-missing`."""


def write_tools(archive: Archive, folder: Path, version: str) -> Path:
    """Write galera-tools-VERSION-linux-ARCH.tar.gz, with one folder in it, and SHA256SUMS; returns its path.

    The same image gives the same octets.  Raises BuildError when the image has no commands.
    """
    name = f"galera-tools-{version}-linux-{archive.config['architecture']}"
    path = folder / f"{name}.tar.gz"
    fresh = path.with_suffix(".new")
    try:
        with (
            fresh.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tools,
        ):
            count = _copy(archive, tools, name)
        if not count:
            raise BuildError(f"{archive.path} has no {TREE}: it is no tool image")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    _write_sums(folder)
    return path


def _copy(archive: Archive, tools: tarfile.TarFile, top: str) -> int:
    """Copy the tree, as root's; returns how many files and links it has."""
    count = 0
    for members, member in archive.walk():
        inside = PurePosixPath(member.name)
        if not inside.is_relative_to(TREE):
            continue
        member.name = str(top / inside.relative_to(TREE))
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.pax_headers = {}
        if member.islnk():
            member.linkname = str(top / PurePosixPath(member.linkname).relative_to(TREE))
        tools.addfile(member, members.extractfile(member) if member.isreg() else None)
        count += not member.isdir()
    return count


def _write_sums(folder: Path) -> None:
    """Write the sums of all archives of commands in the folder, of all architectures and versions."""
    archives = sorted(folder.glob("galera-tools-*.tar.gz"))
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in archives)
    (folder / SUMS).write_text("".join(lines))
