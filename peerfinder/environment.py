"""The environment that this process was started with, for the programs that it starts."""

import os

GIVEN = "/proc/self/environ"
"""The environment at the exec, whatever was set since (proc_pid_environ(5))."""

COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python sets LC_CTYPE to when the locale is C, as in most containers (PEP 538)."""


def restore_locale() -> None:
    """Restore the LC_CTYPE that we were started with if Python has set another; where that is unknown, it stays.

    Programs that we start would take over a locale that nobody chose. In it, sed skips a line with a Latin-1 octet, and
    awk counts characters instead of octets.
    """
    if os.environ.get("LC_CTYPE") not in COERCED:
        return
    try:
        with open(GIVEN, "rb") as file:  # noqa: PTH123 - pathlib is slow
            given = dict(word.partition(b"=")[::2] for word in file.read().split(b"\0"))
    except OSError:
        return
    if b"LC_CTYPE" in given:
        os.environ["LC_CTYPE"] = os.fsdecode(given[b"LC_CTYPE"])
    else:
        del os.environ["LC_CTYPE"]
