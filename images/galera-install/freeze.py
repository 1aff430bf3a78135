"""Run `cxfreeze build --build-exe FOLDER` so that it gives the same octets each time.

cx_Freeze notes the hour and the machine's name in a module of constants, and puts files into its library in the order
and with the dates of the file system.  Nothing here needs them, and every build would be an image digest of its own.
The dates inside compiled modules are those of their sources: touch those before.

A program of cx_Freeze's that imports `ssl` sets SSL_CERT_FILE in its own environment, and so in that of hooks and of
mariadbd, which would trust the authorities of this build's machine in place of its image's.
"""

import os
import shutil
import sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import cx_Freeze
from cx_Freeze import Module
from cx_Freeze.cli import main
from cx_Freeze.command import build_exe
from cx_Freeze.finder import ModuleFinder
from cx_Freeze.hooks import _ssl_
from cx_Freeze.module import ConstantsModule

EPOCH = 946684800
"""The date of what the build makes itself, 2000-01-01: a zip file knows none before 1980."""

NOT_REPEATABLE = ("BUILD_HOST", "BUILD_TIMESTAMP", "SOURCE_TIMESTAMP")


class Constants(ConstantsModule):  # type: ignore[misc]  # unknown outside of the image's build
    """The module of constants without what differs between two builds."""

    def create(self, tmp_path: Path, modules: list[Module]) -> Path:
        """Write the module; returns its path."""
        path = Path(super().create(tmp_path, modules))
        kept = [line for line in path.read_text().splitlines() if not line.startswith(NOT_REPEATABLE)]
        path.write_text("\n".join(kept))
        os.utime(path, (EPOCH, EPOCH))
        return path


class NoAuthorities(_ssl_.Hook):  # type: ignore[misc]  # unknown outside of the image's build
    """The module `ssl` as Python has it; certificates that are looked at here come with their own authority."""

    def ssl(self, finder: ModuleFinder, module: Module) -> None:
        """Neither bring a list of authorities along nor name one in the environment."""


def in_order(library: Path) -> None:
    """Write a zip file anew: by name, without dates, stored."""
    with ZipFile(library) as made:
        content = {name: made.read(name) for name in sorted(made.namelist())}
    with ZipFile(library, "w") as written:
        for name, data in content.items():
            written.writestr(ZipInfo(name), data)


def copy_licenses(folder: Path, library: Path) -> None:
    """Put the licences of what is inside beside it: most of them ask for that, and cx_Freeze leaves them out."""
    site = Path(cx_Freeze.__file__).parents[1]
    with ZipFile(library) as made:
        inside = {name.partition("/")[0] for name in made.namelist() if ".dist-info/" in name}
    # The interpreter and the libraries under it come from there.
    inside |= {path.name for path in site.glob("freeze_core-*.dist-info")}
    for name in sorted(inside):
        shutil.copytree(site / name / "licenses", folder / name.removesuffix(".dist-info"))
    (folder.parent / "frozen_application_license.txt").rename(folder / "cx_Freeze")


if __name__ == "__main__":
    build_exe.ConstantsModule, _ssl_.Hook = Constants, NoAuthorities
    folder = Path(sys.argv[1])
    sys.argv[1:] = ["build", "--build-exe", str(folder)]
    main()
    in_order(folder / "lib" / "library.zip")
    copy_licenses(folder / "licenses", folder / "lib" / "library.zip")
