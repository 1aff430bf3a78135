"""What `galera-bootstrap status -o json` and `explain` of a pod say, as values.

Runs the commands as a person would with `kubectl exec`; draws no conclusion from what they say.
"""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.lab.pod import Pod

SCHEMA = "galera-bootstrap/status/v1"


class ReportFailedError(Exception):
    """The command ended with an error or said something that is not its documented form."""


@dataclass(frozen=True)
class Member:
    """One line of the status."""

    name: str
    """The pod."""
    answer: str
    """`ok`, or `unknown: <reason>`."""
    phase: str
    """starting, recovering, frozen, bootstrapping, joining, running, unknown."""
    data_class: str | None = None
    """The datadir's condition in one word."""
    uuid: str | None = None
    """The history that its disk holds."""
    seqno: int | None = None
    """How far."""
    size: int | None = None
    """wsrep_cluster_size of its server."""
    local_state: str | None = None
    """wsrep_local_state_comment of its server."""
    cluster_status: str | None = None
    """wsrep_cluster_status of its server."""

    @staticmethod
    def parse(raw: dict[str, Any]) -> "Member":
        """A member of the JSON; a running server's position is newer than its disk's."""
        server = raw.get("server") or {}
        return Member(
            raw["name"],
            raw["answer"],
            raw["phase"],
            raw.get("class"),
            server.get("uuid") or raw.get("uuid"),
            server.get("last_committed", raw.get("seqno")),
            server["size"] if server else None,
            server["local_state"] if server else None,
            server["cluster_status"] if server else None,
        )

    @property
    def position(self) -> str:
        """`uuid:seqno`, the uuid by its first eight digits; empty where it is not known."""
        return "" if self.uuid is None else f"{self.uuid[:8]}:{'?' if self.seqno is None else self.seqno}"


@dataclass(frozen=True)
class Report:
    """A pod's status."""

    self_name: str
    """The pod that was asked."""
    action: str
    """Its decision: wait, hold, join, bootstrap or running."""
    rule: str
    """The rule that decided."""
    reason: str
    """The reason in a clause."""
    members: tuple[Member, ...]
    """Every expected member as that pod knows it."""

    @staticmethod
    def parse(text: str) -> "Report":
        """The status from its JSON; raises ReportFailedError."""
        try:
            raw = json.loads(text)
            if raw["schema"] != SCHEMA:
                raise ReportFailedError(f"schema {raw['schema']!r} instead of {SCHEMA!r}")
            decision = raw.get("decision") or {}
            return Report(
                raw["self"],
                decision.get("action", "-"),
                str(decision.get("rule", "")),
                decision.get("reason", ""),
                tuple(Member.parse(m) for m in raw["members"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ReportFailedError(f"not a status: {exc!r} in {text[:200]!r}") from exc


def run(pod: Pod, *argv: str, seconds: float = 60.0) -> str:
    """The standard output of a command of the toolkit in the pod; raises ReportFailedError."""
    try:
        command = pod.inside(*argv)
        done = subprocess.run(
            command.argv,
            env=command.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ReportFailedError(f"{pod.name}: {' '.join(argv)}: {exc}") from exc
    if done.returncode != 0:
        raise ReportFailedError(
            f"{pod.name}: {' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        )
    return done.stdout


def status(pod: Pod) -> Report:
    """What the pod's agent says of everyone."""
    return Report.parse(run(pod, "galera-bootstrap", "status", "-o", "json"))


def explain(pod: Pod) -> str:
    """What the pod's agent says of its decision, rule by rule."""
    return run(pod, "galera-bootstrap", "explain")
