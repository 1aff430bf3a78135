"""Builds the events of pods for the tests of the timeline: moments are seconds after 1970."""

from bootstrap.core.status.events import Event
from bootstrap.core.status.timeline.clocks import Placed
from bootstrap.core.status.timeline.lanes import Log

Said = tuple[float, str, str] | tuple[float, str, str, tuple[str, ...]]
"""(moment, kind, word) and the pods that it is about."""


def log(pod: str, *said: Said) -> Log:
    """What one pod has said."""
    events = (
        Placed(
            one[0],
            Event(n, "", one[1], f"{one[1]} {one[2]}", one[2], one[3] if len(one) > 3 else ()),
            float(one[2]) if one[1] == "agent" and one[2][:1].isdigit() else None,
        )
        for n, one in enumerate(said, 1)
    )
    return Log(pod, tuple(events))


def written(seconds: float) -> str:
    """The word of an agent's start: when the data were last written."""
    return f"{seconds}"


SYNCED: tuple[Said, ...] = ((0.0, "agent", ""), (0.0, "phase", "running"), (0.0, "server", "Synced"))
"""A member, from the beginning on."""

FIRST = log(
    "mysql-0", *SYNCED,
    (20.0, "agent", written(10)), (20.0, "phase", "starting"), (21.0, "phase", "recovering"), (22.0, "phase", "frozen"),
    (22.0, "decision", "wait", ("mysql-1", "mysql-2")), (25.0, "decision", "wait", ("mysql-2",)),
    (31.0, "phase", "bootstrapping"), (31.0, "bootstrap", "bootstrap"), (32.0, "phase", "running"),
    (32.0, "server", "Synced"), (33.0, "server", "Donor/Desynced"), (35.0, "server", "Synced"),
)  # fmt: skip
SECOND = log(
    "mysql-1", *SYNCED,
    (24.0, "agent", written(10.5)), (24.0, "phase", "starting"), (25.0, "phase", "frozen"),
    (25.0, "decision", "wait", ("mysql-2",)), (33.0, "phase", "joining"), (33.0, "join", "join"),
    (36.0, "phase", "running"), (36.0, "server", "Synced"),
)  # fmt: skip
THIRD = log(
    "mysql-2", *SYNCED,
    (30.0, "agent", written(11)), (30.0, "phase", "starting"), (30.5, "phase", "frozen"),
    (30.6, "decision", "wait", ("mysql-0",)), (33.0, "phase", "joining"), (33.0, "join", "join"),
    (38.0, "phase", "running"), (38.0, "server", "Synced"),
)  # fmt: skip
"""A power cut at about 11 s; the pods come back after each other, and mysql-0 starts the cluster."""
