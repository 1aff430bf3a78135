"""The table of a lab: one line for each member, from one agent's status and from the lab itself."""

from dataclasses import dataclass

from tests.lab.lab import Lab
from tests.lab.report import Member, Report, ReportFailedError

HEADER = ("member", "phase", "class", "uuid:seqno", "size", "local state")
WIDTHS = (8, 13, 15, 15, 4, 14)
"""The widths of the columns, together no more than the 80 columns of a terminal."""


@dataclass(frozen=True)
class Row:
    """A member's line in the table."""

    member: str
    """The pod's name."""
    phase: str
    """The phase of its agent, or from the lab: off, no answer."""
    data_class: str = ""
    """The class of its datadir."""
    position: str = ""
    """uuid:seqno, the uuid shortened."""
    size: str = ""
    """wsrep_cluster_size."""
    local_state: str = ""
    """wsrep_local_state_comment, and the cluster status if that is not Primary."""

    @property
    def cells(self) -> tuple[str, ...]:
        return self.member, self.phase, self.data_class, self.position, self.size, self.local_state

    @property
    def stage(self) -> tuple[str, ...]:
        """The row without its seqno: a change of it is a transition."""
        return (*self.cells[:3], self.position.partition(":")[0], *self.cells[4:])


def make_row(member: Member) -> Row:
    """Make the row of a member from an agent's status."""
    state = member.local_state or ""
    if member.cluster_status not in (None, "Primary"):
        state = f"{state} ({member.cluster_status})"
    phase = member.phase if member.answer == "ok" else "no answer"
    size = "" if member.size is None else str(member.size)
    return Row(member.name, phase, member.data_class or "", member.position, size, state)


def format_line(cells: tuple[str, ...]) -> str:
    """Write cells in columns."""
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def format_table(rows: list[Row]) -> list[str]:
    """Write the lines of the table."""
    return [format_line(HEADER), *(format_line(row.cells) for row in rows)]


def find_report(lab: Lab) -> Report | None:
    """Return the status from the first pod that answers."""
    for ordinal, pod in sorted(lab.pods.items()):
        if pod.on:
            try:
                return lab.read_status(ordinal)
            except ReportFailedError:
                continue
    return None


def read_rows(lab: Lab) -> list[Row]:
    """Read the rows of all pods."""
    report = find_report(lab)
    known = {} if report is None else {member.name: member for member in report.members}
    rows = []
    for _, pod in sorted(lab.pods.items()):
        if not pod.on:
            rows.append(Row(pod.name, "off"))
        elif pod.name in known:
            rows.append(make_row(known[pod.name]))
        else:
            rows.append(Row(pod.name, "no answer"))
    return rows
