"""Runs a container of a manifest as a process, with the manifest's mounts, variables, user and read-only root.

bubblewrap gives it the machine's programs instead of an image's, under the uid of the pod, without capabilities.
There are no images, no cgroups, and no probes on a schedule.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.paths import ROOT
from tests.support.manifests.built import Document
from tests.support.manifests.registry import REGISTRY

TOOL_IMAGE = f"{REGISTRY}/galera-install:"

OURS = str(Path(sys.executable).parent)
"""The folder of this project's commands."""

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

HIDDEN = {"proc", "dev", "sys", "run", "tmp", "var", "root", "home", "mnt", "media", "lost+found"}
"""Top folders of the machine that are not part of an image."""


@dataclass(frozen=True)
class Surroundings:
    """The properties that all containers of a pod share."""

    space: str
    """The name of the network namespace."""
    fields: Mapping[str, str]
    """The pod's fields, for `fieldRef`."""
    secrets: Mapping[str, Mapping[str, str]]
    """Values of the Secrets by name and key."""
    volumes: Mapping[str, Path]
    """The folder of each volume."""
    files: Mapping[str, Path]
    """Files that replace those of /etc: hosts, resolv.conf."""
    user: int
    path: str = ""
    """Folders of the server's programs, which the image has on its PATH before the system's folders."""


@dataclass(frozen=True)
class Container:
    """One container of a pod."""

    spec: Document
    around: Surroundings
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.spec.get("env", ()):
            self.variables[one["name"]] = self._value(one)

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def argv(self) -> list[str]:
        """The command and its arguments, with `$(NAME)` replaced as the kubelet does."""
        return [self._expand(word) for word in (*self.spec["command"], *self.spec.get("args", ()))]

    def start(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start the container; its first process and all others end with the returned process."""
        return subprocess.Popen(
            [*self._sandbox_command(), *self.argv],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def run(self, *argv: str, seconds: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Run another command with the container's mounts, variables and network, as `kubectl exec` does."""
        return subprocess.run(
            [*self._sandbox_command(), *argv], env={}, capture_output=True, text=True, timeout=seconds, check=False
        )

    def _value(self, one: Document) -> str:
        source = one.get("valueFrom", {})
        if "fieldRef" in source:
            return self.around.fields[source["fieldRef"]["fieldPath"]]
        if "secretKeyRef" in source:
            return self.around.secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        return self._expand(one["value"])

    def _expand(self, text: str) -> str:
        return re.sub(r"\$\((\w+)\)", lambda found: self.variables.get(found[1], found[0]), text)

    def _sandbox_command(self) -> list[str]:
        ours = self.spec["image"].startswith(TOOL_IMAGE)
        path = ":".join(filter(None, (OURS if ours else self.around.path, SYSTEM)))
        variables = {"PATH": path, "HOME": "/", "LANG": "C.UTF-8", **self.variables}
        return [
            *("nsenter", f"--net=/run/netns/{self.around.space}", "bwrap", "--die-with-parent", "--new-session"),
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
            *("--hostname", self.around.fields["metadata.name"]),
            *("--uid", str(self.around.user), "--gid", str(self.around.user)),
            *root_mounts(),
            *("--proc", "/proc", "--dev", "/dev"),
            *(word for target, path in self.around.files.items() for word in ("--ro-bind", str(path), target)),
            *self._mounts(),
            *("--remount-ro", "/", "--chdir", "/"),
            *(word for name, value in variables.items() for word in ("--setenv", name, value)),
            "--",
        ]

    def _mounts(self) -> list[str]:
        words: list[str] = []
        for mount in self.spec.get("volumeMounts", ()):
            how = "--ro-bind" if mount.get("readOnly") else "--bind"
            words += [how, str(self.around.volumes[mount["name"]]), mount["mountPath"]]
        return words


def root_mounts() -> list[str]:
    """Options that mount the machine's root instead of an image's, read-only, with this clone and its Python."""
    words: list[str] = []
    for path in sorted(Path("/").iterdir()):
        if path.name in HIDDEN:
            continue
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]  # noqa: PTH115  # text is what is wanted
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    # /usr/lib/rabbitmq and others have links into /var/lib; the mounts hide their data folders.
    for needed in dict.fromkeys((ROOT, Path(sys.prefix), Path(sys.base_prefix))):
        words += ["--ro-bind", str(needed), str(needed)]
    return words
