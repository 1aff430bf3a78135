"""What the loop has done so far, for probes and metrics: alive, ready, a handful of numbers.

Pure: `poll` writes it, `health` gives it to whoever asks. No name and no address is in any answer.

Alive speaks of the loop alone: nobody is restarted because DNS is down or a hook takes its time.
Ready says that a hook has got the peers and has ended well; a later failure of DNS takes nobody out of service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

STUCK_SECONDS = 60.0
"""So long after its next turn was due the loop counts as stuck; a lookup of a very large Service takes 30 s."""


@dataclass
class Status:
    """Times are monotonic, in seconds."""

    due: float
    """When the loop comes round again."""
    answered: float | None = None
    """When the last whole answer came."""
    peers: int = 0
    """How many count as present."""
    hook: str = ""
    """The event of the hook that runs; empty: none runs."""
    handed: bool = False
    """Whether a hook has got the peers and has ended well."""
    lookups: dict[str, int] = field(default_factory=lambda: {"answered": 0, "no-records": 0, "failed": 0})
    """How often each came of a lookup."""
    hooks: dict[str, int] = field(default_factory=lambda: {"on-start": 0, "on-change": 0})
    """How often the hook of each event has ended well."""
    hooks_failed: dict[str, int] = field(default_factory=lambda: {"on-start": 0, "on-change": 0})
    """How often it has failed and was to be run again."""


def livez(status: Status, now: float) -> tuple[bool, str]:
    """Tell whether the loop goes round, and in a word."""
    alive = bool(status.hook) or now - status.due <= STUCK_SECONDS
    return alive, "live" if alive else "stuck"


def readyz(status: Status, _now: float) -> tuple[bool, str]:
    """Tell whether the first hook has done its work, and in a word."""
    return status.handed, "ready" if status.handed else "hook" if status.hook else "waiting"


def metrics(status: Status, now: float) -> tuple[bool, str]:
    """Write the numbers in Prometheus' text format; what is not known yet has no line."""
    rows: list[tuple[str, str, str, Mapping[str, float]]] = [
        ("peers", "gauge", "Peers that count as present.", {"": status.peers}),
        ("ready", "gauge", "Whether a hook has got the peers and has ended well.", {"": int(status.handed)}),
        ("hook_running", "gauge", "Whether a hook runs.", {"": int(bool(status.hook))}),
        ("lookups_total", "counter", "Lookups by what came of them.", _labelled("result", status.lookups)),
        ("hooks_total", "counter", "Hooks that have ended well.", _labelled("event", status.hooks)),
        (
            "hooks_failed_total",
            "counter",
            "Hooks that failed, run again.",
            _labelled("event", status.hooks_failed),
        ),
    ]
    if status.answered is not None:
        age = {"": round(now - status.answered, 3)}
        rows.append(("answer_age_seconds", "gauge", "Time since the last whole answer.", age))
    lines = []
    for name, kind, meaning, values in rows:
        lines += [f"# HELP peerfinder_{name} {meaning}", f"# TYPE peerfinder_{name} {kind}"]
        lines += [f"peerfinder_{name}{label} {value}" for label, value in values.items()]
    return True, "\n".join(lines)


def _labelled(label: str, values: Mapping[str, int]) -> dict[str, float]:
    return {f'{{{label}="{name}"}}': value for name, value in values.items()}
