"""When the system tables of a member are upgraded: once all members run the newer series, one after the other.  Pure.

A server takes the tables of an older series as they are.  `mariadb-upgrade` changes them, on each server by itself,
because they are not replicated.  An older server may not understand them any more, and a full copy brings them to the
joiner.  So as long as one member is of another series, or does not answer, they stay as they are: then a full copy from
a member of the older series is a way back.

The lowest ordinal is first.  Every other member waits until those below it have been upgraded: where that fails, or
costs a server, it does so on one member only.
"""

from enum import StrEnum
from typing import NamedTuple

from bootstrap.core.galera.server_version import Series, format_series
from bootstrap.core.model.facts import SYNCED, Facts, PodState, Server
from bootstrap.core.model.predicates import is_one_component, pod_name
from bootstrap.core.model.unknown import Unknown

FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0
"""Seconds after the first failure in a row, and after the later ones at most; the pause doubles in between."""


class Stage(StrEnum):
    """What is to be done with the system tables of a member."""

    UNKNOWN = "unknown"
    """Its server is no member that is Synced, or nothing shows its series."""
    CURRENT = "current"
    """They are of the server's series."""
    OFF = "off"
    """They are not, and a human upgrades them (UPGRADE_TABLES)."""
    WAITING = "waiting"
    """They are not, and other members come first."""
    DUE = "due"
    """They may be upgraded now."""
    RUNNING = "running"
    """They are being upgraded."""
    FAILED = "failed"
    """They may be upgraded now, and the last attempt has failed."""


class Attempts(NamedTuple):
    """The attempts of one run of the agent."""

    is_running: bool = False
    failures: int = 0
    """How many have failed in a row."""
    error: str = ""
    """Why the last one has failed."""

    def begun(self) -> "Attempts":
        """One begins."""
        return self._replace(is_running=True)

    def ended(self, error: str) -> "Attempts":
        """It has ended; with an error, it has failed."""
        return Attempts(failures=self.failures + 1, error=error) if error else Attempts()

    @property
    def pause_s(self) -> float:
        """Seconds between the last failure and the next attempt."""
        return min(FIRST_PAUSE_S * 2.0 ** (self.failures - 1), LONGEST_PAUSE_S) if self.failures else 0.0


class Finding(NamedTuple):
    """What is to be done, and why."""

    stage: Stage
    reason: str
    """For humans, in one line."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to be done any more while this server runs."""
        return self.stage in (Stage.CURRENT, Stage.OFF)

    @property
    def may_begin(self) -> bool:
        """Whether an attempt may begin, once the pause after the last one is over."""
        return self.stage in (Stage.DUE, Stage.FAILED)


NOTHING_KNOWN = Finding(Stage.UNKNOWN, "this pod's server is not a Synced member")


def judge(facts: Facts, attempts: Attempts, *, is_on: bool) -> Finding:
    """What is to be done with the system tables of this pod; `is_on`: without a human."""
    own, series, tables = facts.own, facts.own.versions.server, facts.own.versions.tables
    if own.primary_server is None or own.joining:
        return NOTHING_KNOWN
    if series is None:
        return Finding(Stage.UNKNOWN, "nothing shows the series of this pod's server")
    if tables == series:
        return Finding(Stage.CURRENT, f"they are of MariaDB {format_series(series)}")
    what = f"they are of {describe(tables)}, and the server is MariaDB {format_series(series)}"
    if not is_on:
        return Finding(Stage.OFF, f"{what}: GALERA_BOOTSTRAP_UPGRADE_TABLES is no, so a human upgrades them")
    if attempts.is_running:
        return Finding(Stage.RUNNING, f"{what}: they are being upgraded")
    if why := why_not_yet(facts, series):
        return Finding(Stage.WAITING, f"{what}: they are upgraded later, as {why}")
    if attempts.failures:
        times = "once" if attempts.failures == 1 else f"{attempts.failures} times"
        return Finding(Stage.FAILED, f"{what}: the upgrade has failed {times}, and is tried again: {attempts.error}")
    return Finding(Stage.DUE, f"{what}: they are upgraded now")


def why_not_yet(facts: Facts, series: Series) -> str:
    """Why the upgrade must wait; empty = it need not.  Silence is no answer (R43)."""
    own = facts.own
    if own.versions.tables is not None and own.versions.tables > series:
        return "no server upgrades the tables of a newer one"
    servers: list[Server] = []
    behind: list[str] = []
    for ordinal in sorted(facts.expected):
        pod, name = own if ordinal == own.ordinal else facts.peer(ordinal), pod_name(facts, ordinal)
        if isinstance(pod, Unknown):
            return f"{name} does not answer"
        server = pod.primary_server
        if server is None or server.local_state != SYNCED or pod.joining:
            return f"{name} is not Synced"
        if why := _why_of_another_series(pod, series):
            return f"{name} {why}"
        servers.append(server)
        if ordinal < own.ordinal and pod.versions.tables != series:
            behind.append(name)
    if len({server.uuid for server in servers}) > 1 or not is_one_component(servers):
        return "the members are of different components"
    return f"those of {behind[0]} come first" if behind else ""


def list_of_members(facts: Facts) -> tuple[str, ...]:
    """The series of the system tables that a full copy may bring to this pod, each once; "" = one is not known.

    A pod that does not answer may be a member, and one that is joining may be one soon.
    """
    found: set[str] = set()
    for ordinal in facts.expected - {facts.own.ordinal}:
        pod = facts.peer(ordinal)
        if isinstance(pod, Unknown) or pod.versions.tables is None:
            found.add("")
        else:
            found.add(format_series(pod.versions.tables))
    return tuple(sorted(found))


def describe(tables: Series | None) -> str:
    """The series for which system tables were made, for messages."""
    return f"MariaDB {format_series(tables)}" if tables else "an unknown series"


def _why_of_another_series(pod: PodState, series: Series) -> str:
    found = pod.versions.server
    if found == series:
        return ""
    return f"runs MariaDB {format_series(found)}" if found else "does not say which series it runs"
