"""Where an option stands: the lines of MariaDB's option files, and what is said of them.  Pure.

`mariadbd --print-defaults` prints what the server reads from all files, but not from which file and line.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bootstrap.core.galera.server_options import canonical_name, value_of

SERVER_GROUP = re.compile(r"(mysqld|server|mariadb|mariadbd|galera|client-server)|(mysqld|mariadb|mariadbd)-\d+\.\d+")
"""The groups that a MariaDB server reads (mysqld.cc, `load_default_groups`)."""

_REFUSAL = re.compile(
    r"Found option without|Parsing options for plugin|Error while setting value|[Uu]nknown (suffix|variable|option)"
)
"""Errors that mean a refusal also where the server goes on."""

_LEVEL = re.compile(r"^[\d: -]+\[\w+\] ")
"""The time and the level of a line.  Without the time, the same complaint is the same text each time."""

_INCLUDE = re.compile(r"!(?P<kind>includedir|include)\s+(?P<path>\S.*)")

SETTINGS = {
    "wsrep-provider-options": "PROVIDER_OPTIONS",
    "wsrep-provider": "PROVIDER",
    "wsrep-sst-method": "SST_METHOD",
    "wsrep-cluster-address": "REPLICAS",
    "innodb-flush-log-at-trx-commit": "FLUSH_LOG_AT_TRX_COMMIT",
    "sync-binlog": "FLUSH_LOG_AT_TRX_COMMIT",
    "bind-address": "BIND_ADDRESS",
    "datadir": "DATA_ROOT",
    "socket": "RUN_DIR",
    "user": "SERVER_USER",
    "ssl-cert": "TLS_DIR",
    "ssl-key": "TLS_DIR",
    "ssl-ca": "TLS_DIR",
}
"""Option -> the setting, without its prefix, that is there for it."""


class Line(NamedTuple):
    """One option in a file, in a group that the server reads."""

    path: str
    """The file."""
    number: int
    """The line in it, from 1."""
    argument: str
    """The option as an argument, such as --log_bin=x."""

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.path}:{self.number}"

    @property
    def name(self) -> str:
        """Its name in lower case, with -."""
        return canonical_name(self.argument)


class Include(NamedTuple):
    """A file, or a folder of files, that is read at this point."""

    path: str
    is_folder: bool


def parse(path: str, text: str) -> Iterator[Line | Include]:
    """Yield the server's options and the includes of a file, in their order."""
    is_read = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if include := _INCLUDE.fullmatch(line):
            yield Include(include["path"], include["kind"] == "includedir")
        elif line[0] == "[":
            # As the server does (my_default.c): blanks before the ] do not count, those behind the [ do.
            is_read = SERVER_GROUP.fullmatch(line[1:].partition("]")[0].rstrip()) is not None
        elif is_read:
            yield Line(path, number, _argument(line))


def _argument(line: str) -> str:
    """The option of a line as an argument: without blanks around its =, quotes and a comment behind it."""
    name, equals, value = (part.strip() for part in line.partition("="))
    if not equals:
        return f"--{name.split('#')[0].strip()}"
    quoted = re.match(r"([\"'])(.*?)\1", value)
    plain = quoted[2] if quoted else re.split(r"\s*#", value)[0]
    return f"--{name}={plain}"


def find_complaint(errors: str, status: int) -> str:
    """The server's first complaint about its options in what it wrote to stderr; empty = it takes them.

    `status` is that of `--verbose --help`.  It may be 0 although a value of InnoDB was not understood, or a file was
    left out whole: then the server would run with other options than yours, or not at all.
    """
    # Without the bell that MariaDB rings before some of them (my_error.c, ME_BELL).
    written = [line.strip() for line in errors.replace("\a", "").splitlines() if line.strip()]
    lines = [re.sub(r"^[\d: -]*\[ERROR\] ", "error: ", line) for line in written]
    found = [line for line in lines if line.startswith("error: ") and (status or _REFUSAL.search(line))]
    if not found and status:
        # Without an error the cause is in a line without a level, or in the last warning: those before it, such as of a
        # low limit of open files, are about something else.
        plain = [line for line in lines if not _LEVEL.match(line)]
        found = plain or [_LEVEL.sub("", line) for line in lines[-1:]] or [f"it ended with status {status}"]
    return re.sub(r"^(error: )?(Buffered error: )?((\S*/)?(mariadbd|mysqld): )?", "", found[0]) if found else ""


def find_named(complaint: str, lines: Iterable[Line]) -> Line | None:
    """The last of these lines that a complaint names; None = it names none of them."""
    words = ["".join(pair) for pair in re.findall(r"'([^']*)'|\"([^\"]*)\"|(--[\w-]+)", complaint)]
    names = {canonical_name(word if word.startswith("--") else f"--{word}") for word in words}
    found = [line for line in lines if line.name in names]
    return found[-1] if found else None


def find_replaced(lines: Iterable[Line], ours: str) -> Iterator[str]:
    """Yield a message for each option in another file than ours that a later line of ours gives another value.

    The user's line may have the beginning of the name, and the same value in other words.
    """
    later: dict[str, str] = {}
    found = []
    for line in reversed(tuple(lines)):
        if line.path == ours:
            later.setdefault(line.name, _meaning(line))
            continue
        begun = [name for name in later if name.startswith(line.name)]
        name = line.name if line.name in later else begun[0] if len(begun) == 1 else ""
        if name and later[name] != _meaning(line):
            written = line.argument.partition("=")[0].removeprefix("--")
            found.append(f"{line.place} sets {written}, which has no effect: {_advice(name)}")
    yield from reversed(found)


OWN_SKIP = ("name-resolve",)
"""Options of ours whose own name begins with skip-: that word does not switch them off."""


def _meaning(line: Line) -> str:
    """The value of a line in one form: ON and 1 are the same, and so is a switch without a value."""
    value = value_of(line.argument, has_own_skip=line.name in OWN_SKIP).lower()
    return {"1": "on", "true": "on", "0": "off", "false": "off"}.get(value, value)


def _advice(name: str) -> str:
    setting = SETTINGS.get(name)
    return f"use GALERA_BOOTSTRAP_{setting}" if setting else "this toolkit gives this option; remove it"
