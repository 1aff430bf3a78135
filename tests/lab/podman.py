"""Containers from images, started by podman exactly as the manifests would start them.

They have one uid without an entry in /etc/passwd, a read-only root, no capability, no new privileges, the default
seccomp profile, and the pod's folders at the paths of the manifests.
A pod has its own loopback address in the network of the machine, or its own network namespace.

Each run has a podman client, which ends with the status of the container.
The client has no mark and is never killed: one that is killed between `create` and `start` leaves a container that no
process waits for.
"""

import functools
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from tests.lab import processes, user
from tests.lab.folders import Folders
from tests.lab.runtime import MAIN, SIDECAR, Command, Commands, NotRunningError, Run, Running, make_commands

PODMAN = ("podman", "--runtime", "runc")
"""crun fails on a machine with both cgroups v1 and v2; runc also works there."""

LABEL = "peerfinder.lab"
"""The label of a lab's containers; its value is the lab's folder."""

WORK_DIR = PurePosixPath("/work-dir")
"""The folder into which `install` copies the tools."""

TOOLS_IN_IMAGE = PurePosixPath("/opt/galera-tools")
"""The folder of the tools in both images."""

CNF = PurePosixPath("/etc/mysql/my-galera.cnf")

INSTALL = {"install": (f"--work-dir={WORK_DIR}", f"--config={CNF.parent}")}

WITH_SIDECAR: Commands = {**INSTALL, **make_commands(f"{WORK_DIR}/", CNF)}
"""A pod of the manifests."""

AS_IN_2017: Commands = {
    **INSTALL,
    "bootstrap": (f"{WORK_DIR}/peer-finder", "-service=galera", f"-on-start={WORK_DIR}/on-start.sh"),
    MAIN: (f"--defaults-file={CNF}", "--user=root"),
}
"""A pod without an agent, with the file names of the first manifests; `mysql` uses the image's own entrypoint."""

SERVER_ALONE: Commands = {MAIN: (f"--defaults-file={CNF}",)}
"""A pod with only the entrypoint of the server image."""

LIMITS = {"memory": ("--memory=1g",), "pids": ("--pids-limit=512",)}
"""The options for each cgroup controller, the same for all containers."""

FILES, PROCESSES = 20000, 4096
"""Upper bounds of two ulimits: podman's defaults are higher than a machine without CAP_SYS_RESOURCE may set."""

START_SECONDS = 60.0
"""Seconds: a generous bound for podman's own part of a start or an end."""

_numbers = itertools.count(1)


class PodmanRun:
    """A run: a podman client and the container that it started."""

    def __init__(self, client: subprocess.Popen[bytes], name: str, mark: str) -> None:
        self.name = name
        """The container's unique name."""
        self._client, self._mark = client, mark

    @property
    def sessions(self) -> frozenset[int]:
        """No session: a process that drops its mark still dies with its PID namespace."""
        return processes.NO_SESSIONS

    def wait(self) -> int:
        status = self._client.wait()
        # podman shows a death by signal n as 128 + n; our containers never exit with such a status themselves.
        return 128 - status if status > 128 else status

    def terminate(self) -> None:
        first = self._wait_for_first_process()
        if first is not None:
            try:
                os.kill(first, signal.SIGTERM)
            except ProcessLookupError:
                return  # ended meanwhile

    def kill(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._client.poll() is None:
            processes.kill(self._mark)
            if time.monotonic() > deadline:
                raise processes.ProcessesRemainError(f"podman does not report the end of {self.name}")
            time.sleep(0.01)

    def _wait_for_first_process(self) -> int | None:
        """Wait for the container's first process; None if the run has ended."""
        deadline = time.monotonic() + START_SECONDS
        while self._client.poll() is None:
            if (found := processes.find_first(self._mark)) is not None:
                return found
            if time.monotonic() > deadline:
                raise processes.ProcessesRemainError(f"{self.name} has no process after {START_SECONDS:.0f} s")
            time.sleep(0.01)
        return None


@dataclass(frozen=True)
class Podman:
    """The runtime of containers."""

    tool: str
    """The tool image: `install` and `agent`."""
    database: str
    """The database image: `bootstrap` and `mysql`."""
    containers: Commands = field(default_factory=lambda: WITH_SIDECAR)
    """The containers of a pod, and what they run."""
    uid: int = 12345
    """The uid and gid of every process."""

    def make_commands(self, folders: Folders) -> Commands:  # noqa: ARG002  # every pod sees the same paths
        """Give every pod the same commands."""
        return self.containers

    def make_settings(self, folders: Folders) -> dict[str, str]:  # noqa: ARG002  # every pod sees the same paths
        """Give no settings: all paths are the defaults, and the images have their own PATH."""
        return {}

    def share(self, path: Path, mode: int) -> None:
        """Give the file to root and to the pod's group (Kubernetes: pkg/volume, SetVolumeOwnership)."""
        os.chown(path, 0, self.uid)
        path.chmod(mode)

    def start(self, run: Run, log: IO[bytes]) -> Running:
        """Start a client with its own session, so that a Ctrl-C at the terminal does not reach it."""
        name = f"lab-{os.getpid()}-{next(_numbers)}-{run.pod}-{run.container}"
        client = subprocess.Popen(
            self._make_command(run, name),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return PodmanRun(client, name, run.mark)

    def _make_command(self, run: Run, name: str) -> tuple[str, ...]:
        """Make the client's command line."""
        image = self.tool if run.container in {"install", SIDECAR} else self.database
        own_entrypoint = run.argv[0].startswith("-")
        return (
            *(*PODMAN, "run", "--rm", f"--name={name}", f"--label={LABEL}={run.folders.root.parent}", "--pull=never"),
            # The log is the client's output. The client does not pass its signals on.
            *("--log-driver=none", "--sig-proxy=false", "--no-hosts"),
            f"--network={f'ns:/run/netns/{run.namespace}' if run.namespace else 'host'}",
            *("--uts=private", f"--hostname={run.pod}"),
            *self._make_confinement(),
            *(f"--volume={source}:{target}{mode}" for source, target, mode in list_mounts(run)),
            *(f"--env={key}={value}" for key, value in {**run.env, processes.MARK: run.mark}.items()),
            *(() if own_entrypoint else (f"--entrypoint={json.dumps(run.argv[:1])}",)),
            *(image, *(run.argv if own_entrypoint else run.argv[1:])),
        )

    def _make_confinement(self) -> tuple[str, ...]:
        """Make the options for the securityContext and the limits of the manifests."""
        return (
            *(f"--user={self.uid}:{self.uid}", "--passwd=false", "--read-only", "--read-only-tmpfs=false"),
            *("--cap-drop=all", "--security-opt=no-new-privileges", *ulimits()),
            *(option for controller in read_controllers() for option in LIMITS.get(controller, ())),
        )

    def make_exec(self, argv: tuple[str, ...], run: Run, running: Running | None) -> Command:
        """Use `podman exec` in the running container."""
        if not isinstance(running, PodmanRun):
            raise NotRunningError(f"the container {run.container} of {run.pod} is not running")
        tools = WORK_DIR if "install" in self.containers else TOOLS_IN_IMAGE
        return Command((*PODMAN, "exec", running.name, f"{tools}/{argv[0]}", *argv[1:]), os.environ)

    def sweep(self, folder: Path) -> None:
        """Remove this lab's containers that lost their client or were never started."""
        left = run_podman("ps", "--all", "--quiet", f"--filter=label={LABEL}={folder}").split()
        if left:
            run_podman("rm", "--force", "--ignore", "--time=0", *left)


def list_mounts(run: Run) -> tuple[tuple[Path, str, str], ...]:
    """List the volumes of a container: folder on this machine, path in the container, options."""
    folders = run.folders
    common = (
        (folders.volume, "/var/lib/galera", ""),
        (folders.run, "/run/galera", ""),
        (folders.config, "/etc/mysql", ""),
        (folders.work, str(WORK_DIR), ""),
        (folders.secrets, "/etc/galera-secrets", ":ro"),
        (folders.hosts, "/etc/hosts", ":ro"),
        *(((folders.resolv_conf, "/etc/resolv.conf", ":ro"),) if run.namespace else ()),
    )
    # `bootstrap` also runs mariadbd: --wsrep-recover does not start without temporary files.
    return (*common, (folders.tmp, "/tmp", "")) if run.container in {"bootstrap", MAIN} else common


def run_podman(*argv: str) -> str:
    """Return the output of a podman command; raises subprocess.CalledProcessError."""
    return subprocess.run((*PODMAN, *argv), check=True, capture_output=True, text=True, timeout=120).stdout


@functools.cache
def read_controllers() -> tuple[str, ...]:
    """Return the cgroup controllers that podman may use here."""
    host = json.loads(run_podman("info", "--format=json"))["host"]
    return tuple(host["cgroupControllers"])


def ulimits() -> Sequence[str]:
    """Return ulimits that may be set here: not above those of this process."""
    bounds: Mapping[str, tuple[int, int]] = {
        "nofile": (resource.RLIMIT_NOFILE, FILES),
        "nproc": (resource.RLIMIT_NPROC, PROCESSES),
    }
    options = []
    for name, (kind, bound) in bounds.items():
        hard = resource.getrlimit(kind)[1]
        value = bound if hard == resource.RLIM_INFINITY else min(hard, bound)
        options.append(f"--ulimit={name}={value}:{value}")
    return options


def check() -> None:
    """Raise user.NotInstalledError with what to do if containers cannot run here."""
    missing = [program for program in ("podman", "runc") if not shutil.which(program)]
    if missing:
        raise user.NotInstalledError(
            f"{' and '.join(missing)} missing; on Debian or Ubuntu: apt-get install --no-install-recommends podman runc"
        )
    if os.geteuid() != 0:
        # The lab changes the owner of a pod's folders, and signals processes of other users.
        raise user.NotInstalledError("the lab's containers need root")
