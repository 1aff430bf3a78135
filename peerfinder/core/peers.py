"""A validated, byte-sorted set of peer names, and how it differs from another.

Knows which names are acceptable and how a list is written for a hook.
Does not know where names come from, nor to which Service they should belong; `names` does.
"""

import re
from collections.abc import Iterable

from peerfinder.errors import PeersInvalidError

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""A letter-digit-hyphen label of at most 63 octets (RFC 1123 section 2.1), in lower case."""

NAME_MAX = 253
"""The longest name in text form, in characters (RFC 1035 section 2.3.4)."""

QUOTED_MAX = 80
"""How much of a refused name is shown, in characters: a hostile answer must not fill the log."""

BLANK = " \t\r"
"""Characters that may surround a name on its line."""


def is_name(text: str) -> bool:
    """Tell whether *text* is a lower-case host name of LDH labels, without a final dot.

    An address is not a name: a last label of digits only is refused (RFC 1123 section 2.1).
    """
    labels = text.split(".")
    return len(text) <= NAME_MAX and all(map(LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def quote(name: str) -> str:
    """Quote an untrusted name for a log line: one line, ASCII, of limited length."""
    text = ascii(name)
    return text if len(text) <= QUOTED_MAX else f"{text[:QUOTED_MAX]}..."


def normalize(name: str) -> str:
    """Return the one spelling of a DNS name that is used here: lower case (RFC 4343), no final dot."""
    return name.removesuffix(".").lower() if name.isascii() else name


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Remove duplicates and sort by bytes, as the Go program does: mysql-1, mysql-10, mysql-2."""
    return tuple(sorted(set(names)))


def parse(text: str) -> tuple[str, ...]:
    """Read peers from a hook's standard input: one name per line; blank lines are ignored.

    Raises PeersInvalidError if there is no name, or if any line is not a host name. It never returns a part of a list.
    """
    names = [normalize(line.strip(BLANK)) for line in text.split("\n") if line.strip(BLANK)]
    for name in names:
        if not is_name(name):
            raise PeersInvalidError(
                f"the list of peers holds {quote(name)}, which is not a host name: none of it is used; "
                "give one DNS name a line"
            )
    if not names:
        raise PeersInvalidError("the list of peers is empty: an empty list says nothing; is stdin connected?")
    return sort_names(names)


def format_lines(peers: Iterable[str]) -> str:
    """Write peers as a hook reads them: one per line, with a final newline (`while read` drops a line without one)."""
    return "".join(f"{peer}\n" for peer in peers)


def format_count(count: int) -> str:
    """Write how many peers there are."""
    return f"{count} peer" if count == 1 else f"{count} peers"


def format_change(before: Iterable[str], after: Iterable[str]) -> str:
    """Write the difference of two sets for a log line: `+mysql-2.galera... -mysql-1.galera...`."""
    old, new = set(before), set(after)
    return " ".join([f"+{name}" for name in sorted(new - old)] + [f"-{name}" for name in sorted(old - new)])
