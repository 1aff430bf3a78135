"""How MariaDB spells an option on its command line: one rule for all places that look for one.  Pure.

The server takes a name in any case, with - or _, and any beginning of it that no other option has.  Before the name may
stand any number of whole words such as loose- or skip- (my_getopt.c, `findopt`, `special_opt_prefix`).  This package
does not know all options of all versions, so it takes more spellings than one server would: each beginning from a
certain length on, and each word before each name.  The server refuses what is then left over.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_WORDS_BEFORE = re.compile(r"--((loose|enable|disable|skip|maximum|autoset)-)*")

_SHORT_DATADIR = re.compile(r"-[^-uptlbcr#]*h.*")
"""-h, also behind other letters that take no value."""


class Option(NamedTuple):
    """One option of the server."""

    name: str
    """In lower case, with -."""
    shortest: str
    """The shortest beginning that counts as this option; all servers refuse a shorter one, because it is ambiguous."""

    def is_spelled_by(self, argument: str) -> bool:
        """Whether this argument of the server is the option, with or without a value."""
        name = canonical_name(argument)
        return name.startswith(self.shortest) and self.name.startswith(name)

    def is_switched_off_by(self, argument: str) -> bool:
        """Whether this argument is the option and a word before its name switches it off; the last word counts.

        A value OFF or 0 without such a word does not: of an option with a text it is the text.
        """
        before = _WORDS_BEFORE.match(_without_value(argument))
        is_switch = before is not None and before[0].endswith(("skip-", "disable-", "enable-"))
        return self.is_spelled_by(argument) and is_switch and self.value_in(argument) == "OFF"

    def value_in(self, argument: str) -> str:
        """The value that this argument gives the option, as `value_of`."""
        return value_of(argument, has_own_skip=self.name.startswith("skip-"))


DATADIR = Option("datadir", "da")
SST_DONOR = Option("wsrep-sst-donor", "wsrep-sst-d")


def canonical_name(argument: str) -> str:
    """The name in an argument such as --Loose_log_bin=x, here log-bin; empty = the argument is no long option."""
    option = _without_value(argument)
    before = _WORDS_BEFORE.match(option)
    return option[before.end() :] if before else ""


def value_of(argument: str, *, has_own_skip: bool) -> str:
    """The value in an argument; of a switch without a value ON or OFF.

    Behind skip-, disable- and enable- the server takes no value but 0, and that one turns them round (my_getopt.c).
    `has_own_skip`: the option's own name begins with skip-, and that one does not count.
    A quote is a part of the value: those of an option file are not in what the server prints, and there is no shell.
    """
    name, equals, value = argument.partition("=")
    words = name.lower().replace("_", "-").removesuffix(canonical_name(argument))
    words = words.removesuffix("skip-") if has_own_skip else words
    if words.endswith(("skip-", "disable-")):
        return "ON" if value == "0" else "OFF"
    if words.endswith("enable-"):
        return "OFF" if value == "0" else "ON"
    return value if equals else "ON"


def split_printed(printed: str) -> tuple[str, ...]:
    """The arguments in what `mariadbd --print-defaults` prints, with the blanks in their values.

    It prints them in one line behind a title, without quotes: an argument begins where two dashes follow a blank.
    A value with such a place in it becomes two arguments, so that no option can hide in a value.
    """
    return tuple(part for part in re.split(r"\s+(?=--)", printed.strip()) if part.startswith("--"))


def is_reserved(argument: str) -> bool:
    """Whether only this toolkit may give this option on the command line: the datadir, and all options of wsrep.

    Your own options of wsrep belong in conf.d.
    """
    is_short = _SHORT_DATADIR.fullmatch(_without_value(argument)) is not None
    return is_short or DATADIR.is_spelled_by(argument) or canonical_name(argument).startswith("ws")


def chooses_files(argument: str) -> bool:
    """Whether the option says which option files are read; the server takes only their whole names (my_default.c)."""
    return canonical_name(argument).startswith(("defaults", "no-def"))


def donor_option(donors: Iterable[str], arguments: Iterable[str]) -> str:
    """The option that names the donors; empty if there are none, or if the user has chosen donors.

    `arguments` are those of the option files.
    The comma at the end allows other members if none of these can be the donor (MariaDB manual, "wsrep_sst_donor").
    The option stays as long as this server runs, so its later transfers, after a partition, prefer the same members.
    """
    names = ",".join(donors)
    is_chosen = any(SST_DONOR.is_spelled_by(argument) for argument in arguments)
    return f"--wsrep-sst-donor={names}," if names and not is_chosen else ""


def _without_value(argument: str) -> str:
    return argument.partition("=")[0].lower().replace("_", "-")
