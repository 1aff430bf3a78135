"""Prometheus' text format, version 0.0.4: families of samples to text.

Pure.  Knows the format's rules for names, values and escapes, and nothing of the metrics themselves.  The client
library keeps counters of its own in a registry; here every answer is made from one value, so only the format is left.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Labels = Mapping[str, str]

NO_LABELS: Labels = {}


class Family(NamedTuple):
    """One metric with its samples; without a sample nothing is written: unknown is not 0."""

    name: str
    """Without the prefix; the name of a counter ends in `_total`."""
    about: str
    """One sentence."""
    samples: tuple[tuple[Labels, float], ...]
    """Labels and value."""
    kind: str = "gauge"
    """gauge or counter."""


def gauge(name: str, about: str, value: float | None) -> Family:
    """One gauge without labels; None = not known."""
    return Family(name, about, () if value is None else ((NO_LABELS, value),))


def counter(name: str, about: str, value: float | None) -> Family:
    """One counter without labels; None = not known."""
    return gauge(name, about, value)._replace(kind="counter")


def state_set(name: str, about: str, label: str, choices: Iterable[str], now: str | None) -> Family:
    """A state: 1 for the current one, 0 for the others, so that a series does not end when the state changes."""
    samples = tuple(({label: choice}, float(choice == now)) for choice in choices)
    return Family(name, about, () if now is None else samples)


def render(prefix: str, families: Iterable[Family]) -> str:
    """The families as text."""
    return "".join(f"{line}\n" for family in families for line in _lines(f"{prefix}_{family.name}", family))


def _lines(name: str, family: Family) -> list[str]:
    if not family.samples:
        return []
    samples = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in family.samples]
    return [f"# HELP {name} {_escaped(family.about)}", f"# TYPE {name} {family.kind}", *samples]


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{key}="{_escaped(value, quotes=True)}"' for key, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    """Whole numbers without a point: a seqno of 2^53 and more must not be rounded."""
    return str(int(value)) if isinstance(value, int) or value.is_integer() else f"{value:.3f}"
