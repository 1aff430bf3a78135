"""Reads an image as an OCI archive: its digest, its layers and their files, its size in a registry."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from images.running import BuildError


@dataclass(frozen=True)
class Layer:
    """One layer, as a registry stores it."""

    digest: str
    """Of the compressed layer."""
    compressed: int
    """Bytes."""


class Archive:
    """An OCI archive that holds one image."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open("index.json") as index:
            entry = json.load(index)["manifests"][0]
        self.digest: str = entry["digest"]
        self.reference: str = entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
        """The name and tag that the image was exported under; may be empty."""
        manifest = self._json(self.digest)
        self.image_id: str = manifest["config"]["digest"].removeprefix("sha256:")
        self.config = self._json(manifest["config"]["digest"])
        self.layers = tuple(Layer(layer["digest"], layer["size"]) for layer in manifest["layers"])

    @property
    def compressed(self) -> int:
        """Bytes of all layers, as a registry stores and a node pulls them."""
        return sum(layer.compressed for layer in self.layers)

    def uncompressed(self) -> int:
        """Bytes of all layers on a node's disk, as tar archives. This unpacks everything and takes seconds."""
        return sum(size for layer in self.layers for _, size in self._members(layer))

    def files(self) -> dict[str, str]:
        """Layer and path of every file -> all facts in which two builds of it can differ."""
        return {
            f"layer {number}: {name}": text
            for number, layer in enumerate(self.layers)
            for (name, text), _ in self._members(layer)
        }

    def content(self, path: str) -> bytes | None:
        """The content of a file, from the uppermost layer that has the file; None when no layer has it."""
        for layer in reversed(self.layers):
            with self._unpack(layer) as members:
                for member in members:
                    if member.name == path and (content := members.extractfile(member)):
                        return content.read()
        return None

    def walk(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        """Every file of every layer, from the lowest, with what its content can be read from until the next one."""
        for layer in self.layers:
            with self._unpack(layer) as members:
                for member in members:
                    yield members, member

    def _members(self, layer: Layer) -> Iterator[tuple[tuple[str, str], int]]:
        with self._unpack(layer) as members:
            for member in members:
                content = members.extractfile(member) if member.isreg() else None
                digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
                facts = f"{member.type!r} {member.mode:o} {member.uid}:{member.gid} {member.mtime} {member.pax_headers}"
                yield (member.name, f"{facts} {digest}"), member.size

    def _json(self, digest: str) -> dict[str, Any]:
        with self._open(blob(digest)) as content:
            document: dict[str, Any] = json.load(content)
        return document

    @contextmanager
    def _unpack(self, layer: Layer) -> Iterator[tarfile.TarFile]:
        with self._open(blob(layer.digest)) as packed, tarfile.open(fileobj=packed, mode="r|gz") as members:
            yield members

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        with tarfile.open(self.path) as archive:
            content = archive.extractfile(name)
            if content is None:
                raise BuildError(f"{self.path}: it has no file {name}, so it is not an OCI archive")
            yield content


def blob(digest: str) -> str:
    """The path of a blob in the archive."""
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def differences(one: Archive, other: Archive) -> list[str]:
    """What differs between two images: files, then the configuration; empty for equal images."""
    if one.digest == other.digest:
        return []
    return [*list_unequal(one.files(), other.files()), *list_unequal(flatten(one.config), flatten(other.config))] or [
        "only how the layers are compressed, or the annotations"
    ]


def list_unequal(mine: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """One line for each name whose text differs."""
    names = sorted(mine.keys() | theirs.keys())
    return [f"{name}: {mine.get(name)} / {theirs.get(name)}" for name in names if mine.get(name) != theirs.get(name)]


def flatten(config: dict[str, Any]) -> dict[str, str]:
    """The configuration without what the layers determine: their digests, and the digests in their history."""
    kept = {key: value for key, value in config.items() if key not in ("rootfs", "history")}
    return {f"configuration: {key}": json.dumps(value, sort_keys=True) for key, value in kept.items()}
