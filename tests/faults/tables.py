"""What a cluster's members say of their system tables, for tests of their upgrade."""

import json
from typing import Any

from bootstrap.core.galera.server_version import format_series, parse_series
from bootstrap.datadir.provenance import TABLES
from tests.faults.cluster import Cluster
from tests.lab.report import ReportFailedError


def read_tables(cluster: Cluster, ordinal: int) -> str:
    """Read the series in the note of a member's tables, such as 11.8; empty = there is no note."""
    note = cluster.lab.pod(ordinal).folders.volume / "data" / "mysql" / TABLES
    series = parse_series(note.read_text()) if note.exists() else None
    return format_series(series) if series else ""


def read_answer(cluster: Cluster, ordinal: int) -> dict[str, Any]:
    """Read `status -o json` of a member; empty while its agent does not answer."""
    try:
        answer: dict[str, Any] = json.loads(cluster.run(ordinal, "status", "-o", "json"))
    except ReportFailedError:
        return {}
    return answer


def status_of(cluster: Cluster, ordinal: int) -> dict[str, Any]:
    """Read what a member says of its tables; the stage is `silent` while its agent does not answer."""
    found: dict[str, Any] = read_answer(cluster, ordinal).get("tables") or {"stage": "silent", "reason": ""}
    return found


def series_of_servers(cluster: Cluster) -> str:
    """Return the one series that all members report to the first one; empty = it is not one, or not known."""
    members = read_answer(cluster, 0).get("members", [])
    found = {member["series"] for member in members}
    return str(found.pop() or "") if len(found) == 1 else ""


def are_current(cluster: Cluster) -> bool:
    """Whether the tables of all members are noted to be of the series that all servers report."""
    series = series_of_servers(cluster)
    return bool(series) and all(read_tables(cluster, ordinal) == series for ordinal in cluster.lab.pods)


def read_upgrades(cluster: Cluster, ordinal: int) -> list[tuple[str, str]]:
    """Read the events about upgrades of a member's tables: time and text, the oldest first."""
    events = json.loads(cluster.run(ordinal, "events", "-o", "json"))["events"]
    return [(event["time"], event["text"]) for event in events if event["kind"] == "upgrade"]
