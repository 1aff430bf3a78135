"""Run `cxfreeze build --build-exe FOLDER` so that it writes the same bytes each time.

cx_Freeze notes the time and the machine's name in a module of constants, and puts files into its library in the order
and with the dates of the file system.  Nothing here needs them, and with them every build would have another digest.
The dates inside compiled modules are those of their sources, so set the dates of the sources before.

A program made by cx_Freeze that imports `ssl` sets SSL_CERT_FILE in its own environment, and so in that of hooks and of
mariadbd. They would trust the authorities of this build's machine instead of those of their image.
"""

import marshal
import os
import shutil
import sys
from io import BytesIO
from pathlib import Path
from types import CodeType
from zipfile import ZipFile, ZipInfo

import cx_Freeze
from cx_Freeze import Module
from cx_Freeze.cli import main
from cx_Freeze.command import build_exe
from cx_Freeze.finder import ModuleFinder
from cx_Freeze.hooks import _ssl_
from cx_Freeze.module import ConstantsModule

EPOCH = 946684800
"""The date of the files that the build makes, 2000-01-01: a zip file cannot hold one before 1980."""

STARTER = "initscripts/__startup__.py"
"""cx_Freeze's file with the first code that a program runs; it is not in the library, but in the program itself."""

OUR_STARTER = Path(__file__).with_name("starter.py")

NOT_REPEATABLE = ("BUILD_HOST", "BUILD_TIMESTAMP", "SOURCE_TIMESTAMP")


class Constants(ConstantsModule):  # type: ignore[misc]  # unknown outside of the image's build
    """The module of constants, without those that differ between two builds."""

    def create(self, tmp_path: Path, modules: list[Module]) -> Path:
        """Write the module; returns its path."""
        path = Path(super().create(tmp_path, modules))
        kept = [line for line in path.read_text().splitlines() if not line.startswith(NOT_REPEATABLE)]
        path.write_text("\n".join(kept))
        os.utime(path, (EPOCH, EPOCH))
        return path


class NoAuthorities(_ssl_.Hook):  # type: ignore[misc]  # unknown outside of the image's build
    """The module `ssl` as in Python; our commands get the authority of each certificate that they check."""

    def ssl(self, finder: ModuleFinder, module: Module) -> None:
        """Add no list of authorities, and name none in the environment."""


def write_in_order(library: Path) -> None:
    """Write a zip file again: sorted by name, without dates, not compressed."""
    with ZipFile(library) as made:
        content = {name: made.read(name) for name in sorted(made.namelist())}
    with ZipFile(library, "w") as written:
        for name, data in content.items():
            written.writestr(ZipInfo(name), data)


def replace_starter(program: Path) -> None:
    """Replace the compiled code in the program's data by ours, which must not be longer."""
    code = marshal.dumps(compile(OUR_STARTER.read_text(), STARTER, "exec", optimize=2, dont_inherit=True))
    data = bytearray(program.read_bytes())
    at, size = find_starter(bytes(data))
    if len(code) > size:
        sys.exit(f"the starter of this cx_Freeze is another one: our code has {len(code)} octets for {size}")
    data[at : at + len(code)] = code
    program.write_bytes(data)


def find_starter(data: bytes) -> tuple[int, int]:
    """Find the starter's code in a program; returns its offset and length."""
    name = data.index(STARTER.encode())
    at = name
    while (at := data.rfind(b"\xe3\0\0\0\0", 0, at)) >= 0:
        stream = BytesIO(data[at : name + 100_000])
        try:
            code = marshal.load(stream)  # noqa: S302 - the build made it
        except (ValueError, TypeError, EOFError):
            continue
        if isinstance(code, CodeType) and code.co_name == "<module>" and code.co_filename.endswith(STARTER):
            return at, stream.tell()
    sys.exit("the program has no starter")


def copy_licenses(folder: Path, library: Path) -> None:
    """Put the licences of the included distributions beside them: most require that, and cx_Freeze leaves them out."""
    site = Path(cx_Freeze.__file__).parents[1]
    with ZipFile(library) as made:
        inside = {name.partition("/")[0] for name in made.namelist() if ".dist-info/" in name}
    # The interpreter and its libraries come from these distributions.
    inside |= {path.name for path in site.glob("freeze_core-*.dist-info")}
    for name in sorted(inside):
        shutil.copytree(site / name / "licenses", folder / name.removesuffix(".dist-info"))
    (folder.parent / "frozen_application_license.txt").rename(folder / "cx_Freeze")


if __name__ == "__main__":
    build_exe.ConstantsModule, _ssl_.Hook = Constants, NoAuthorities
    folder = Path(sys.argv[1])
    sys.argv[1:] = ["build", "--build-exe", str(folder)]
    main()
    write_in_order(folder / "lib" / "library.zip")
    for program in (path for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK)):
        replace_starter(program)
    copy_licenses(folder / "licenses", folder / "lib" / "library.zip")
