"""The image that all others stand on: Debian's of a registry, or one like it made of Debian's packages."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from images.inputs import ROOT
from images.running import BuildError, answer, say, work

OFFICIAL = "docker.io/library/debian:bookworm-slim"
LOCAL = "localhost/debian:bookworm-slim"

REGISTRY_PATIENCE = 5.0
"""Seconds that a registry has for its answer before the local image is taken."""

PULL_PATIENCE = 600.0
"""Seconds for fetching a base image of 30 MB over a slow line."""

MMDEBSTRAP = (
    "mmdebstrap",
    "--variant=minbase",
    # Debian's own image has a merged /usr from the start; usrmerge, the alternative, would bring all of Perl.
    "--include=usr-is-merged",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    # The builder's hostname and name servers are nobody's business.
    '--customize-hook=rm "$1/etc/hostname" "$1/etc/resolv.conf"',
    # A container runtime brings its own devices; making them needs more rights than unpacking an image should.
    "--skip=output/dev",
)
"""Makes the root file system; the suite and the archive to write are appended. The result is the same each time, given
SOURCE_DATE_EPOCH and the same state of Debian's archive."""


@dataclass(frozen=True)
class Base:
    """A base image, in the local storage or to be pulled."""

    name: str
    """As a human names it, with a tag."""
    digest: str
    """Of its manifest: the registry's, or of the local storage for one that was made here."""

    @property
    def reference(self) -> str:
        """Names exactly this content."""
        return f"{repository(self.name)}@{self.digest}"


def repository(name: str) -> str:
    """The name without tag or digest."""
    return re.sub(r"(@.*|:[^/:@]*)$", "", name)


@cache
def in_registry(name: str) -> Base:
    """What the registry has under this name. Raises BuildError when no registry answers in time."""
    manifest = answer(["skopeo", "inspect", "--raw", f"docker://{name}"], timeout=REGISTRY_PATIENCE)
    # The digest of what the registry serves under the name, be it one manifest or the index of several architectures.
    return Base(name, f"sha256:{hashlib.sha256(manifest).hexdigest()}")


def pull(base: Base) -> None:
    """Have the base in the local storage, under its plain name first; one given by digest has its name from the pull.

    buildah writes the first of an image's local names into what it builds on it: it must be the same on every machine.
    Without a tag, the plain name would be the user's `latest`, which is not ours to move.
    """
    try:
        image = image_id(base.reference)
    except BuildError:
        say(f"base: pulling {base.reference}")
        image = answer(["buildah", "pull", "--quiet", base.reference], timeout=PULL_PATIENCE).decode().strip()
    if "@" not in base.name:
        answer(["buildah", "tag", image, base.name])


@cache
def wanted(name: str | None) -> Base | None:
    """The base of a registry; None, which is said, when the stand-in must do. One asked for is never replaced."""
    if name is not None:
        try:
            return in_storage(name) if name.startswith("localhost/") else in_registry(name)
        except BuildError as exc:
            raise BuildError(f"the base image {name} is not to be had: {exc}. Name another one by --base.") from exc
    try:
        return in_registry(OFFICIAL)
    except BuildError as exc:
        say(f"base: {LOCAL}, made of Debian's packages, because {OFFICIAL} is out of reach ({exc})")
        return None


def image_id(reference: str) -> str:
    """The id of an image in the local storage. Raises BuildError when it is not there."""
    return str(json.loads(answer(["buildah", "inspect", "--type", "image", reference]))["FromImageID"])


def in_storage(reference: str) -> Base:
    """The base under this name in the local storage."""
    image = json.loads(answer(["buildah", "inspect", "--type", "image", reference]))
    return Base(reference, image["FromImageDigest"])


def make_rootfs(archive: Path, log: Path, epoch: int) -> None:
    """Put Debian's packages together as a tar archive."""
    options = f"--dpkgopt={ROOT / 'images/base/dpkg.cfg'}"
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    work(
        "base",
        [*MMDEBSTRAP, options, "bookworm", str(archive)],
        log,
        env=env,
        milestone="I: (running apt|extracting|installing|creating)",
    )
