"""Puts the images of a release into a registry, under one name for all architectures.

    python -m images.publish REGISTRY FOLDER...     each folder has the archives of one architecture
    python -m images.publish ghcr.io/someone dist/amd64 dist/arm64

Prints one line an image, NAME:TAG@DIGEST.  Log in before, by `skopeo login`.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from images.archive import Archive
from images.running import BuildError, read_output, say

PATIENCE = 1800.0
"""Seconds for the upload of one image of 100 MB over a slow line."""

ABSENT = ("manifest unknown", "name unknown", "not found")
"""How registries say that they do not have a tag; any other error is not a no."""

Images = dict[str, dict[str, Archive]]
"""NAME:TAG -> architecture -> archive."""


def read_archives(folders: Iterable[Path]) -> Images:
    """The images in the folders.  Raises BuildError when two are the same, or an architecture lacks one."""
    images: Images = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.tar")):
        archive = Archive(path)
        name, architecture = archive.reference.rpartition("/")[2], archive.config["architecture"]
        if ":" not in name:
            raise BuildError(f"{path} has no name and tag: build it with `python -m images.build`")
        others = images.setdefault(name, {})
        if architecture in others:
            raise BuildError(f"{path} and {others[architecture].path} are both {name} for {architecture}")
        others[architecture] = archive
    if not images:
        raise BuildError("there is no archive in these folders: build the images first")
    wanted = {architecture for archives in images.values() for architecture in archives}
    for name, archives in images.items():
        if missing := wanted - archives.keys():
            raise BuildError(f"{name} is not there for {', '.join(sorted(missing))}, as other images are")
    return images


class Registry:
    """A registry, and a path in it."""

    def __init__(self, address: str, *, is_plain: bool = False) -> None:
        self.address = address.rstrip("/")
        self._inspect = ("--tls-verify=false",) if is_plain else ()

    def read(self, name: str) -> bytes | None:
        """The manifest or index under a name and tag; None if there is none.

        Raises BuildError when it is not known whether there is one.
        """
        try:
            return read_output(["skopeo", "inspect", *self._inspect, "--raw", f"docker://{self.address}/{name}"])
        except BuildError as exc:
            if any(text in str(exc).lower() for text in ABSENT):
                return None
            raise

    def publish(self, name: str, archives: dict[str, Archive]) -> str:
        """Upload the image of each architecture, then the index of them all; returns the digest of the index.

        A tag that is there is not moved: it stays if it has the same images, else this raises BuildError.
        """
        digests = {archive.digest for archive in archives.values()}
        found = self.read(name)
        if found is None:
            self._upload(name, archives)
            found = self.read(name)
        if found is None or digests != {one["digest"] for one in json.loads(found).get("manifests", ())}:
            raise BuildError(
                f"{self.address}/{name} has other images than these: a version is published once; choose the next one"
            )
        return f"sha256:{hashlib.sha256(found).hexdigest()}"

    def _upload(self, name: str, archives: dict[str, Archive]) -> None:
        repository = name.partition(":")[0]
        index = f"localhost/publish-{os.getpid()}/{name}"
        read_output(["buildah", "manifest", "create", index])
        try:
            for architecture, archive in sorted(archives.items()):
                say(f"{name}: uploading {architecture}, {archive.compressed / 1e6:.1f} MB")
                target = f"{self.address}/{name}-{architecture}"
                tls = [option.replace("--", "--dest-") for option in self._inspect]
                copy = ["skopeo", "copy", "--quiet", "--preserve-digests", *tls]
                read_output([*copy, f"oci-archive:{archive.path}", f"docker://{target}"], timeout=PATIENCE)
                source = f"docker://{self.address}/{repository}@{archive.digest}"
                read_output(["buildah", "manifest", "add", *self._inspect, index, source])
            push = ["buildah", "manifest", "push", "--all", "--format=oci", *self._inspect, index]
            read_output([*push, f"docker://{self.address}/{name}"], timeout=PATIENCE)
        finally:
            read_output(["buildah", "manifest", "rm", index])


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m images.publish", description=__doc__)
    parser.add_argument("registry", help="the registry and the path in it, as ghcr.io/someone")
    parser.add_argument("folders", nargs="+", type=Path, metavar="folder", help="archives of one architecture")
    parser.add_argument("--plain-http", action="store_true", help="for a registry on this machine")
    options = parser.parse_args()
    registry = Registry(options.registry, is_plain=options.plain_http)
    try:
        for name, archives in read_archives(options.folders).items():
            print(f"{registry.address}/{name}@{registry.publish(name, archives)}", flush=True)
    except BuildError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
