"""Whether the binary log of a killed server is there for its recovery.  Pure.

With a binary log, InnoDB syncs only that a transaction is prepared.  The binary log has the information that it is
committed, and the next start looks there (MariaDB handler.cc `ha_recover`, log.cc `TC_LOG_BINLOG`).  If that start does
not find the log, because log_bin was removed from the configuration or the files are gone, it rolls these transactions
back, acknowledged or not, and reports nothing: `--wsrep-recover` ends with status 0 and a position before them.
"""

import re
from collections.abc import Iterable

from bootstrap.core.galera.server_options import Option

LOG_BIN = Option("log-bin", "log-b")
LOG_BIN_INDEX = Option("log-bin-index", "log-bin-")
LOG_BASENAME = Option("log-basename", "log-b")


def is_option(argument: str) -> bool:
    """Whether an argument of the server sets if and where it writes a binary log."""
    return any(option.is_spelled_by(argument) for option in (LOG_BIN, LOG_BIN_INDEX, LOG_BASENAME))


def find_options(arguments: Iterable[str]) -> tuple[str, ...]:
    """The options of the binary log among these."""
    return tuple(argument for argument in arguments if is_option(argument))


def is_on(arguments: Iterable[str]) -> bool:
    """Whether a server with these options has a binary log: only log_bin decides, and its last mention counts."""
    mentions = [argument for argument in arguments if LOG_BIN.is_spelled_by(argument)]
    return bool(mentions) and not LOG_BIN.is_switched_off_by(mentions[-1])


def find_index(arguments: Iterable[str], names: Iterable[str]) -> str | None:
    """The file that lists the parts of the log, its path from the datadir; None = it has no name, and is not there.

    `names` are the files in the datadir.  If the options have no name, the server derives one from the host's name.
    """
    values: dict[Option, str] = {}
    for argument in arguments:
        value = argument.partition("=")[2]
        values |= {option: value for option in (LOG_BIN, LOG_BIN_INDEX) if option.is_spelled_by(argument)}
    if path := values.get(LOG_BIN_INDEX) or values.get(LOG_BIN):
        return re.sub(r"\.[^./]*$", "", path) + ".index"
    return next((name for name in sorted(names) if name.endswith("-bin.index")), None)


def why_not_recovered(before: tuple[str, ...], now: tuple[str, ...], *, is_there: bool, note: str) -> str:
    """Why data of a killed server must not be recovered, and what to do; empty = they may be recovered.

    `before`: its options, as noted at its start.  `is_there`: whether the log's index exists.
    """
    if not is_on(before) or (is_there and before == now):
        return ""
    why = "whose files are gone" if before == now else f"which is now {format_options(now)}"
    return (
        f"the server that was killed here had a binary log ({format_options(before)}), {why}: without it acknowledged "
        f"commits would be rolled back; put it back, or remove {note} and lose them"
    )


def find_left(names: Iterable[str]) -> tuple[str, ...]:
    """The lists of parts of binary logs among the files of a datadir; those of a replica's relay log are none."""
    return tuple(sorted(name for name in names if name.endswith(".index") and "relay" not in name))


def why_left_not_recovered(left: tuple[str, ...], now: tuple[str, ...], index: str | None) -> str:
    """Why data of a killed server without our note must not be recovered, and what to do; empty = they may be (R44).

    `left`: the lists that its datadir has.  `index`: the list that this server would read.
    """
    if not left or (is_on(now) and index in left):
        return ""
    name = left[0].removesuffix(".index")
    return (
        f"the server that was killed here left a binary log ({left[0]}), and this one has {format_options(now)}: "
        f"without it acknowledged commits would be rolled back; set log_bin={name} in conf.d, or, if that log was off "
        f"for long, put {left[0]} elsewhere"
    )


def format_options(arguments: tuple[str, ...]) -> str:
    """The options for messages."""
    return " ".join(arguments) or "off"
