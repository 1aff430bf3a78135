"""Containers from images, by podman, exactly as the manifests would start them.

One uid without an entry in /etc/passwd, a read-only root, no capability, no new privileges, the default seccomp
profile, and the pod's folders at the manifests' paths.
A pod has the network of the machine and its own loopback address, or a network namespace of its own.

A podman client stands for each run and ends with its status.  It carries no mark, and nobody kills it: killed between
`create` and `start` it would leave a container behind that nobody waits for.
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

from tests.lab import machine, processes
from tests.lab.folders import Folders
from tests.lab.runtime import MAIN, SIDECAR, Command, Commands, NotRunningError, Run, Running, commands

PODMAN = ("podman", "--runtime", "runc")
"""crun refuses where cgroups v1 and v2 are mixed; runc runs there, too."""

LABEL = "peerfinder.lab"
"""The label of a lab's containers: the lab's folder."""

WORK_DIR = PurePosixPath("/work-dir")
"""Where `install` puts the tools."""

TOOLS_IN_IMAGE = PurePosixPath("/opt/galera-tools")
"""Where both images have them."""

CNF = PurePosixPath("/etc/mysql/my-galera.cnf")

INSTALL = {"install": (f"--work-dir={WORK_DIR}", f"--config={CNF.parent}")}

WITH_SIDECAR: Commands = {**INSTALL, **commands(f"{WORK_DIR}/", CNF)}
"""A pod of the manifests."""

AS_IN_2017: Commands = {
    **INSTALL,
    "bootstrap": (f"{WORK_DIR}/peer-finder", "-service=galera", f"-on-start={WORK_DIR}/on-start.sh"),
    MAIN: (f"--defaults-file={CNF}", "--user=root"),
}
"""A pod without an agent, by the file names of the first manifests; `mysql` has the image's own entrypoint."""

SERVER_ALONE: Commands = {MAIN: (f"--defaults-file={CNF}",)}
"""A pod that is the server image's entrypoint and nothing else."""

LIMITS = {"memory": ("--memory=1g",), "pids": ("--pids-limit=512",)}
"""cgroup controller -> what it limits, in a container of any kind."""

FILES, PROCESSES = 20000, 4096
"""Upper bounds of two ulimits: podman's own defaults are above what a machine without CAP_SYS_RESOURCE may set."""

START_SECONDS = 60.0
"""Seconds: a generous bound for podman's own part of a start or an end."""

_numbers = itertools.count(1)


class PodmanRun:
    """A run as a podman client and the container that it started."""

    def __init__(self, client: subprocess.Popen[bytes], name: str, mark: str) -> None:
        self.name = name
        """The container's unique name."""
        self._client, self._mark = client, mark

    @property
    def sessions(self) -> frozenset[int]:
        """None: a process that leaves the mark behind still dies with its PID namespace."""
        return processes.NO_SESSIONS

    def wait(self) -> int:
        status = self._client.wait()
        # A runtime cannot tell a signal n from an exit with 128 + n; no container of ours does the latter.
        return 128 - status if status > 128 else status

    def terminate(self) -> None:
        first = self._first()
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

    def _first(self) -> int | None:
        """The container's first process, as soon as it is there; None when the run has ended."""
        deadline = time.monotonic() + START_SECONDS
        while self._client.poll() is None:
            found = [pid for pid in processes.members(self._mark) if processes.is_first(pid)]
            if found:
                return found[0]
            if time.monotonic() > deadline:
                raise processes.ProcessesRemainError(f"{self.name} does not come up")
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
    """Which containers a pod has, and what they run."""
    uid: int = 12345
    """The uid and gid of every process."""

    def commands(self, folders: Folders) -> Commands:  # noqa: ARG002  # every pod sees the same paths
        """The same for every pod."""
        return self.containers

    def settings(self, folders: Folders) -> dict[str, str]:  # noqa: ARG002  # likewise
        """None: all is where the settings' defaults say, and the images have their own PATH."""
        return {}

    def share(self, path: Path, mode: int) -> None:
        """Root stays the owner, the group may use it (pkg/volume, SetVolumeOwnership)."""
        os.chown(path, 0, self.uid)
        path.chmod(mode)

    def start(self, run: Run, log: IO[bytes]) -> Running:
        """Start a client in a session of its own, so that a Ctrl-C at the terminal does not reach it."""
        name = f"lab-{os.getpid()}-{next(_numbers)}-{run.pod}-{run.container}"
        client = subprocess.Popen(
            self.command(run, name),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return PodmanRun(client, name, run.mark)

    def command(self, run: Run, name: str) -> tuple[str, ...]:
        """The client's command line."""
        image = self.tool if run.container in {"install", SIDECAR} else self.database
        own_entrypoint = run.argv[0].startswith("-")
        return (
            *(*PODMAN, "run", "--rm", f"--name={name}", f"--label={LABEL}={run.folders.root.parent}", "--pull=never"),
            # The log is the client's output; its signals are for nobody else.
            *("--log-driver=none", "--sig-proxy=false", "--no-hosts"),
            f"--network={f'ns:/run/netns/{run.namespace}' if run.namespace else 'host'}",
            *("--uts=private", f"--hostname={run.pod}"),
            *self.confinement(),
            *(f"--volume={source}:{target}{mode}" for source, target, mode in mounts(run)),
            *(f"--env={key}={value}" for key, value in {**run.env, processes.MARK: run.mark}.items()),
            *(() if own_entrypoint else (f"--entrypoint={json.dumps(run.argv[:1])}",)),
            *(image, *(run.argv if own_entrypoint else run.argv[1:])),
        )

    def confinement(self) -> tuple[str, ...]:
        """What the manifests' securityContext and limits say."""
        return (
            *(f"--user={self.uid}:{self.uid}", "--passwd=false", "--read-only", "--read-only-tmpfs=false"),
            *("--cap-drop=all", "--security-opt=no-new-privileges", *ulimits()),
            *(word for controller in controllers() for word in LIMITS.get(controller, ())),
        )

    def inside(self, argv: tuple[str, ...], run: Run, running: Running | None) -> Command:
        """`podman exec` in the running container."""
        if not isinstance(running, PodmanRun):
            raise NotRunningError(f"{run.container} of {run.pod} does not run")
        tools = WORK_DIR if "install" in self.containers else TOOLS_IN_IMAGE
        return Command((*PODMAN, "exec", running.name, f"{tools}/{argv[0]}", *argv[1:]), os.environ)

    def sweep(self, folder: Path) -> None:
        """Remove containers that lost their client or never came up; those of this lab only."""
        left = podman("ps", "--all", "--quiet", f"--filter=label={LABEL}={folder}").split()
        if left:
            podman("rm", "--force", "--ignore", "--time=0", *left)


def mounts(run: Run) -> tuple[tuple[Path, str, str], ...]:
    """The volumes of a container: where each is here and there, and how."""
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
    # `bootstrap` runs mariadbd, too: --wsrep-recover does not start without temporary files.
    return (*common, (folders.tmp, "/tmp", "")) if run.container in {"bootstrap", MAIN} else common


def podman(*argv: str) -> str:
    """The output of a podman command; raises subprocess.CalledProcessError."""
    return subprocess.run((*PODMAN, *argv), check=True, capture_output=True, text=True, timeout=120).stdout


@functools.cache
def controllers() -> tuple[str, ...]:
    """The cgroup controllers that podman may use here."""
    host = json.loads(podman("info", "--format=json"))["host"]
    return tuple(host["cgroupControllers"])


def ulimits() -> Sequence[str]:
    """Ulimits that may be set here: no more than this process has itself."""
    bounds: Mapping[str, tuple[int, int]] = {
        "nofile": (resource.RLIMIT_NOFILE, FILES),
        "nproc": (resource.RLIMIT_NPROC, PROCESSES),
    }
    words = []
    for name, (kind, bound) in bounds.items():
        hard = resource.getrlimit(kind)[1]
        value = bound if hard == resource.RLIM_INFINITY else min(hard, bound)
        words.append(f"--ulimit={name}={value}:{value}")
    return words


def check() -> None:
    """Raises machine.NotInstalledError with what to do before containers can be run."""
    missing = [program for program in ("podman", "runc") if not shutil.which(program)]
    if missing:
        raise machine.NotInstalledError(
            f"{' and '.join(missing)} missing; on Debian or Ubuntu: apt-get install --no-install-recommends podman runc"
        )
    if os.geteuid() != 0:
        # The folders of a pod get another owner, and the ends of foreign processes are watched.
        raise machine.NotInstalledError("containers of the lab need root")
