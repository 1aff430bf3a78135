"""A machine of the cluster: namespaces of its own, and daemons in them.

Mount, network, PID, IPC and host name; so nothing of the real machine changes, and one SIGKILL to the first process
of the PID namespace ends daemons, containers and all that they have started.  That is a power cut.
Knows nothing of Kubernetes.
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
"""Folders that are empty in a machine at its start: what lies in them cannot be used there."""

TAIL = 12
"""Lines of a log that an error ends with."""

SETUP = r"""
set -eu
hostname "$NAME"
mount --make-rshared /  # the kubelet passes mounts on to containers
# Through what may be a link into /run, before that is empty.
resolver=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p "${resolver%/*}" /run/lock
[ -e "$resolver" ] || : >"$resolver"
mount --bind "$FOLDER/resolv.conf" "$resolver"
mount --bind "$FOLDER/log" /var/log
# The kubelet sets them, and they are the whole kernel's: it gets files of that name.
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
    """One machine, on or off.  Its folder outlives a power cut; /run and /var/lib do not."""

    def __init__(self, name: str, folder: Path, holder: Path) -> None:
        """`holder` is the pause program.  A machine that another process has switched on in this folder is found."""
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
            if started(noted["pid"]) == noted["started"]:
                return int(noted["pid"])
        raise ClusterError(f"{self.name} is off")

    @property
    def on(self) -> bool:
        """Whether it runs."""
        with suppress(ClusterError):
            return bool(self.pid)
        return False

    def open(self, *, bound: bool) -> None:
        """Switch it on, without any daemon.  A `bound` machine ends with this process, however that ends."""
        if self.on:
            raise ClusterError(f"{self.name} is on already")
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        # Fails at once: nothing is to be found outside, and a resolver that is silent costs seconds.
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
        # Written only once the holder runs in all of them: before that it is still unshare(1).
        wait(f"the holder of {self.name}", lambda: comm(pid) == self._holder.name, seconds=30)
        self._note.write_text(json.dumps({"pid": pid, "started": started(pid)}))
        self.run("sh", "-c", SETUP, env={"NAME": self.name, "FOLDER": str(self.folder)})

    def close(self) -> None:
        """Cut its power: everything in it is dead when this returns."""
        with suppress(ClusterError):
            os.kill(self.pid, signal.SIGKILL)
            # The kernel lets the first process of a PID namespace go only after all others; so long it is a zombie.
            wait(f"the end of {self.name}", lambda: not self.on, seconds=120)
        self._note.unlink(missing_ok=True)
        if self._parent is not None:
            if self._parent.stdin:
                self._parent.stdin.close()
            self._parent.wait(10)
            self._parent = None

    def enter(self, *kinds: str) -> tuple[str, ...]:
        """What to put before a command that shall run in it; all namespaces, or those of nsenter's options `kinds`."""
        return ("nsenter", f"--target={self.pid}", *(kinds or KINDS), "--")

    def run(self, *argv: str, env: dict[str, str] | None = None, seconds: float = 120) -> str:
        """A command in the machine; what it printed.  Raises ClusterError when it fails or is not done in time."""
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
            raise ClusterError(f"{self.name}: {' '.join(argv[:3])} was not done after {seconds:.0f} s") from exc
        if done.returncode != 0:
            raise ClusterError(
                f"{self.name}: {' '.join(argv[:3])} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def start(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
        """Start a daemon, which writes log/NAME.log; replaces a dead one of that name."""
        launch = 'log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null & echo $!'
        pid = self.run("sh", "-c", launch, "sh", str(self.log(name)), *argv, env={"HOME": "/run", **(env or {})})
        self.pid_file(name).write_text(pid)

    def stop(self, name: str, *, seconds: float = 20) -> None:
        """End one daemon and wait for that; SIGKILL when it takes longer.  Nothing when it does not run."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive(name):
                return
            self.run("kill", f"-{number.value}", self.pid_file(name).read_text().strip())
            with suppress(ClusterError):
                wait(f"the end of {name}", lambda: not self.alive(name), seconds=seconds)

    def alive(self, name: str) -> bool:
        """Whether this daemon runs."""
        with suppress(OSError, ClusterError):
            # Seen through the machine's own /proc, whose pids are the ones that it knows.
            return Path(f"/proc/{self.pid}/root/proc", self.pid_file(name).read_text().strip()).exists()
        return False

    def log(self, name: str) -> Path:
        """What a daemon has written, also before its last start."""
        return self.folder / "log" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        """Holds the daemon's pid as the machine knows it."""
        return self.folder / f"{name}.pid"

    def wait_for(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until a daemon is ready.  Raises ClusterError with the end of its log when it dies or takes too long."""

        def ready_or_dead() -> bool:
            return ready() or not self.alive(name)

        with suppress(ClusterError):
            wait(name, ready_or_dead, seconds=seconds)
        if not ready():
            state = "is not ready" if self.alive(name) else "has ended"
            lines = self.log(name).read_text(errors="replace").splitlines()[-TAIL:]
            raise ClusterError("\n    ".join((f"{self.name}: {name} {state}; {self.log(name)} ends with", *lines)))


def started(pid: int) -> int | None:
    """When a process has started, in ticks since boot: with its pid, that names it for ever.  None: it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return None


def only_child(parent: subprocess.Popen[bytes]) -> int | None:
    """The pid of what unshare(1) has forked; None as long as it has not.  Raises ClusterError when it failed."""
    if parent.poll() is not None:
        raise ClusterError(
            f"unshare has ended with {parent.returncode}: are you root, and are namespaces allowed here?"
        )
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    return int(children[0]) if children else None


def comm(pid: int) -> str:
    """The name of the program that a process runs; nothing when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
