"""Whether a killed server's binary log is at hand for its recovery.  Pure.

With a binary log InnoDB syncs only that a transaction is prepared; that it is committed stands in the log, and the next
start looks there (MariaDB handler.cc `ha_recover`, log.cc `TC_LOG_BINLOG`).  A start that does not find it, because
log_bin was taken out of the configuration or the files are gone, rolls these transactions back, acknowledged or not,
and says nothing: `--wsrep-recover` ends with status 0 and a position before them.
"""

import re
from collections.abc import Iterable

_OPTION = re.compile(r"--(?:(?:loose|enable|disable|skip|maximum|autoset)-)*log-b(?:in(?:-index)?|asename)?")
"""log_bin, log_bin_index and log_basename, in any spelling that the server takes."""


def is_option(word: str) -> bool:
    """Whether an argument of the server says if and where it writes a binary log."""
    return _OPTION.fullmatch(word.partition("=")[0].lower().replace("_", "-")) is not None


def options(arguments: str) -> tuple[str, ...]:
    """Those in what `mariadbd --print-defaults` prints."""
    return tuple(word for word in arguments.split() if is_option(word))


def index(words: Iterable[str], names: Iterable[str]) -> str | None:
    """The file that lists the parts of the log, its path from the datadir; None = it has no name, and is not there.

    `names`: what is in the datadir; without a name in the options the server makes one of the host's.
    """
    values = {}
    for word in words:
        name, _, value = word.partition("=")
        values[re.sub(r"^--(loose-|enable-)*", "", name.lower().replace("_", "-"))] = value
    if path := values.get("log-bin-index") or values.get("log-bin"):
        return re.sub(r"\.[^./]*$", "", path) + ".index"
    return next((name for name in sorted(names) if name.endswith("-bin.index")), None)


def obstacle(before: tuple[str, ...], now: tuple[str, ...], *, there: bool, note: str) -> str:
    """Why data of a server that was killed must not be recovered, and what to do; empty = they may.

    `before`: its options, as noted when it was started.  `there`: whether the log's index is.
    """
    if not before or (there and before == now):
        return ""
    why = "whose files are gone" if before == now else f"which is now {told(now)}"
    return (
        f"the server that was killed here had a binary log ({told(before)}), {why}: without it acknowledged commits "
        f"would be rolled back; put it back, or remove {note} and lose them"
    )


def told(words: tuple[str, ...]) -> str:
    """For humans."""
    return " ".join(words) or "off"
