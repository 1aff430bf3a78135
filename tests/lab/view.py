"""The table of a lab: one line a member, from one agent's status and from what the lab knows of its pods."""

from dataclasses import dataclass

from tests.lab.lab import Lab
from tests.lab.report import Member, Report, ReportFailedError

HEADER = ("member", "phase", "class", "uuid:seqno", "size", "local state")
WIDTHS = (8, 13, 15, 15, 4, 14)
"""Together no wider than a terminal of 80 columns."""


@dataclass(frozen=True)
class Row:
    """A member as people see it."""

    member: str
    """The pod's name."""
    phase: str
    """Its agent's phase, or what the lab knows: off, no answer."""
    data_class: str = ""
    """The condition of its datadir."""
    position: str = ""
    """uuid:seqno, the uuid shortened."""
    size: str = ""
    """wsrep_cluster_size."""
    local_state: str = ""
    """wsrep_local_state_comment, with the cluster status where that is not Primary."""

    @property
    def cells(self) -> tuple[str, ...]:
        return self.member, self.phase, self.data_class, self.position, self.size, self.local_state

    @property
    def stage(self) -> tuple[str, ...]:
        """The row without its seqno: what makes a transition."""
        return (*self.cells[:3], self.position.partition(":")[0], *self.cells[4:])


def row_of(member: Member) -> Row:
    """The row of a member as an agent knows it."""
    state = member.local_state or ""
    if member.cluster_status not in (None, "Primary"):
        state = f"{state} ({member.cluster_status})"
    phase = member.phase if member.answer == "ok" else "no answer"
    size = "" if member.size is None else str(member.size)
    return Row(member.name, phase, member.data_class or "", member.position, size, state)


def line(cells: tuple[str, ...]) -> str:
    """Cells in columns."""
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def table(rows: list[Row]) -> list[str]:
    """The lines of the table."""
    return [line(HEADER), *(line(row.cells) for row in rows)]


def report_of(lab: Lab) -> Report | None:
    """The status as the first pod tells it that has something to tell."""
    for ordinal, pod in sorted(lab.pods.items()):
        if pod.on:
            try:
                return lab.status(ordinal)
            except ReportFailedError:
                continue
    return None


def rows_of(lab: Lab) -> list[Row]:
    """The rows of all pods now."""
    report = report_of(lab)
    known = {} if report is None else {member.name: member for member in report.members}
    rows = []
    for _, pod in sorted(lab.pods.items()):
        if not pod.on:
            rows.append(Row(pod.name, "off"))
        elif pod.name in known:
            rows.append(row_of(known[pod.name]))
        else:
            rows.append(Row(pod.name, "no answer"))
    return rows
