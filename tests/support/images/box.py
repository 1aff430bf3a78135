"""Runs a container with the security context of a pod: any uid, no capability, and only the mounts are writable.

This file knows podman; the tests decide what they test in the container.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.podman import PODMAN, ulimits

UID = 12345
"""A uid without an entry in any /etc/passwd."""

HARDENED = (
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"),
    # Podman would add a name for the uid.
    "--passwd=false",
)
"""The manifests' securityContext as podman's options; its default seccomp profile also applies."""

AS_A_POD = ("--network=none", f"--user={UID}:{UID}", *HARDENED)
"""The options of a pod that is alone."""

SETTINGS = {
    "POD_NAME": "mysql-0",
    "POD_NAMESPACE": "db",
    "POD_IP": "127.0.0.1",
    "GALERA_BOOTSTRAP_REPLICAS": "1",
    "GALERA_BOOTSTRAP_DOMAIN": "cluster.local",
    "GALERA_BOOTSTRAP_ADDRESS_TYPE": "IP",
    # There is no DNS, and so no other pod.
    "GALERA_BOOTSTRAP_NAMESERVER": "none",
}
"""A cluster of one pod, with the default folders."""

SECRETS = {
    "exchange-key": "the-key-of-the-exchange",
    "cluster-id": "one",
    "root-password": "the-password-of-root",
    "agent-password": "the-password-of-the-agent",
}

MOUNTS = {
    "config": "/etc/mysql",
    "run": "/run/galera",
    "datadir": "/var/lib/galera",
    # mariadbd makes temporary files at its start, or aborts ("Unknown/unsupported storage engine: InnoDB").
    "tmp": "/tmp",
}
"""The volumes of a pod that a server writes to: folder beside the test -> mount point."""


Done = subprocess.CompletedProcess[str]


def podman(*words: str, check: bool = True) -> Done:
    """Run podman to its end; the error of a failed call shows its output."""
    done = subprocess.run([*PODMAN, *words], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"podman {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@contextmanager
def mounted(image: str) -> Iterator[Path]:
    """The files of an image, as those of a container of its own that never starts.

    A mount of the image itself is shared: another process's container with `--mount=type=image` takes it away.
    """
    container = podman("create", image, "none").stdout.strip()
    try:
        yield Path(podman("mount", container).stdout.strip())
    finally:
        podman("rm", "--force", container)


def run(image: str, *command: str, options: tuple[str, ...] = (), check: bool = True) -> Done:
    """Run a container to its end and remove it."""
    return podman("run", "--rm", "--pull=never", "--network=none", *ulimits(), *options, image, *command, check=check)


@dataclass(frozen=True)
class Volumes:
    """The folders of one pod."""

    folder: Path
    uid: int = UID

    def __post_init__(self) -> None:
        """Make them."""
        for name in (*MOUNTS, "work-dir"):
            share(self.folder / name, self.uid)
        secrets = self.folder / "secrets"
        secrets.mkdir()
        for name, value in SECRETS.items():
            (secrets / name).write_text(value)
            (secrets / name).chmod(0o440)
            os.chown(secrets / name, 0, self.uid)

    @property
    def options(self) -> tuple[str, ...]:
        """Podman's options that mount them."""
        mounts = [f"--volume={self.folder / name}:{point}" for name, point in MOUNTS.items()]
        return (*mounts, self.secrets)

    @property
    def secrets(self) -> str:
        """The option that mounts the Secret."""
        return f"--volume={self.folder / 'secrets'}:/etc/galera-secrets:ro"

    @property
    def work_dir(self) -> str:
        """The option that mounts the tools from an `install` container."""
        return f"--volume={self.folder / 'work-dir'}:/work-dir:ro"


def share(folder: Path, gid: int) -> None:
    """Make a folder as the kubelet makes an emptyDir for a pod with this fsGroup: root owns it, all may write."""
    folder.mkdir(parents=True)
    os.chown(folder, 0, gid)
    folder.chmod(0o2777)


def settings(**changed: str) -> tuple[str, ...]:
    """Podman's options that set the pod's environment."""
    return tuple(f"--env={name}={value}" for name, value in {**SETTINGS, **changed}.items())


@dataclass
class Container:
    """One container; leaving the `with` removes it."""

    name: str
    image: str
    options: tuple[str, ...]
    command: tuple[str, ...] = ()
    hardening: tuple[str, ...] = AS_A_POD
    password: str = SECRETS["root-password"]
    """The password of the server's root."""

    def __enter__(self) -> "Container":
        """Start it."""
        where = ("run", "--detach", "--pull=never", f"--name={self.name}", *ulimits())
        podman(*where, *self.hardening, *self.options, self.image, *self.command)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it, running or not, and the anonymous volumes that its image asks for."""
        podman("rm", "--force", "--volumes", "--time=0", self.name, check=False)

    @property
    def log(self) -> str:
        """Everything that it has logged."""
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        running, code = podman("inspect", "--format={{.State.Running}} {{.State.ExitCode}}", self.name).stdout.split()
        return None if running == "true" else int(code)

    def run(self, *words: str) -> str:
        """Run a command in the container and return its stdout."""
        return podman("exec", self.name, *words).stdout

    def sql(self, statement: str) -> str:
        """Run a statement as root, by the socket that the image's environment names; returns the answer."""
        words = ("mariadb", "--batch", "--skip-column-names", "--user=root", f"--execute={statement}")
        done = podman("exec", f"--env=MYSQL_PWD={self.password}", self.name, *words, check=False)
        return done.stdout.strip()

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 180) -> None:
        """Wait until a condition is true; it fails with the container's log when that ends, or after `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.exit_code is None, f"{self.name} ended before {what}:\n{self.log[-4000:]}"
            assert time.monotonic() < end, f"{self.name}: no {what} in {seconds} s:\n{self.log[-4000:]}"
            time.sleep(0.2)

    def wait_synced(self) -> None:
        """Wait until the server is a synced member of a Primary Component."""
        state = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='wsrep_local_state'"
        self.wait(lambda: self.sql(state) == "4", "Synced")
