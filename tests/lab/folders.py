"""The folders of a pod: its volume, its emptyDirs and the rest."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """The places of a pod's files; the volume outlives the pod, the rest does not."""

    root: Path
    """The pod's own folder."""

    @property
    def volume(self) -> Path:
        return self.root / "volume"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def tmp(self) -> Path:
        """The database's /tmp, because a container's root is read-only."""
        return self.root / "tmp"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """The Secret, which all pods of a lab share."""
        return self.root.parent / "secrets"

    @property
    def hosts(self) -> Path:
        """/etc/hosts of a container."""
        return self.root / "hosts"

    @property
    def resolv_conf(self) -> Path:
        """/etc/resolv.conf of a container with its own network."""
        return self.root / "resolv.conf"

    @property
    def socket(self) -> Path:
        return self.run / "mariadbd.sock"

    @property
    def empty_dirs(self) -> tuple[Path, ...]:
        return self.run, self.config, self.work, self.tmp
