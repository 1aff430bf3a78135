"""Options under which a server must not be started, nor its data recovered: each with the reason and the cure.  Pure.

With some of them `--wsrep-recover` ends with status 0 and reports less than the disk holds; the list comes from trying
every option of the server on a killed datadir (`python -m tests.options`).  Others would start a member whose data or
accounts nobody protects.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bootstrap.core.galera.server_options import DATADIR, Option


class HeldOption(NamedTuple):
    """One option, and with which values it is held."""

    option: Option
    why: str
    """What it would do."""
    is_held: Callable[[str, str], bool]
    """Whether it is held with this value and this datadir."""


def _always(_value: str, _datadir: str) -> bool:
    return True


def _unless_off(value: str, _datadir: str) -> bool:
    return value.lower() not in ("off", "0", "false")


def _unless_empty(value: str, _datadir: str) -> bool:
    return bool(value)


def _without_sync(value: str, _datadir: str) -> bool:
    """By name, or by its number in the server's list; that of littlesync is 2, and that of nosync 3."""
    return value.lower() in ("littlesync", "nosync", "2", "3")


def _high_recovery(value: str, _datadir: str) -> bool:
    """A value that cannot be read may be any."""
    number = re.fullmatch(r"\d+", value)
    return number is None or int(value) >= READ_ONLY_RECOVERY


def _elsewhere(value: str, datadir: str) -> bool:
    return value.rstrip("/") not in ("", ".", datadir.rstrip("/"))


def _other_name(value: str, _datadir: str) -> bool:
    """The first file of the system tablespace is how a database is recognised."""
    return not value.startswith("ibdata1:") or "/" in value


READ_ONLY_RECOVERY = 4
"""From this value of innodb_force_recovery on, InnoDB is read-only; at 6 it does not read its redo log at all."""

_ELSEWHERE = "files of InnoDB outside of the datadir would not be discarded, backed up and recognised with it"

_UNSYNCED = "files would not be synced, and a power cut would lose acknowledged commits"

HELD = (
    HeldOption(
        Option("innodb-force-recovery", "innodb-force-rec"),
        "InnoDB would not recover all commits, and the position would be read too low",
        _high_recovery,
    ),
    HeldOption(Option("wsrep-start-position", "wsrep-sta"), "only this toolkit may give the position", _always),
    HeldOption(Option("wsrep-recover", "wsrep-rec"), "the server would only recover its position and end", _unless_off),
    HeldOption(
        Option("tc-heuristic-recover", "tc"),
        "it would decide on prepared transactions by guessing, and the server would end",
        _unless_off,
    ),
    HeldOption(Option("skip-grant-tables", "gr"), "every client would be root", _unless_off),
    HeldOption(Option("bootstrap", "boots"), "the server would read SQL from its input and end", _unless_off),
    HeldOption(Option("debug-no-sync", "debug-n"), _UNSYNCED, _unless_off),
    HeldOption(Option("innodb-flush-method", "innodb-flush-m"), _UNSYNCED, _without_sync),
    HeldOption(Option("innodb-data-home-dir", "innodb-data-h"), _ELSEWHERE, _elsewhere),
    HeldOption(Option("innodb-log-group-home-dir", "innodb-log-g"), _ELSEWHERE, _elsewhere),
    HeldOption(Option("innodb-undo-directory", "innodb-undo-d"), _ELSEWHERE, _elsewhere),
    HeldOption(
        Option("innodb-data-file-path", "innodb-data-f"),
        "the first file must be ibdata1, in the datadir: its name shows that there is a database",
        _other_name,
    ),
)
"""The list."""


class Found(NamedTuple):
    """A held option that the server would get."""

    held: HeldOption
    argument: str

    @property
    def text(self) -> str:
        """The option as one writes it into a file."""
        return self.argument.removeprefix("--")


def find_held(arguments: Iterable[str]) -> Found | None:
    """The first option of these arguments that is held; of several mentions, the last one counts, as to the server."""
    given = tuple(arguments)
    datadir = ([DATADIR.value_in(argument) for argument in given if DATADIR.is_spelled_by(argument)] or [""])[-1]
    for held in HELD:
        mentions = [argument for argument in given if is_spelled(held.option, argument)]
        if mentions and held.is_held(held.option.value_in(mentions[-1]), datadir):
            return Found(held, mentions[-1])
    return None


def is_spelled(option: Option, argument: str) -> bool:
    """Whether the argument is the option; the name of one option begins with skip-, which may be left out."""
    return option._replace(name=option.name.removeprefix("skip-")).is_spelled_by(argument)
