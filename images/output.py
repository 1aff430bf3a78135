"""What leaves the local storage: an archive and a bill of materials of each image, and what it weighs."""

import json
import os
import shutil
import sys
from pathlib import Path

from images.archive import Archive
from images.running import BuildError, answer, say

BUDGETS = {"galera-install": 60_000_000}
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
        describe(archives[name], name, version, folder / f"{stem}.cdx.json")
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


def describe(archive: Archive, name: str, version: str, path: Path) -> None:
    """Write the bill of materials as CycloneDX JSON, found by syft in the image: dpkg's and Python's records.

    Equal images have equal bills: a number at random is left out, and the time is the image's.
    """
    syft = shutil.which("syft", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if syft is None:
        raise BuildError("syft is not installed here: scripts/setup.sh test brings everything that a build needs")
    scan = [syft, "scan", "--quiet", f"oci-archive:{archive.path}", "--output=cyclonedx-json"]
    bill = json.loads(answer([*scan, f"--source-name={name}", f"--source-version={version}"]))
    del bill["serialNumber"]
    bill["metadata"]["timestamp"] = archive.config["created"]
    bill["metadata"]["component"]["hashes"] = [{"alg": "SHA-256", "content": archive.digest.removeprefix("sha256:")}]
    path.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")


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
