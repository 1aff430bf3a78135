"""A child process that must not outlive the call that runs it.

For the programs of the database's image: a server that goes on alone would keep the volume's lock, and write.
Knows how a program starts and how it ends; not what it does.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bootstrap.errors import ServerMissingError
from bootstrap.process.log import deferral

Process = subprocess.Popen[bytes]

PR_SET_PDEATHSIG = 1
"""The number of this option (prctl.h)."""


class Done(NamedTuple):
    """A program that has ended."""

    status: int
    """Its exit status; negative: the signal that ended it."""
    output: str
    """What it wrote to stdout; empty where that went elsewhere."""
    errors: str
    """What it wrote to stderr; empty where that went elsewhere."""


def run(  # noqa: PLR0913  # each is one property of the child
    argv: tuple[str, ...],
    stdin: str | int | None = None,
    *,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    keep_fds: tuple[int, ...] = (),
    env: dict[str, str] | None = None,
    own_group: bool = False,
    timeout: float | None = None,
) -> Done:
    """Run a program to its end; whatever ends this call kills the program first.

    `stdin` is its input or an open file with that, None = no input; `stdout` and `stderr` are those of subprocess.
    It inherits `keep_fds`.
    With `own_group` everything that it has started is killed with it.
    Raises ServerMissingError when there is no such program, TimeoutExpired after `timeout` seconds.
    """
    text, source = None, subprocess.DEVNULL
    if isinstance(stdin, str):
        text, source = stdin.encode(), subprocess.PIPE
    elif stdin is not None:
        source = stdin
    deferral.begin()
    try:
        process = start(
            argv,
            stdin=source,
            stdout=stdout,
            stderr=stderr,
            keep_fds=keep_fds,
            env=env,
            own_group=own_group,
        )
    except BaseException:
        deferral.finish()
        raise
    with process:
        try:
            deferral.finish()
            output, errors = process.communicate(text, timeout=timeout)
        except BaseException:
            _kill(process, own_group=own_group)
            raise
    return Done(process.returncode, _text(output), _text(errors))


def start(  # noqa: PLR0913  # see above
    argv: tuple[str, ...],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
    stderr: int | None = None,
    keep_fds: tuple[int, ...] = (),
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    own_group: bool = False,
) -> Process:
    """Start a program, for a caller that will `stop` it whatever happens.  Raises ServerMissingError."""
    try:
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env=env,
            pass_fds=keep_fds,
            process_group=0 if own_group else None,
        )
    except OSError as exc:
        raise ServerMissingError(f"cannot run {argv[0]}: {exc.strerror}; this needs the database's own image") from exc


def end_with(parent: int) -> bool:
    """Get SIGTERM from the kernel when the process that started this one ends (prctl(2)); False = it has ended."""
    import ctypes  # noqa: PLC0415  # expensive, and rarely needed

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def stop(process: Process, grace: float) -> bool:
    """End a program with SIGTERM, or with SIGKILL after `grace` seconds; whether SIGTERM was enough.

    It has ended and been reaped when this returns.
    """
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def _kill(process: Process, *, own_group: bool) -> None:
    if own_group:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
