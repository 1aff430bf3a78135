"""The base of all other images: Debian's from a registry, or a similar one made of Debian's packages."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from images.inputs import ROOT
from images.running import BuildError, read_output, say, work

OFFICIAL = "docker.io/library/debian:{suite}-slim"
LOCAL = "localhost/debian:{suite}-slim"

REGISTRY_PATIENCE = 5.0
"""Seconds that a registry has for its answer before the local image is used."""

PULL_PATIENCE = 600.0
"""Seconds for fetching a base image of 30 MB over a slow line."""

MMDEBSTRAP = (
    "mmdebstrap",
    "--variant=minbase",
    # Debian's own image has a merged /usr from the start; the alternative, usrmerge, would install all of Perl.
    "--include=usr-is-merged",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    # An image must not publish the builder's host name and name servers.
    '--customize-hook=rm "$1/etc/hostname" "$1/etc/resolv.conf"',
    # A container runtime has its own devices, and making them needs more rights than unpacking an image should need.
    "--skip=output/dev",
)
"""Makes the root file system; the suite and the archive to write are appended. The result is always the same for the
same SOURCE_DATE_EPOCH and the same state of Debian's archive."""


@dataclass(frozen=True)
class Base:
    """A base image, in the local storage or to be pulled."""

    name: str
    """The name that a human uses, with a tag."""
    digest: str
    """Of its manifest: in the registry, or in the local storage for one that was made here."""

    @property
    def reference(self) -> str:
        """Names exactly this content."""
        return f"{repository(self.name)}@{self.digest}"


def repository(name: str) -> str:
    """The name without tag or digest."""
    return re.sub(r"(@.*|:[^/:@]*)$", "", name)


@cache
def read_from_registry(name: str) -> Base:
    """The base that the registry has under this name. Raises BuildError when no registry answers in time."""
    manifest = read_output(["skopeo", "inspect", "--raw", f"docker://{name}"], timeout=REGISTRY_PATIENCE)
    # The registry serves either one manifest or the index of several architectures; this is the digest of it.
    return Base(name, f"sha256:{hashlib.sha256(manifest).hexdigest()}")


def pull(base: Base) -> None:
    """Bring the base into the local storage, with its plain name first; a base given by digest keeps its pulled name.

    buildah writes the first local name of an image into the images that it builds on it, so that name must be the same
    on every machine. Without a tag, the plain name would be the user's `latest`, which we must not move.
    """
    try:
        image = image_id(base.reference)
    except BuildError:
        say(f"base: pulling {base.reference}")
        image = read_output(["buildah", "pull", "--quiet", base.reference], timeout=PULL_PATIENCE).decode().strip()
    if "@" not in base.name:
        read_output(["buildah", "tag", image, base.name])


@cache
def find_base(name: str | None, suite: str) -> Base | None:
    """The base of a registry; None, with a progress line, when the stand-in must be used.

    In a name, {suite} stands for that of the image's Debian. A base that was asked for by name is never replaced.
    Raises BuildError when it cannot be found.
    """
    if name is not None:
        name = name.replace("{suite}", suite)
        try:
            return read_from_storage(name) if name.startswith("localhost/") else read_from_registry(name)
        except BuildError as exc:
            raise BuildError(f"the base image {name} cannot be found: {exc}. Name another one with --base.") from exc
    try:
        return read_from_registry(OFFICIAL.format(suite=suite))
    except BuildError as exc:
        local, official = LOCAL.format(suite=suite), OFFICIAL.format(suite=suite)
        say(f"base: {local}, made of Debian's packages, because {official} cannot be reached ({exc})")
        return None


def image_id(reference: str) -> str:
    """The id of an image in the local storage. Raises BuildError when it is not there."""
    return str(json.loads(read_output(["buildah", "inspect", "--type", "image", reference]))["FromImageID"])


def read_from_storage(reference: str) -> Base:
    """The base under this name in the local storage."""
    image = json.loads(read_output(["buildah", "inspect", "--type", "image", reference]))
    return Base(reference, image["FromImageDigest"])


def make_rootfs(suite: str, archive: Path, log: Path, epoch: int) -> None:
    """Make a root file system of the packages of a Debian, as a tar archive."""
    options = f"--dpkgopt={ROOT / 'images/base/dpkg.cfg'}"
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    work(
        "base",
        [*MMDEBSTRAP, options, suite, str(archive)],
        log,
        env=env,
        milestone="I: (running apt|extracting|installing|creating)",
    )
