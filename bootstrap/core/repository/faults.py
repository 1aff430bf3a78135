"""What an error of restic means for a human, by its exit status and by what it wrote.  Pure.

From 0.17 on, restic has a status for the most common causes; Debian 12 has 0.14, which ends with 1 for all of them.
The texts are those of restic, of its backends, and of the storages behind them.
"""

import json
import re
from collections.abc import Iterable
from enum import StrEnum

from bootstrap.core.model.text import one_line

SHOWN = 300
"""Characters of an error that are shown."""


class Fault(StrEnum):
    """Why restic did not do what it was asked for."""

    ABSENT = "there is no repository"
    REFUSED = "the repository or the storage refuses our passwords or keys"
    LOCKED = "another job uses the repository"
    FULL = "the storage is full"
    PARTLY = "a file could not be read"
    UNREACHABLE = "the storage does not answer"
    OTHER = "something else"


STATUS = {3: Fault.PARTLY, 10: Fault.ABSENT, 11: Fault.LOCKED, 12: Fault.REFUSED}
"""restic's exit statuses with a meaning of their own (restic manual, "Exit codes"); 3 is that of `backup`."""

TEXTS = (
    (Fault.LOCKED, r"unable to create lock in backend: .*already locked|repository is already locked"),
    (Fault.FULL, r"quota|insufficient ?storage|storage ?full|no space left|disk (is )?full|out of space"),
    (
        Fault.REFUSED,
        (
            r"wrong password or no key found|access key id you provided|signature we calculated|access ?denied"
            r"|forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed|authenticat|unauthorized"
            r"|invalid_grant|credential|permission denied|token (is|has) expired|ExpiredToken"
        ),
    ),
    # Not every text that ends with "does not exist": an unknown access key "does not exist", too.
    (
        Fault.ABSENT,
        (
            r"the specified (key|bucket|blob|container) does not exist|no such file or directory|object doesn't exist"
            r"|repository does not exist|NoSuchKey|NoSuchBucket|BlobNotFound"
        ),
    ),
    (
        Fault.UNREACHABLE,
        (
            r"connection (refused|reset)|no such host|no route to host|i/o timeout|timeout|unreachable|broken pipe"
            r"|closed network connection|server misbehaving|temporary failure|EOF|certificate|retrying after|x509"
            r"|context deadline|internal error|service ?unavailable|slow ?down|\b50[0-9]\b"
        ),
    ),
)
"""The first one that is found decides; letters may be of either case."""

_COMPILED = tuple((fault, re.compile(text, re.IGNORECASE)) for fault, text in TEXTS)

RETRY = re.compile(r" returned error, retrying after ")
"""restic tries again, with longer and longer pauses, for up to 15 minutes."""

LASTING = frozenset({Fault.FULL, Fault.REFUSED})
"""Trying again does not help: restic would do so for 15 minutes, and a human would not know why."""


def classify(status: int, text: str) -> Fault:
    """Find the cause of an end with this status and these errors."""
    if status in STATUS:
        return STATUS[status]
    return find_by_text(text) or Fault.OTHER


def find_by_text(text: str) -> Fault | None:
    """Find the cause in a text; None = it names none that is known."""
    return next((fault for fault, pattern in _COMPILED if pattern.search(text)), None)


def is_lasting(line: str) -> bool:
    """Whether restic announces another attempt at something that cannot succeed before a human has acted."""
    return bool(RETRY.search(line)) and find_by_text(RETRY.split(line)[-1]) in LASTING


def format_cause(lines: Iterable[str]) -> str:
    """Show the error among these lines in one: the last one that says what is wrong, and what comes with it."""
    plain = [text for line in lines if (text := read_message(line).strip())]
    whole = " ".join(plain[_find_fatal(plain) :])
    return one_line(re.sub(r"//[^/@\s]*@", "//", whole), SHOWN) or "it wrote nothing"


def read_message(line: str) -> str:
    """Return the message of a line; with --json, restic 0.17 and newer writes its last error as an object."""
    try:
        found = json.loads(line)
    except ValueError:
        return line
    return str(found.get("message") or found.get("error") or line) if isinstance(found, dict) else line


def _find_fatal(lines: list[str]) -> int:
    """Where the error begins: at its mark, or at the last line."""
    marked = [place for place, line in enumerate(lines) if line.startswith(("Fatal:", "unable to create lock"))]
    return marked[-1] if marked else -1
