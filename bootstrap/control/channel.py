"""The agent's unix socket, both ends: one JSON object a line, a question and its answer.

A connection is also a sign of life: while a starter is connected it holds the volume's lock, and the agent notices when
the connection ends.  The run folder's permissions (0700) are the access control: one uid for all containers.
"""

import contextlib
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bootstrap.control.request import AnswerT, ErrorAnswer, Request
from bootstrap.core.model.codec import Json, MessageInvalidError, load
from bootstrap.errors import AgentUnreachableError, SettingInvalidError

MAX_LINE = 1024 * 1024
"""Bytes of one message; a longer line is not one of ours."""

ANSWER_S = 20.0
"""For what people look at: the agent asks the other pods first, and a busy machine takes its time."""


class Connection:
    """One end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream = sock.makefile("rwb")

    def send(self, message: Json) -> None:
        """Send one message."""
        self.stream.write(json.dumps(message).encode() + b"\n")
        self.stream.flush()

    def receive(self) -> Json | None:
        """Wait for one message; None when the other end has closed the connection."""
        line = self.stream.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            return None
        message = json.loads(line)
        return message if isinstance(message, dict) else None

    def close(self) -> None:
        """End the connection."""
        # Shut down before it is closed: a copy of the descriptor in a child must not keep the other end waiting.
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.stream.close()
        self.sock.close()


class Client:
    """A command's end of the agent's socket."""

    def __init__(self, path: Path, timeout: float | None = None) -> None:
        """Connect, and wait at most `timeout` seconds for this and for each answer; raises AgentUnreachableError."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        try:
            sock.connect(str(path))
        except OSError as exc:
            sock.close()
            raise AgentUnreachableError(
                f"no agent answers at {path} ({exc.strerror or exc}): is the agent's container running?"
            ) from exc
        self.connection = Connection(sock)

    def ask(self, request: Request[AnswerT]) -> AnswerT:
        """Send a request and wait for its answer.

        Raises AgentUnreachableError when the agent goes away, SettingInvalidError when it is of another version.
        """
        try:
            self.connection.send(request.message())
            message = self.connection.receive()
        except TimeoutError as exc:
            raise AgentUnreachableError(
                "the agent does not answer: it hangs, or its machine is very busy; ask another pod, and look at the "
                "log of this pod's container `agent`"
            ) from exc
        except (OSError, ValueError) as exc:
            raise AgentUnreachableError(f"the agent went away ({exc})") from exc
        if message is None:
            raise AgentUnreachableError("the agent went away")
        try:
            if "error" in message:
                raise SettingInvalidError(
                    f"the agent answers: {load(ErrorAnswer, message).error} (is it of another version?)"
                )
            return request.read_answer(message)
        except MessageInvalidError as exc:
            raise SettingInvalidError(
                f"the agent's answer to {request.op!r} is not understood: {exc} (is it of another version?)"
            ) from exc

    def close(self) -> None:
        """End the connection."""
        self.connection.close()


def connect(path: Path, patience: float, on_wait: Callable[[str], None]) -> Client:
    """Connect to an agent that may be starting or restarting; raises AgentUnreachableError after `patience` seconds.

    `on_wait` is called once, if it has to wait.
    """
    try:
        return Client(path)
    except AgentUnreachableError as exc:
        on_wait(f"{exc}; waiting up to {patience:g} s")
    # Imported here, because almost every starter finds the agent at once and does not need it.
    from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_fixed  # noqa: PLC0415

    retry = Retrying(
        retry=retry_if_exception_type(AgentUnreachableError),
        wait=wait_fixed(0.1),
        stop=stop_before_delay(patience),
        reraise=True,
    )
    return retry(Client, path)


class Server:
    """The agent's end: a thread for each connection."""

    def __init__(self, path: Path, serve: Callable[[Connection], None]) -> None:
        """Listen at `path`, over the socket of an earlier agent if it left one; raises SettingInvalidError."""
        prepare_folder(path.parent)
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            path.unlink(missing_ok=True)
            self.sock.bind(str(path))
        except OSError as exc:
            self.sock.close()
            raise SettingInvalidError(f"cannot listen at {path} ({exc}): choose a shorter or writable RUN_DIR") from exc
        self.sock.listen()
        self.serve = serve
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def _accept(self) -> None:
        while self.sock.fileno() >= 0:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                time.sleep(0.1)  # out of descriptors for a moment, or closed
                continue
            threading.Thread(target=self._converse, args=[Connection(sock)], daemon=True).start()

    def _converse(self, connection: Connection) -> None:
        try:
            self.serve(connection)
        except (OSError, ValueError, RecursionError):
            pass  # the connection broke, or the other end is not one of ours
        finally:
            connection.close()

    def close(self) -> None:
        """Stop listening."""
        self.sock.close()


def prepare_folder(folder: Path) -> None:
    """Make the run folder private if this user owns it; in a pod it is the kubelet's, and only its containers see it.

    Raises SettingInvalidError when it cannot be made or read.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(stat.S_IRWXU)
    except OSError as exc:
        raise SettingInvalidError(f"the run folder {folder} cannot be used ({exc.strerror}): check its owner") from exc
