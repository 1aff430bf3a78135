"""What must be true after a fault: every acknowledged row on every server, the same table everywhere, one cluster.

Asks the servers only; believes neither agents nor grastate.dat.
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
    """Rows that a pod has; more than expected is right: a commit may be durable and its OK lost."""
    missing: Mapping[str, tuple[int, ...]]
    """Acknowledged ids that a pod has not."""
    checksums: Mapping[str, int | None]
    """CHECKSUM TABLE of each pod."""
    uuids: Mapping[str, str]
    """wsrep_cluster_state_uuid of each pod."""

    @property
    def complaints(self) -> list[str]:
        """What is wrong, one sentence each; empty when all holds."""
        found = [
            f"{pod} lacks {len(ids)} of {self.expected} acknowledged rows, among them {ids[0]}"
            for pod, ids in self.missing.items()
            if ids
        ]
        if len(set(self.checksums.values())) > 1 or None in self.checksums.values():
            found.append(f"the tables differ: CHECKSUM TABLE says {dict(self.checksums)}")
        if len(set(self.uuids.values())) > 1:
            found.append(f"more than one cluster: {dict(self.uuids)}")
        return found

    @property
    def holds(self) -> bool:
        return bool(self.rows) and not self.complaints


def judge(lab: Lab, acknowledged: Iterable[int], table: str = TABLE) -> Verdict:
    """Ask every pod of the lab, each at or after the last commit of the others; raises pymysql.Error."""
    wanted = frozenset(acknowledged)
    name = f"{lab.layout.secret('database')}.{table}"
    rows, missing, checksums, uuids = {}, {}, {}, {}
    for ordinal, pod in lab.pods.items():
        # wsrep_sync_wait=1: the read waits for all that was committed anywhere in the cluster before it.
        ids = {int(row[0]) for row in lab.sql(ordinal, f"SELECT id FROM {name}", seconds=60, sync_wait=1)}
        rows[pod.name], missing[pod.name] = len(ids), tuple(sorted(wanted - ids))
        checksums[pod.name] = lab.sql(ordinal, f"CHECKSUM TABLE {name}", seconds=60, sync_wait=1)[0][1]
        uuids[pod.name] = str(lab.sql(ordinal, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")[0][1])
    return Verdict(len(wanted), rows, missing, checksums, uuids)
