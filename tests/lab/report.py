"""The output of `galera-bootstrap status -o json` and `explain` in a pod, as values.

The commands run as a person would run them with `kubectl exec`; this module does not interpret their output.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.lab.pod import Pod

SCHEMA = "galera-bootstrap/status/v1"


class ReportFailedError(Exception):
    """The command ended with an error, or its output does not have the documented form."""


@dataclass(frozen=True)
class Member:
    """One line of the status."""

    name: str
    """The pod's name."""
    answer: str
    """`ok`, or `unknown: <reason>`."""
    phase: str
    """starting, recovering, frozen, bootstrapping, joining, running, unknown."""
    data_class: str | None = None
    """The class of its datadir."""
    uuid: str | None = None
    """The history on its disk."""
    seqno: int | None = None
    """The last commit of that history on its disk."""
    size: int | None = None
    """wsrep_cluster_size of its server."""
    local_state: str | None = None
    """wsrep_local_state_comment of its server."""
    cluster_status: str | None = None
    """wsrep_cluster_status of its server."""

    @staticmethod
    def parse(raw: dict[str, Any]) -> "Member":
        """Parse a member; a running server's position replaces that of the disk, because it is newer."""
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
        """`uuid:seqno` with the first eight digits of the uuid; empty if it is unknown."""
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
    """The reason of the decision."""
    members: tuple[Member, ...]
    """All expected members as that pod knows them."""

    @staticmethod
    def parse(text: str) -> "Report":
        """Parse the JSON; raises ReportFailedError."""
        try:
            raw = json.loads(text)
            if raw["schema"] != SCHEMA:
                raise ReportFailedError(f"the schema is {raw['schema']!r}, not {SCHEMA!r}")
            decision = raw.get("decision") or {}
            return Report(
                raw["self"],
                decision.get("action", "-"),
                str(decision.get("rule", "")),
                decision.get("reason", ""),
                tuple(Member.parse(m) for m in raw["members"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ReportFailedError(f"this is no status: {exc!r} in {text[:200]!r}") from exc


def run(pod: Pod, *argv: str, seconds: float = 60.0) -> str:
    """Run a command of the toolkit in the pod; returns its standard output.  Raises ReportFailedError."""
    try:
        command = pod.make_exec(*argv)
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


def read_status(pod: Pod) -> Report:
    """Run `status` in the pod."""
    return Report.parse(run(pod, "galera-bootstrap", "status", "-o", "json"))


def explain(pod: Pod) -> str:
    """Run `explain` in the pod; returns its output."""
    return run(pod, "galera-bootstrap", "explain")


def find_arguments(output: str, command: str = "force") -> list[str]:
    """Find the arguments of the command that an override's preview tells a human to type; raises ReportFailedError."""
    found = re.search(rf"galera-bootstrap {command} (.*)", output)
    if found is None:
        raise ReportFailedError(f"no `{command}` is offered: {output}")
    return found[1].split()
