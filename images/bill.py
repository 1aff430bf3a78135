"""An image's bill of materials: what syft finds, and what our commands contain, which no package manager knows."""

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from images.archive import Archive
from images.running import BuildError, read_output

TOOLS = "opt/galera-tools"

PYTHON = re.compile(rb"\0(3\.\d+\.\d+)\0")
"""CPython's version inside a program that it is linked into; syft looks for the same in a program named python3."""

Component = dict[str, Any]
"""One entry of a CycloneDX bill."""


def bill(archive: Archive, name: str, version: str) -> Component:
    """The bill as a CycloneDX document.

    Equal images have equal bills: it has no random number, and its time is that of the image.
    """
    syft = shutil.which("syft", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if syft is None:
        raise BuildError("syft is not installed: run `scripts/setup.sh test`, which installs everything for a build")
    scan = [syft, "scan", "--quiet", f"oci-archive:{archive.path}", "--output=cyclonedx-json"]
    document: Component = json.loads(read_output([*scan, f"--source-name={name}", f"--source-version={version}"]))
    del document["serialNumber"]
    metadata = document["metadata"]
    metadata["timestamp"] = archive.config["created"]
    metadata["component"]["hashes"] = [{"alg": "SHA-256", "content": archive.digest.removeprefix("sha256:")}]
    document["components"] += tool_components(archive)
    return document


def tool_components(archive: Archive) -> Iterator[Component]:
    """The interpreter and the Python distributions in our commands."""
    program = archive.content(f"{TOOLS}/galera-tools")
    library = archive.content(f"{TOOLS}/lib/library.zip")
    if program is None or library is None:
        return
    for version in sorted(set(PYTHON.findall(program))):
        yield component("python", version.decode(), "generic", "PSF-2.0")
    with ZipFile(io.BytesIO(library)) as members:
        for path in sorted(members.namelist()):
            if path.endswith(".dist-info/METADATA"):
                facts = BytesHeaderParser().parsebytes(members.read(path))
                yield component(facts["Name"], facts["Version"], "pypi", facts["License-Expression"])


def component(name: str, version: str, kind: str, licence: str | None) -> Component:
    """One entry, with the package URL by which scanners know it."""
    purl = f"pkg:{kind}/{name.lower()}@{version}"
    entry = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return entry | ({"licenses": [{"expression": licence}]} if licence else {})
