"""The server of a first start: it runs scripts on a database that is not the datadir yet, and nobody else reaches it.

It has the options of the later server, without network, Galera and binary log: nothing of a script is replicated.
"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bootstrap.core.galera import recovery_log
from bootstrap.errors import InitialisationFailedError
from bootstrap.process import child
from bootstrap.process.log import deferral

GUARD = """\
exec 3<&0
"$@" 3<&- &
server=$!
( if read -r _ <&3; then kill "$server"; else kill -KILL "$server"; fi ) &
guard=$!
exec 3<&-
wait "$server"
status=$?
kill "$guard" 2>/dev/null
exit "$status"
"""
"""A shell that starts the server: a line at its input stops it in order, and the end of the input kills it.

So the server ends with this process even if that is killed: else it would hold the volume's lock without end.
"""

POLL_S = 0.05

LOST = re.compile(r"ERROR (2006|2013|2055|1053|1927) ")
"""What the client shows of a server that goes: it lost the connection (errmsg.h, CR_SERVER_GONE_ERROR, CR_SERVER_LOST
and CR_SERVER_LOST_EXTENDED), or the server could still say so (mysqld_error.h, ER_SERVER_SHUTDOWN, and
ER_CONNECTION_KILLED for each connection that a shutdown closes)."""

END_S = 10.0
"""A server that has closed its connections may need a moment to end."""


@contextmanager
def serve(
    command: tuple[str, ...], data: Path, at: Path, keep_fds: tuple[int, ...], purpose: str = "for the scripts"
) -> Iterator[None]:
    """Run a server on this datadir, which listens only at the socket `at`; it is stopped in order at the end.

    Raises InitialisationFailedError if it does not start, or has not stopped in order, and ServerMissingError.
    """
    log = data / "first-start.log"
    own = (
        *(f"--datadir={data}", f"--socket={at}", f"--pid-file={data}/first-start.pid", "--skip-networking"),
        *("--wsrep-on=OFF", "--wsrep-provider=none", f"--wsrep-data-home-dir={data}", "--skip-log-bin"),
        *("--skip-log-error", "--skip-slave-start", "--event-scheduler=OFF", "--init-file=", "--secure-file-priv="),
    )
    with log.open("wb") as errors:
        deferral.begin()
        try:
            process = child.start(
                ("sh", "-c", GUARD, "sh", *command, *own),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors.fileno(),
                keep_fds=keep_fds,
                own_group=True,
            )
        except BaseException:
            deferral.finish()
            raise
    try:
        deferral.finish()
        while not _listens(at):
            if process.poll() is not None:
                raise InitialisationFailedError(f"the server {purpose} {_describe_end(process, log)}")
            time.sleep(POLL_S)
        try:
            yield
        except InitialisationFailedError as exc:
            if not LOST.search(str(exc)) or not _has_ended(process):
                raise
            raise InitialisationFailedError(f"{exc}; the server {_describe_end(process, log)}") from exc
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.write(b"stop\n")
                process.stdin.flush()
        if process.wait() != 0:
            raise InitialisationFailedError(f"the server {purpose} {_describe_end(process, log)}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        at.unlink(missing_ok=True)
    log.unlink()


def _listens(at: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(at))
        return True
    return False


def _has_ended(process: child.Process) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    return process.returncode is not None


def _describe_end(process: child.Process, log: Path) -> str:
    text = log.read_text(errors="replace")
    return f"ended with status {process.returncode}: {recovery_log.find_cause(text)}"
