"""Programs that build: all that they print goes to a log, a line now and then to a human; a failure is one sentence."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PULSE = 10.0
"""Seconds between two signs of life of a program that works."""

TAIL = 15
"""Lines of a log that an error ends with."""

GRACE = 10.0
"""Seconds that a program has to end itself and what it began, before it is killed."""

STARTED = time.monotonic()


class BuildError(Exception):
    """An image could not be made; the message says what, why and what to do."""


def say(text: str) -> None:
    """One progress line on stderr, with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def answer(argv: Sequence[str], *, timeout: float | None = None) -> bytes:
    """What a program printed. Raises BuildError when it is missing, fails or takes longer than `timeout` seconds."""
    try:
        done = subprocess.run(argv, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as exc:
        raise missing(argv[0]) from exc
    except subprocess.TimeoutExpired as exc:
        raise BuildError(f"{argv[0]}: no answer within {timeout:.0f} s") from exc
    if done.returncode != 0:
        raise BuildError(f"{' '.join(argv[:2])} failed: {complaint(done.stderr)}")
    return done.stdout


def complaint(stderr: bytes) -> str:
    """The last line that a program wrote, without what its logger put around it."""
    last = (stderr.decode(errors="replace").strip().splitlines() or ["it did not say why"])[-1]
    return re.sub(r'^time="[^"]*" level=\w+ msg=', "", last).strip('"').replace('\\"', '"')


def work(what: str, argv: Sequence[str], log: Path, *, milestone: str, env: Mapping[str, str] | None = None) -> None:
    """Run a program that may take minutes.

    Lines that begin with the regular expression `milestone` are shown, and the newest line every PULSE seconds.
    Passwords in URLs are masked in all of it, and only the user may read the log. Whatever interrupts this, a signal or
    a full disk, ends the program and its children first.
    Raises BuildError, with the tail of the log, when the program is missing or fails.
    """
    with private(log) as sink:
        print("$", *map(masked, argv), file=sink, flush=True)
        newest = [argv[0]]
        try:
            process = subprocess.Popen(
                argv,
                env=env,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A process group of its own, so that it can be ended with all its children.
                start_new_session=True,
            )
        except FileNotFoundError as exc:
            raise missing(argv[0]) from exc
        with process, pulse(what, newest), ended(process):
            for line in map(masked, process.stdout or ()):
                sink.write(line)
                newest[0] = line.strip() or newest[0]
                if re.match(milestone, line):
                    say(f"{what}: {line.strip()[:110]}")
            process.wait()
    if process.returncode != 0:
        tail = "\n    ".join(log.read_text(errors="replace").splitlines()[-TAIL:])
        raise BuildError(
            f"{what}: {argv[0]} failed (exit code {process.returncode}). Mend what the end of its log complains about "
            f"and try again; all of it is in {log}:\n    {tail}"
        )


def masked(text: str) -> str:
    """The text without the user and the password of its URLs."""
    return re.sub(r"://[^/\s]+@", "://***@", text)


def private(log: Path) -> IO[str]:
    """The log, empty, for the user alone; one that others could read is replaced."""
    log.unlink(missing_ok=True)
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    """End the program and its children when what is done meanwhile is interrupted."""
    try:
        yield
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def pulse(what: str, newest: list[str]) -> Iterator[None]:
    """Say every PULSE seconds what was heard last."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(PULSE):
            say(f"{what}: still at it: {newest[0][:100]}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def missing(program: str) -> BuildError:
    """The program is not installed."""
    return BuildError(f"{program} is not installed here: scripts/setup.sh test brings everything that a build needs")


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """One builder a folder at a time: the second finds what the first has built, and a killed one holds nothing.

    Nested, it would wait for itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
