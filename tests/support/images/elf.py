"""What a dynamic ELF file needs from the system that it runs on."""

import re
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

Version = tuple[int, ...]


def elf_files(folder: Path) -> list[Path]:
    """All programs and libraries in a folder, links not followed."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink() and is_elf(path)]


def is_elf(path: Path) -> bool:
    """Whether the file begins as an ELF file does."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def libraries(path: Path) -> set[str]:
    """The names of the libraries that the file is linked with."""
    with path.open("rb") as file:
        sections = [s for s in ELFFile(file).iter_sections() if isinstance(s, DynamicSection)]
        tags = [tag for section in sections for tag in section.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
        # The attribute is made at run time, and is named after the tag.
        return {str(vars(tag)["needed"]) for tag in tags}


def glibc_versions(path: Path) -> set[Version]:
    """The versions of glibc's symbols that the file uses, as (2, 17)."""
    with path.open("rb") as file:
        sections = [s for s in ELFFile(file).iter_sections() if isinstance(s, GNUVerNeedSection)]
        names = {aux.name for section in sections for _, needed in section.iter_versions() for aux in needed}
    found = (re.fullmatch(r"GLIBC_(\d+(?:\.\d+)*)", name) for name in names)
    return {tuple(int(part) for part in match[1].split(".")) for match in found if match}
