"""Runs programs that build: their output goes to a log, a line now and then to a human. An error is a sentence."""

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
"""Seconds between two progress lines while a program works."""

TAIL = 15
"""How many lines of a log an error shows."""

GRACE = 10.0
"""Seconds that a program has to end itself and its children before it is killed."""

STARTED = time.monotonic()


class BuildError(Exception):
    """An image could not be built; the message says what, why and what to do."""


def say(text: str) -> None:
    """Print a progress line on stderr, with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def read_output(argv: Sequence[str], *, timeout: float | None = None) -> bytes:
    """Run a program and return its output.

    Raises BuildError when the program is missing, fails or takes longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(argv, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as exc:
        raise missing_program(argv[0]) from exc
    except subprocess.TimeoutExpired as exc:
        raise BuildError(f"{argv[0]}: no answer within {timeout:.0f} s") from exc
    if done.returncode != 0:
        raise BuildError(f"{' '.join(argv[:2])} failed: {complaint(done.stderr)}")
    return done.stdout


def complaint(stderr: bytes) -> str:
    """The last line that a program wrote, without what its logger put around it."""
    last = (stderr.decode(errors="replace").strip().splitlines() or ["it printed no reason"])[-1]
    return re.sub(r'^time="[^"]*" level=\w+ msg=', "", last).strip('"').replace('\\"', '"')


def work(what: str, argv: Sequence[str], log: Path, *, milestone: str, env: Mapping[str, str] | None = None) -> None:
    """Run a program that may take minutes.

    It shows the lines that begin with the regular expression `milestone`, and the newest line every PULSE seconds.
    Passwords in URLs are masked everywhere, and only the user may read the log. If a signal or a full disk interrupts
    this, it ends the program and its children first.
    Raises BuildError, with the end of the log, when the program is missing or fails.
    """
    with open_private(log) as sink:
        print("$", *map(mask, argv), file=sink, flush=True)
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
            raise missing_program(argv[0]) from exc
        with process, pulse(what, newest), end_when_interrupted(process):
            for line in map(mask, process.stdout or ()):
                sink.write(line)
                newest[0] = line.strip() or newest[0]
                if re.match(milestone, line):
                    say(f"{what}: {line.strip()[:110]}")
            process.wait()
    if process.returncode != 0:
        tail = "\n    ".join(log.read_text(errors="replace").splitlines()[-TAIL:])
        raise BuildError(
            f"{what}: {argv[0]} failed (exit code {process.returncode}). Fix the error that its log ends with "
            f"and try again; the whole log is {log}:\n    {tail}"
        )


def mask(text: str) -> str:
    """The text without the user and the password of its URLs."""
    return re.sub(r"://[^/\s]+@", "://***@", text)


def open_private(log: Path) -> IO[str]:
    """Open an empty log that only the user may read; one that others could read is replaced."""
    log.unlink(missing_ok=True)
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


@contextmanager
def end_when_interrupted(process: "subprocess.Popen[str]") -> Iterator[None]:
    """End the program and its children when the block is interrupted."""
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
    """Print the program's newest line every PULSE seconds."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(PULSE):
            say(f"{what}: still working: {newest[0][:100]}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def missing_program(program: str) -> BuildError:
    """The error for a program that is not installed."""
    return BuildError(f"{program} is not installed: run `scripts/setup.sh test`, which installs everything for a build")


def cache_folder() -> Path:
    """The folder of logs and the lock; the images themselves are in the containers storage.

    Raises BuildError when the folder cannot be made.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-images"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BuildError(
            f"the folder for logs cannot be made: {folder}: {exc.strerror}. Set XDG_CACHE_HOME to another place"
        ) from exc
    return folder


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Let one builder at a time into a folder; the second one then finds what the first has built.

    A killed builder holds no lock. Do not nest this: it would wait for itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
