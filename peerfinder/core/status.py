"""The state of the loop for probes and metrics: alive, ready, a few numbers.

Pure: `poll` writes it, `health` serves it. No answer holds a name or an address.

Liveness depends on the loop alone: no pod is restarted because DNS is down or a hook takes long.
Readiness means that a hook has got the peers and ended well; a later failure of DNS takes no pod out of service.
"""

from collections.abc import Mapping

STUCK_SECONDS = 60.0
"""The loop counts as stuck this long after its next turn was due; a lookup of a very large Service takes 30 s."""


class Status:
    """Times are monotonic, in seconds."""

    def __init__(self, next_turn_at: float) -> None:
        self.next_turn_at = next_turn_at
        """When the next turn of the loop is due."""
        self.last_answer_at: float | None = None
        """When the last whole answer came."""
        self.peers = 0
        """How many count as present."""
        self.hook = ""
        """The event of the running hook; empty: none runs."""
        self.delivered = False
        """Whether a hook has got the peers and ended well."""
        self.lookups = {"answered": 0, "no-records": 0, "failed": 0}
        """How many lookups had each result."""
        self.hooks = {"on-start": 0, "on-change": 0}
        """How often the hook of each event ended well."""
        self.hooks_failed = {"on-start": 0, "on-change": 0}
        """How often it failed and was to be run again."""


def check_live(status: Status, now: float) -> tuple[bool, str]:
    """Tell whether the loop runs, with a word for it."""
    alive = bool(status.hook) or now - status.next_turn_at <= STUCK_SECONDS
    return alive, "live" if alive else "stuck"


def check_ready(status: Status, _now: float) -> tuple[bool, str]:
    """Tell whether the first hook has done its work, with a word for it."""
    return status.delivered, "ready" if status.delivered else "hook" if status.hook else "waiting"


def format_metrics(status: Status, now: float) -> tuple[bool, str]:
    """Write the numbers in Prometheus' text format; a number that is not known yet has no line."""
    rows: list[tuple[str, str, str, Mapping[str, float]]] = [
        ("peers", "gauge", "Peers that count as present.", {"": status.peers}),
        ("ready", "gauge", "Whether a hook has got the peers and has ended well.", {"": int(status.delivered)}),
        ("hook_running", "gauge", "Whether a hook runs.", {"": int(bool(status.hook))}),
        ("lookups_total", "counter", "Lookups by result.", _add_label("result", status.lookups)),
        ("hooks_total", "counter", "Hooks that have ended well.", _add_label("event", status.hooks)),
        (
            "hooks_failed_total",
            "counter",
            "Hooks that failed, run again.",
            _add_label("event", status.hooks_failed),
        ),
    ]
    if status.last_answer_at is not None:
        age = {"": round(now - status.last_answer_at, 3)}
        rows.append(("answer_age_seconds", "gauge", "Time since the last whole answer.", age))
    lines = []
    for name, kind, meaning, values in rows:
        lines += [f"# HELP peerfinder_{name} {meaning}", f"# TYPE peerfinder_{name} {kind}"]
        lines += [f"peerfinder_{name}{label} {value}" for label, value in values.items()]
    return True, "\n".join(lines)


def _add_label(label: str, values: Mapping[str, int]) -> dict[str, float]:
    return {f'{{{label}="{name}"}}': value for name, value in values.items()}
