"""What leaves the local storage: an archive and a bill of materials of each image, and what it weighs."""

import json
from pathlib import Path

from images.archive import Archive
from images.bill import bill
from images.running import BuildError, answer, say

BUDGETS = {"galera-install": 60_000_000, "mysql-galera": 90_000_000}
"""Compressed bytes that an image may have at most: what a node pulls before a pod can start."""


def write(tags: dict[str, str], version: str, folder: Path) -> None:
    """Write NAME-VERSION.tar and NAME-VERSION.cdx.json into the folder and print a table of sizes.

    Raises BuildError, after all is written, when an image is over its budget.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archives = {}
    for name, tag in tags.items():
        stem = f"{name}-{version}"
        archives[name] = export(tag, folder / f"{stem}.tar")
        document = json.dumps(bill(archives[name], name, version), indent=1, sort_keys=True)
        (folder / f"{stem}.cdx.json").write_text(document + "\n")
        say(f"{name}: {folder / stem}.tar and .cdx.json, {archives[name].digest}")
    print(table(archives))
    complaints = [over for name, archive in archives.items() if (over := over_budget(name, archive))]
    if complaints:
        raise BuildError("; ".join(complaints))


def export(tag: str, path: Path) -> Archive:
    """The image as an OCI archive, its layers compressed as a registry would have them."""
    fresh = path.with_suffix(".part")
    fresh.unlink(missing_ok=True)
    answer(["buildah", "push", "--quiet", "--format=oci", tag, f"oci-archive:{fresh}:{tag}"])
    fresh.replace(path)
    return Archive(path)


def table(archives: dict[str, Archive]) -> str:
    """Sizes as a Markdown table, in MB of a million bytes."""
    lines = ["| image | layers | uncompressed MB | compressed MB | budget MB |", "|---|---|---|---|---|"]
    for name, archive in archives.items():
        budget = f"{BUDGETS[name] / 1e6:.0f}" if name in BUDGETS else "none"
        sizes = f"{archive.uncompressed() / 1e6:.1f} | {archive.compressed / 1e6:.1f}"
        lines.append(f"| {name} | {len(archive.layers)} | {sizes} | {budget} |")
    return "\n".join(lines)


def over_budget(name: str, archive: Archive) -> str | None:
    """What is wrong with the image's size, if anything."""
    budget = BUDGETS.get(name)
    if budget is None or archive.compressed <= budget:
        return None
    return (
        f"{name} has {archive.compressed / 1e6:.1f} MB compressed, {budget / 1e6:.0f} MB are allowed: take out what it "
        f"does not need, or raise the budget in images/output.py and say why"
    )
