"""A machine of the cluster: namespaces of its own, and daemons in them.

The namespaces are mount, network, PID, IPC and host name, so nothing on the real machine changes.  One SIGKILL to the
first process of the PID namespace ends the daemons, the containers and all their children: this is a power cut.
This file knows nothing of Kubernetes.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.kubernetes.waiting import ClusterError, wait

KINDS = ("--mount", "--net", "--pid", "--uts", "--ipc")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

HIDDEN = (Path("/run"), Path("/var/run"), Path("/var/lib"))
"""Folders that are empty in a machine at its start, so their files on the real machine cannot be used there."""

TAIL = 12
"""How many lines of a log an error shows."""

SETUP = r"""
set -eu
hostname "$NAME"
mount --make-rshared /  # the kubelet passes mounts on to containers
# /etc/resolv.conf may be a link into /run: resolve it before /run is empty.
resolver=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p "${resolver%/*}" /run/lock
[ -e "$resolver" ] || : >"$resolver"
mount --bind "$FOLDER/resolv.conf" "$resolver"
mount --bind "$FOLDER/log" /var/log
# The kubelet sets these, and they belong to the whole kernel: it gets files of that name instead.
mkdir -p /run/sysctl
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=/run/sysctl/$(echo "${setting%=*}" | tr / _)
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
"""


class Spaces:
    """One machine, on or off.  Its folder survives a power cut; /run and /var/lib do not."""

    def __init__(self, name: str, folder: Path, holder: Path) -> None:
        """`holder` is the pause program.  This finds a machine that another process has switched on in this folder."""
        self.name = name
        self.folder = folder
        self._holder = holder
        self._note = folder / "holder.json"
        self._parent: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The machine's first process, as seen from outside.  Raises ClusterError when it is off."""
        with suppress(OSError, ValueError):
            noted = json.loads(self._note.read_text())
            if start_time(noted["pid"]) == noted["started"]:
                return int(noted["pid"])
        raise ClusterError(f"{self.name} is off")

    @property
    def is_on(self) -> bool:
        """Whether the machine runs."""
        with suppress(ClusterError):
            return bool(self.pid)
        return False

    def open(self, *, bound: bool) -> None:
        """Switch the machine on, without any daemon.  A `bound` machine ends with this process, however that ends."""
        if self.is_on:
            raise ClusterError(f"{self.name} is on already")
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        # With this resolver a lookup fails at once: there is no name outside, and a silent resolver would cost seconds.
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
        unshare = ("unshare", *KINDS, "--fork", "--kill-child", "--mount-proc", "--propagation=private")
        parent = self._parent = subprocess.Popen(
            (*unshare, str(self._holder), *(("-until-eof",) if bound else ())),
            stdin=subprocess.PIPE if bound else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        pid = wait(f"namespaces for {self.name}", lambda: only_child(parent), seconds=30)
        # Before the holder runs in all namespaces, this process is still unshare(1): only then write its pid.
        wait(f"the holder of {self.name}", lambda: program_name(pid) == self._holder.name, seconds=30)
        self._note.write_text(json.dumps({"pid": pid, "started": start_time(pid)}))
        self.run("sh", "-c", SETUP, env={"NAME": self.name, "FOLDER": str(self.folder)})

    def close(self) -> None:
        """Cut the power: all processes of the machine have ended when this returns."""
        with suppress(ClusterError):
            os.kill(self.pid, signal.SIGKILL)
            # The first process of a PID namespace stays as a zombie until the kernel has ended all others.
            wait(f"the end of {self.name}", lambda: not self.is_on, seconds=120)
        self._note.unlink(missing_ok=True)
        if self._parent is not None:
            if self._parent.stdin:
                self._parent.stdin.close()
            self._parent.wait(10)
            self._parent = None

    def enter(self, *kinds: str) -> tuple[str, ...]:
        """The words before a command that runs in all namespaces, or in those of nsenter's options `kinds`."""
        return ("nsenter", f"--target={self.pid}", *(kinds or KINDS), "--")

    def run(self, *argv: str, env: dict[str, str] | None = None, seconds: float = 120) -> str:
        """Run a command in the machine; returns its output.  Raises ClusterError when it fails or takes too long."""
        try:
            done = subprocess.run(
                (*self.enter(), *argv),
                env={"PATH": PATH, **(env or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise ClusterError(f"{self.name}: {' '.join(argv[:3])} has not ended after {seconds:.0f} s") from exc
        if done.returncode != 0:
            raise ClusterError(
                f"{self.name}: {' '.join(argv[:3])} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def start(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
        """Start a daemon, which writes to log/NAME.log; it replaces a dead daemon with that name."""
        launch = 'log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null & echo $!'
        pid = self.run("sh", "-c", launch, "sh", str(self.log(name)), *argv, env={"HOME": "/run", **(env or {})})
        self.pid_file(name).write_text(pid)

    def stop(self, name: str, *, seconds: float = 20) -> None:
        """End a daemon and wait for its end; send SIGKILL when it takes longer.  It may have ended already."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_alive(name):
                return
            self.run("kill", f"-{number.value}", self.pid_file(name).read_text().strip())
            with suppress(ClusterError):
                wait(f"the end of {name}", lambda: not self.is_alive(name), seconds=seconds)

    def is_alive(self, name: str) -> bool:
        """Whether this daemon runs."""
        with suppress(OSError, ClusterError):
            # By the machine's own /proc, because the pid is that inside the machine.
            return Path(f"/proc/{self.pid}/root/proc", self.pid_file(name).read_text().strip()).exists()
        return False

    def log(self, name: str) -> Path:
        """The log of a daemon, also from before its last start."""
        return self.folder / "log" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        """The file with the daemon's pid inside the machine."""
        return self.folder / f"{name}.pid"

    def wait_for(self, name: str, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until a daemon is ready.  Raises ClusterError with the end of its log when it dies or takes too long."""

        def is_ready_or_dead() -> bool:
            return is_ready() or not self.is_alive(name)

        with suppress(ClusterError):
            wait(name, is_ready_or_dead, seconds=seconds)
        if not is_ready():
            state = "is not ready" if self.is_alive(name) else "has ended"
            lines = self.log(name).read_text(errors="replace").splitlines()[-TAIL:]
            raise ClusterError("\n    ".join((f"{self.name}: {name} {state}; {self.log(name)} ends with", *lines)))


def start_time(pid: int) -> int | None:
    """When a process started, in ticks since boot; together with the pid it is unique.  None: it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return None


def only_child(parent: subprocess.Popen[bytes]) -> int | None:
    """The pid of the child of unshare(1); None while there is none.  Raises ClusterError when unshare failed."""
    if parent.poll() is not None:
        raise ClusterError(
            f"unshare ended with {parent.returncode}: run this as root, and where namespaces are allowed"
        )
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    return int(children[0]) if children else None


def program_name(pid: int) -> str:
    """The name of the program that a process runs; empty when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
