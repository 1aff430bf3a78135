"""What leaves the local storage: an archive and a bill of materials of each image, and the image's size."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images.archive import Archive
from images.bill import bill
from images.inputs import RECIPES
from images.running import BuildError, read_output, say
from images.tools import write_tools

TOOLS = "galera-install"
"""The image with the commands and nothing else."""

BUDGETS = {
    "galera-install": 60_000_000,
    "mysql-galera": 90_000_000,
    "mysql-galera-10.11": 90_000_000,
    "haproxy": 60_000_000,
}
"""The most compressed bytes that an image may have. A node pulls them before a pod can start."""


@dataclass(frozen=True)
class Image:
    """An image in the local storage."""

    tag: str
    id: str
    """It stays right when another clone moves the tag."""


def write(images: Mapping[str, Image], version: str, folder: Path) -> None:
    """Write NAME-TAG.tar and NAME-TAG.cdx.json into the folder and print a table of sizes.

    Of the tool image, also write the archive of its commands.

    An archive never stands beside the bill of another archive.
    Raises BuildError, after everything is written, when an image is over its budget.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{RECIPES[name].stem(version)}.tar" for name in images}
    archives = {name: publish(name, image, paths[name], version) for name, image in images.items()}
    if TOOLS in archives:
        say(f"{TOOLS}: {write_tools(archives[TOOLS], folder, version)}, and its sum in SHA256SUMS")
    print(table(archives))
    complaints = [over for name, archive in archives.items() if (over := over_budget(name, archive))]
    if complaints:
        raise BuildError("; ".join(complaints))


def publish(name: str, image: Image, path: Path, version: str) -> Archive:
    """Write one image's archive and, beside it, its bill.

    Both are made before the old ones are removed, and the old bill is removed first.
    """
    listed = path.with_suffix(".cdx.json")
    fresh = export(image.id, path.with_suffix(".new"), image.tag)
    try:
        document = json.dumps(bill(fresh, name, version), indent=1, sort_keys=True)
        listed.unlink(missing_ok=True)
        fresh.path.replace(path)
    finally:
        fresh.path.unlink(missing_ok=True)
    listed.write_text(document + "\n")
    say(f"{name}: {path} and .cdx.json, {fresh.digest}")
    return Archive(path)


def export(image: str, path: Path, name: str | None = None) -> Archive:
    """Write an image, given by id or tag, as an OCI archive with this name in it, compressed as in a registry."""
    fresh = path.with_suffix(".part")
    fresh.unlink(missing_ok=True)
    try:
        read_output(["buildah", "push", "--quiet", "--format=oci", image, f"oci-archive:{fresh}:{name or image}"])
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return Archive(path)


def table(archives: dict[str, Archive]) -> str:
    """The sizes as a Markdown table, in MB of a million bytes."""
    lines = ["| image | layers | uncompressed MB | compressed MB | budget MB |", "|---|---|---|---|---|"]
    for name, archive in archives.items():
        budget = f"{BUDGETS[name] / 1e6:.0f}" if name in BUDGETS else "none"
        sizes = f"{archive.uncompressed() / 1e6:.1f} | {archive.compressed / 1e6:.1f}"
        lines.append(f"| {name} | {len(archive.layers)} | {sizes} | {budget} |")
    return "\n".join(lines)


def over_budget(name: str, archive: Archive) -> str | None:
    """A complaint if the image is over its budget; else None."""
    budget = BUDGETS.get(name)
    if budget is None or archive.compressed <= budget:
        return None
    return (
        f"{name} has {archive.compressed / 1e6:.1f} MB compressed, and {budget / 1e6:.0f} MB are allowed: remove what "
        f"it does not need, or raise the budget in images/output.py and give the reason"
    )
