"""A lab that stays up: a background process that owns the pods and accepts commands over a Unix socket.

A connection carries one request, a JSON line with the command and its arguments.
The answer is one JSON line with `text` or `error`.
"""

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.lab.folders import Folders
from tests.lab.lab import Lab
from tests.lab.layout import LONGEST_SOCKET
from tests.lab.pod import Pod
from tests.lab.small_disk import fill_up, mount_small_disk
from tests.paths import ROOT

CONTROL = "control.sock"


class LabCommandError(Exception):
    """The lab refused a command, or could not carry it out; the message is one line."""


def make_control_path(folder: Path) -> Path:
    """Return the path of the lab's socket; raises LabCommandError if the path of a pod's socket would be too long."""
    longest = Folders(folder / "mysql-0").socket
    if len(os.fsencode(longest)) > LONGEST_SOCKET:
        raise LabCommandError(f"{longest} is longer than {LONGEST_SOCKET} bytes: choose a shorter --folder")
    return folder / CONTROL


def call(folder: Path, command: str, **arguments: Any) -> str:
    """Send a command to the lab in the folder and wait for its answer; raises LabCommandError."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(make_control_path(folder)))
        except OSError as exc:
            raise LabCommandError(f"no lab runs in {folder}: start one with `python -m tests.lab up`") from exc
        connection.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline()
    if not line:
        raise LabCommandError(f"the lab ended without an answer; see {folder / 'lab.log'}")
    answer = json.loads(line)
    if "error" in answer:
        raise LabCommandError(answer["error"])
    return str(answer["text"])


def is_running(folder: Path) -> bool:
    """Whether a lab listens in the folder."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(make_control_path(folder))) == 0


def end(folder: Path, *, keep: bool) -> None:
    """End the lab in the folder and wait until its process has ended; raises LabCommandError."""
    process = Path("/proc", call(folder, "down", keep=keep))
    while process.exists():
        time.sleep(0.05)


def spawn(folder: Path, pods: int, *, seconds: float = 60.0) -> None:
    """Start the lab's process in the background and wait for its socket; raises LabCommandError."""
    if is_running(folder):
        raise LabCommandError(f"a lab already runs in {folder}; to end it: `python -m tests.lab down`")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / CONTROL).unlink(missing_ok=True)  # left by a lab whose process was killed
    with (folder / "lab.log").open("a+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab", "serve", str(folder), str(pods)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        deadline = time.monotonic() + seconds
        while not is_running(folder):
            if process.poll() is not None or time.monotonic() > deadline:
                # A lab that fails removes its folder, but this file stays open here.
                log.seek(0)
                last = (log.read().decode(errors="replace").splitlines() or ["its log is empty"])[-1]
                raise LabCommandError(f"the lab did not start: {last}")
            time.sleep(0.05)


class Desk:
    """Carries out the commands of a running lab: one change at a time, while `status` never waits."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._changing = threading.Lock()
        self.keep = False
        """Whether `down` was called with `--keep`."""
        self.finished = threading.Event()
        """Set by `down`."""
        self._disks = ExitStack()
        self._fillers: dict[str, Path] = {}
        """Pod -> the file that fills its small disk."""

    def do(self, request: dict[str, Any]) -> str:
        """Carry out one request; raises LabCommandError."""
        match request:
            case {"command": "exec", "pod": str(name), "argv": list(argv)}:
                return self._make_exec(name, argv)
            case {"command": "logs", "pods": list(names), "lines": int(lines)}:
                return "\n".join(pod.tail(lines) for _, pod in self._find_pods(names))
            case {"command": "down", "keep": bool(keep)}:
                self.keep = keep
                self.finished.set()
                return str(os.getpid())
        with self._changing:
            return self._change(request)

    def _change(self, request: dict[str, Any]) -> str:
        match request:
            case {"command": "kill", "pods": []}:
                self._lab.kill_everything()
                return "all processes of all pods were killed"
            case {"command": "kill", "pods": list(names)}:
                return self._apply_to_each(names, Pod.power_off, "killed")
            case {"command": "stop", "pods": list(names)}:
                return self._apply_to_each(names, Pod.stop, "stopped in order")
            case {"command": "start", "pods": list(names)}:
                return self._apply_to_each(names, Pod.start, "started")
            case {"command": "lose", "pods": list(names)}:
                self._refuse_unless_off(names)
                return self._apply_to_each(names, Pod.wipe_volume, "lost its volume")
            case {"command": "fill", "pod": str(name)}:
                return self._fill(name)
            case {"command": "free", "pod": str(name)}:
                return self._free(name)
            case {"command": "dns", "answers": bool(answers)}:
                self._lab.nameserver.is_silent = not answers
                return f"DNS {'answers' if answers else 'does not answer'}"
            case {"command": "scale", "count": int(count)}:
                self._lab.scale(count)
                return f"{count} pods"
        raise LabCommandError(f"unknown request {request.get('command')!r}")

    def _make_exec(self, name: str, argv: list[str]) -> str:
        """Make the command that runs in a pod, for the terminal of the person; an empty name is the first pod on."""
        pods = [pod for _, pod in self._find_pods([name] if name else []) if pod.on]
        if not pods:
            raise LabCommandError(f"{name or 'every pod'} is off: start it first")
        command = pods[0].make_exec(*argv)
        return json.dumps({"argv": command.argv, "env": command.env})

    def _refuse_unless_off(self, names: list[str]) -> None:
        if on := [pod.name for _, pod in self._find_pods(names) if pod.on]:
            raise LabCommandError(f"{', '.join(on)} is on: `kill` or `stop` it first")

    def _fill(self, name: str) -> str:
        """Put the pod's volume on a small disk of its own, and fill that."""
        self._refuse_unless_off([name])
        if os.geteuid():
            raise LabCommandError("only root can mount a small disk")
        ((_, pod),) = self._find_pods([name])
        if name not in self._fillers:
            image = pod.folders.root / "small-disk"
            self._fillers[name] = self._disks.enter_context(mount_small_disk(pod.folders.volume, image))
        fill_up(self._fillers[name])
        return f"the disk of {name} is full; `free {name}` makes room"

    def _free(self, name: str) -> str:
        if name not in self._fillers:
            raise LabCommandError(f"the disk of {name} was not filled")
        self._fillers[name].unlink(missing_ok=True)
        return f"the disk of {name} has room"

    def close(self) -> None:
        """Unmount the small disks; only after all pods have ended."""
        self._disks.close()

    def _find_pods(self, names: list[str]) -> list[tuple[int, Pod]]:
        known = {pod.name: (ordinal, pod) for ordinal, pod in sorted(self._lab.pods.items())}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise LabCommandError(f"there is no pod {', '.join(unknown)}; the pods are: {', '.join(known) or 'none'}")
        return [known[name] for name in names] if names else list(known.values())

    def _apply_to_each(self, names: list[str], action: Callable[[Pod], None], done: str) -> str:
        pods = [pod for _, pod in self._find_pods(names)]
        threads = [threading.Thread(target=action, args=(pod,)) for pod in pods]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return f"{', '.join(pod.name for pod in pods)} {done}"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _ControlServer)
        request = self.rfile.readline()
        if not request:
            return  # `is_running` only connects
        try:
            answer = {"text": self.server.desk.do(json.loads(request))}
        except Exception as exc:  # noqa: BLE001  # the person at the terminal must see every kind of error
            answer = {"error": str(exc) or repr(exc)}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _ControlServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, desk: Desk) -> None:
        self.desk = desk
        super().__init__(str(path), _Handler)


def serve(folder: Path, pods: int) -> None:
    """Run the lab's process: the pods, the socket, and a clean end at `down`, SIGTERM or SIGINT."""
    lab = Lab(folder, replicas=pods)
    desk = Desk(lab)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: desk.finished.set())
    path = make_control_path(folder)
    with lab:
        lab.up()
        with _ControlServer(path, desk) as server:
            path.chmod(0o600)
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
            while not desk.finished.wait(1.0):
                pass
            server.shutdown()
        lab.kill_everything()
        desk.close()
        lab.keep = desk.keep
    path.unlink(missing_ok=True)
