"""A small project: the real build on tiny Dockerfiles, in a repository and a containers storage of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from images.inputs import ROOT

BASE = "localhost/tiny:1"
"""A base image with one file. It is enough for Dockerfiles that only copy."""

LABELS = """
ARG VERSION
ARG REVISION
ARG CREATED
ARG BASE_NAME
ARG BASE_DIGEST
LABEL version="${VERSION}" revision="${REVISION}" created="${CREATED}"
LABEL base.name="${BASE_NAME}" base.digest="${BASE_DIGEST}"
"""

FILES = {
    "pyproject.toml": '[project]\ndynamic = ["version"]\n',
    "README.md": "small\n",
    "LICENSE": "none\n",
    "peerfinder/peers.py": "# peers\n",
    "bootstrap/__init__.py": '__version__ = "1.2.3"\n',
    "bootstrap/agent.py": "# agent\n",
    "images/galera-install/Dockerfile": f"ARG BASE\nFROM ${{BASE}}\nCOPY . /context\nUSER 65532:65532\n{LABELS}",
    "images/mysql-galera/Dockerfile": (
        "ARG BASE\nARG TOOLS\nFROM ${TOOLS} AS tools\n"
        f"FROM ${{BASE}}\nCOPY --from=tools /context/peerfinder /tools\nCOPY entrypoint.sh /\n{LABELS}"
    ),
    "images/mysql-galera/entrypoint.sh": "#!/bin/sh\n",
    "images/haproxy/Dockerfile": f"ARG BASE\nARG TOOLS\nFROM ${{TOOLS}} AS tools\nFROM ${{BASE}}\n{LABELS}",
    ".gitignore": "__pycache__/\n",
}

COMMIT_TIME = 1_700_000_000


class SmallProject:
    """The repository, and programs that run in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.env = {
            **{name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"},
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            # Its registries.conf, which skopeo and buildah both read.
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            **{
                f"GIT_{role}_{field}": "tester@example.org"
                for role in ("AUTHOR", "COMMITTER")
                for field in ("NAME", "EMAIL")
            },
        }
        storage = f'driver = "vfs"\ngraphroot = "{folder / "storage"}"\nrunroot = "{folder / "run"}"\n'
        (folder / "storage.conf").write_text(f"[storage]\n{storage}")
        shutil.copytree(ROOT / "images/base", self.root / "images/base")
        for module in (ROOT / "images").glob("*.py"):
            shutil.copy(module, self.root / "images")
        for name, text in FILES.items():
            self.write(name, text)
        self.make("of-the-base", BASE)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, seconds: int = COMMIT_TIME) -> str:
        """Commit all files at this time; returns the commit."""
        if not (self.root / ".git").exists():
            self.call("git", "init", "--quiet")
        self.call("git", "add", "--all")
        date = f"{seconds} +0000"
        self.call("git", "commit", "--quiet", "-m", "all", env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})
        return self.call("git", "rev-parse", "HEAD").strip()

    def build(self, *options: str, base: str | None = BASE, env: Mapping[str, str] | None = None) -> "Built":
        """Run the build command."""
        given = () if base is None else ("--base", base)
        argv = [sys.executable, "-m", "images.build", "--no-dist", *given, *options]
        done = subprocess.run(
            argv, cwd=self.root, env={**self.env, **(env or {})}, capture_output=True, text=True, check=False
        )
        return Built(done.returncode, done.stdout, done.stderr)

    def start_build(self, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start the build command."""
        argv = [sys.executable, "-m", "images.build", "--no-dist", "--base", BASE]
        return subprocess.Popen(
            argv,
            cwd=self.root,
            env={**self.env, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def clone(self, folder: str, *options: str) -> "SmallProject":
        """Make another clone, with the same containers storage."""
        other = copy(self)
        other.root = self.root.parent / folder
        self.call("git", "clone", "--quiet", *options, f"file://{self.root}", str(other.root))
        return other

    def make(self, file: str, tag: str) -> None:
        """Make an image with one file."""
        context = self.root.parent / f"context-of-{file}"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM scratch\nCOPY Dockerfile /{file}\n")
        self.call("buildah", "bud", "--quiet", "--format=oci", "--isolation=chroot", f"--tag={tag}", str(context))

    def image(self, reference: str) -> dict[str, Any]:
        """The properties of an image, from buildah."""
        image: dict[str, Any] = json.loads(self.call("buildah", "inspect", "--type", "image", reference))
        return image

    def labels(self, name: str, version: str = "1.2.3") -> dict[str, str]:
        labels: dict[str, str] = self.image(f"localhost/{name}:{version}")["OCIv1"]["config"]["Labels"]
        return labels

    def files(self, name: str) -> Path:
        """Unpack the files of an image; returns their folder."""
        folder = self.root.parent / f"unpacked-{name}"
        archive = folder.with_suffix(".tar")
        self.call("buildah", "push", "--quiet", f"localhost/{name}:1.2.3", f"docker-archive:{archive}")
        folder.mkdir()
        self.call("tar", "-xf", str(archive), "-C", str(folder), "manifest.json")
        self.call("tar", "-xf", str(archive), "-C", str(folder))
        for layer in json.loads((folder / "manifest.json").read_text())[0]["Layers"]:
            self.call("tar", "-xf", str(folder / layer), "-C", str(folder))
        return folder

    def ask_instead_of(self, name: str, address: str) -> None:
        """Send all requests to a registry to this address instead, without TLS."""
        folder = self.root.parent / "home/.config/containers"
        folder.mkdir(parents=True)
        registry = f'prefix = "{name}"\nlocation = "{address}"\ninsecure = true\n'
        (folder / "registries.conf").write_text(f"[[registry]]\n{registry}")

    def call(self, *argv: str, env: Mapping[str, str] | None = None) -> str:
        """Run a program in the project; returns its output."""
        done = subprocess.run(
            argv, cwd=self.root, env={**self.env, **(env or {})}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


class Built:
    """The result of a build."""

    def __init__(self, status: int, output: str, progress: str) -> None:
        self.status = status
        self.references = output.split()
        self.progress = progress

    @property
    def built(self) -> list[str]:
        """The images that were built, not found."""
        return list_built(self.progress)


def list_built(progress: str) -> list[str]:
    """The images that were built, from a build's progress lines."""
    return [line.split("] ")[1].split(":")[0] for line in progress.splitlines() if line.endswith(" is built")]
