"""What the program beside a server asks that upgrades its system tables, and the answers."""

from enum import StrEnum
from typing import ClassVar, NamedTuple

from bootstrap.control.request import Request
from bootstrap.core.model.shapes import Prose


class UpgradeOrder(StrEnum):
    """What that program does next."""

    WAIT = "wait"
    """Ask again."""
    RUN = "run"
    """Upgrade the tables now, and report the result on this connection."""
    END = "end"
    """End: there is nothing to do while this server lives."""


class UpgradeAnswer(NamedTuple):
    """What is to be done."""

    order: UpgradeOrder
    """What it is."""


class AwaitUpgrade(Request[UpgradeAnswer]):
    """Wait until the tables may be upgraded, or need no upgrade; some seconds later the answer is to wait."""

    op: ClassVar[str] = "await-upgrade"


class UpgradedAnswer(NamedTuple):
    """The result was received; there is nothing more to answer."""


class UpgradedFields(NamedTuple):
    """The fields of a result."""

    error: Prose
    """Why the upgrade has failed; empty = it has not."""


class Upgraded(Request[UpgradedAnswer], UpgradedFields):
    """The upgrade that was ordered on this connection has ended."""

    op: ClassVar[str] = "upgraded"
