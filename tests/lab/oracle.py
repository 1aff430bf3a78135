"""What must be true after a fault: every acknowledged row is on every server, all tables are equal, one cluster.

The oracle asks only the servers; it trusts neither agents nor grastate.dat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.lab.lab import Lab
from tests.lab.writer import TABLE


@dataclass(frozen=True)
class Verdict:
    """The answers of all servers, side by side."""

    expected: int
    """Acknowledged rows."""
    rows: Mapping[str, int]
    """The number of rows of each pod; more than expected is correct, because an OK may be lost after the commit."""
    missing: Mapping[str, tuple[int, ...]]
    """The acknowledged ids that each pod lacks."""
    checksums: Mapping[str, int | None]
    """CHECKSUM TABLE of each pod."""
    uuids: Mapping[str, str]
    """wsrep_cluster_state_uuid of each pod."""

    @property
    def complaints(self) -> list[str]:
        """The faults that were found, one sentence each."""
        found = [
            f"{pod} lacks {len(ids)} of {self.expected} acknowledged rows, among them {ids[0]}"
            for pod, ids in self.missing.items()
            if ids
        ]
        if len(set(self.checksums.values())) > 1 or None in self.checksums.values():
            found.append(f"the tables differ: CHECKSUM TABLE gives {dict(self.checksums)}")
        if len(set(self.uuids.values())) > 1:
            found.append(f"more than one cluster: {dict(self.uuids)}")
        return found

    @property
    def is_correct(self) -> bool:
        """Whether servers were asked, and no fault was found."""
        return bool(self.rows) and not self.complaints


def judge(lab: Lab, acknowledged: Iterable[int], table: str = TABLE) -> Verdict:
    """Compare all servers of the lab, each at or after the last commit of the others; raises pymysql.Error."""
    wanted = frozenset(acknowledged)
    name = f"{lab.layout.read_secret('database')}.{table}"
    rows, missing, checksums, uuids = {}, {}, {}, {}
    for ordinal, pod in lab.pods.items():
        # wsrep_sync_wait=1: the read waits for all transactions that any member committed before it.
        ids = {int(row[0]) for row in lab.query(ordinal, f"SELECT id FROM {name}", seconds=60, sync_wait=1)}
        rows[pod.name], missing[pod.name] = len(ids), tuple(sorted(wanted - ids))
        checksums[pod.name] = lab.query(ordinal, f"CHECKSUM TABLE {name}", seconds=60, sync_wait=1)[0][1]
        uuids[pod.name] = str(lab.query(ordinal, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")[0][1])
    return Verdict(len(wanted), rows, missing, checksums, uuids)
