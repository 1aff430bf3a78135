"""The answer to `status` as text: the cluster, its members, why, what to do; for a terminal of 80 columns."""

import textwrap
from collections.abc import Iterable

from bootstrap.commands.admin.terminal import paint
from bootstrap.control.starter_messages import DecisionKind
from bootstrap.control.status_messages import MemberStatus, StatusAnswer
from bootstrap.core.model.facts import SYNCED, Phase
from bootstrap.core.status.health import Health
from bootstrap.core.status.help_pages import find_help
from bootstrap.core.system_tables.rules import Stage
from bootstrap.process.log import escape

WIDTH = 80

LABEL = 7
"""The width of the words that begin a part: why, tables, do, not, help."""

HEADINGS = ("MEMBER", "STATE", "DATA", "POSITION", "SINCE")

STATE_WIDTH = 33
"""A reason why a pod does not answer is cut after so many characters; it is whole in `-o json`."""

SHORT = {
    "it does not accept our key or our cluster id": "another key or cluster id",
    "its answer is not sealed with our key and cluster id": "another key or cluster id",
}
"""Reasons whose beginning alone would say nothing."""

COLOURS = {
    Health.HEALTHY: "green",
    Health.DEGRADED: "yellow",
    Health.UNCERTAIN: "yellow",
    Health.DOWN: "red",
    Health.SPLIT: "red",
}

VERBS = {"wait": "waits", "hold": "holds", "join": "joins", "bootstrap": "bootstraps", "stop": "is stopped"}
"""A decision in one word -> what the pod does."""

PAGE = "docs/operations/README.md"

TABLES_PAGE = "docs/operations/upgrade.md#the-system-tables"


def format_status(status: StatusAnswer) -> str:
    """Return the cluster, a line for each member, and what a human needs now; no sentence twice."""
    lines = [_first_line(status), *_members(status), *_reasons(status), *_progress(status), *_tables(status)]
    if status.steps:
        lines += [*_steps(status), *_wrap("not", status.avoid), *_wrap("help", _page(status))]
    elif status.cluster.health is not Health.HEALTHY:
        lines += _wrap("do", "nothing: it goes on by itself")
    return "\n".join(lines)


def format_span(seconds: float) -> str:
    """Return a time for humans: 7 s, 3 min 12 s, 2 h 5 min, 4 d 3 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return (
        f"{whole // 3600} h {whole % 3600 // 60} min" if whole < 86400 else f"{whole // 86400} d {whole // 3600 % 24} h"
    )


def _first_line(status: StatusAnswer) -> str:
    cluster = status.cluster
    word = paint(cluster.health.upper(), COLOURS[cluster.health], bold=True)
    history = next((m.uuid for m in status.members if m.uuid and m.is_known), None) or "no data"
    plain = escape(
        f"{cluster.service}/{cluster.namespace}  {history[:8]}  {cluster.health.upper()} for "
        f"{format_span(cluster.seconds)}: {cluster.line}"
    )
    return textwrap.fill(plain, WIDTH, subsequent_indent="  ", break_long_words=False).replace(
        cluster.health.upper(), word, 1
    )


def _members(status: StatusAnswer) -> list[str]:
    since = {pod.name: pod.seconds for pod in (*status.waiting, *status.missing)}
    rows = [tuple(map(escape, _row(member, status, since))) for member in status.members]
    widths = [max(len(row[i]) for row in (HEADINGS, *rows)) for i in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(HEADINGS, widths, strict=True)).rstrip()]
    for member, row in zip(status.members, rows, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[-1] = cells[-1].rstrip()
        cells[1] = paint(cells[1], _colour_of(member))
        lines.append("  ".join(cells).rstrip())
    return lines


def _colour_of(member: MemberStatus) -> str:
    """Green serves, red needs somebody, yellow is on its way or waits."""
    if member.failing or member.decision == "hold":
        return "red"
    server = member.server
    return "green" if server and server.is_primary and server.local_state == SYNCED else "yellow"


def _row(member: MemberStatus, status: StatusAnswer, since: dict[str, float]) -> tuple[str, ...]:
    is_own = member.name == status.pod
    seconds = status.decision.seconds if is_own else since.get(member.name)
    when = "" if seconds is None else format_span(seconds)
    if not member.is_known:
        return member.name, _cut(member.answer.removeprefix("unknown: ")), "?", "?", when
    ahead = status.ahead if status.ahead and member.name in status.ahead.names and not status.ahead.primary else None
    # A pod that does not answer may hold more.
    mark = "" if ahead is None else " newest" if ahead.sure else " newest heard"
    position = f"{member.uuid[:8]}:{member.seqno}{mark}" if member.uuid else "-"
    name = f"{member.name}{'*' if is_own else ''}"
    return (
        name,
        _cut(_state(member)),
        "not read" if member.rule == "options" and member.decision == "hold" else member.data_class or "-",
        position,
        when,
    )


def _state(member: MemberStatus) -> str:
    """What a member is, in the words of a human: the server's own state, or what the pod without a server does."""
    if member.server and member.phase is Phase.RUNNING:
        server = member.server
        return server.local_state if server.is_primary else f"{server.local_state}, {server.cluster_status}"
    if member.failing:
        return f"{member.phase}, fails"
    if member.phase is Phase.FROZEN:
        return f"stopped, {VERBS.get(member.decision, member.decision)}" if member.decision else "stopped"
    if member.phase is Phase.UNKNOWN:
        return "its server does not answer"
    return str(member.phase)


def _cut(text: str) -> str:
    text = SHORT.get(text, text)
    return text if len(text) <= STATE_WIDTH else f"{text[: STATE_WIDTH - 3]}..."


def _reasons(status: StatusAnswer) -> Iterable[str]:
    """The decision, and a container of this pod that fails: then that is why nothing else happens."""
    yield from _wrap("why", _why(status))
    if failures := status.failures:
        times = "once" if failures.times == 1 else f"{failures.times} times"
        text = f"the container {failures.container} has failed {times} in {format_span(failures.seconds)}: "
        yield from _wrap("" if _why(status) else "why", f"{text}{failures.error}")
    if ends := status.failed_starts:
        text = f"the server has ended {ends.times} times in {format_span(ends.seconds)} before it was Synced"
        yield from _wrap("" if _why(status) else "why", f"{text}; its log says why:")
        yield f"{' ' * LABEL}{ends.look}"
    if end := status.server_end:
        more = f" ({end.times} times in the last hour)" if end.times > 1 else ""
        yield from _wrap("ended", f"{format_span(end.seconds)} ago{more}: {end.line}")


def _find_own(status: StatusAnswer) -> MemberStatus | None:
    """The member of the pod that answers."""
    return next((member for member in status.members if member.name == status.pod), None)


def _why(status: StatusAnswer) -> str:
    """The decision; nothing while a server serves, because then nothing is decided."""
    decision, own = status.decision, _find_own(status)
    if own and own.server and own.server.is_primary and own.phase is Phase.RUNNING:
        return ""
    return f"{status.pod}: {decision.action}: {decision.reason} [{decision.rule}]"


def _progress(status: StatusAnswer) -> Iterable[str]:
    transfer, own = status.transfer, _find_own(status)
    is_over = own is not None and own.server is not None and own.server.local_state == SYNCED
    if transfer is None or is_over:
        return
    text = f"{_mebibytes(transfer.written_bytes)} have come to the datadir so far"
    if transfer.whole_bytes is not None:
        text = f"{_mebibytes(transfer.written_bytes)} of at most {_mebibytes(transfer.whole_bytes)} have come"
    if transfer.donors:
        text += f" from {' or '.join(transfer.donors)}"
    if transfer.bytes_per_second is not None:
        rate = transfer.bytes_per_second
        text += f", {rate / 2**20:.1f} MiB/s in the last minute" if rate else ", nothing in the last minute"
    if transfer.seconds_left is not None:
        text += f", at most {format_span(transfer.seconds_left)} left"
    yield from _wrap("copy", text)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


def _tables(status: StatusAnswer) -> Iterable[str]:
    """The system tables of this pod, where they are of another series than its server."""
    if status.tables.stage not in (Stage.UNKNOWN, Stage.CURRENT):
        yield from _wrap("tables", status.tables.reason)


def _steps(status: StatusAnswer) -> Iterable[str]:
    for number, step in enumerate(status.steps, 1):
        yield from _wrap("do" if number == 1 else "", f"{number}. {step.text}")
        yield from (f"{' ' * (LABEL + 3)}{escape(command)}" for command in step.commands)


def _page(status: StatusAnswer) -> str:
    """The section on the rule that decides."""
    rule = status.decision.rule
    if rule == "own-server" and _why(status) == "":
        return _page_for_served(status)
    return find_help(rule, is_hold=status.decision.kind is DecisionKind.HOLD)


def _page_for_served(status: StatusAnswer) -> str:
    """Where this pod's server serves: the section on another pod's hold, or on the tables; else the page for all."""
    if any(m.phase is Phase.UNKNOWN for m in status.members):
        return find_help("own-server", is_hold=False)
    if held := next((m.rule for m in status.members if m.decision == DecisionKind.HOLD and m.rule), None):
        return find_help(held, is_hold=True)
    return TABLES_PAGE if status.tables.stage in (Stage.FAILED, Stage.OFF) else PAGE


def _wrap(label: str, text: str) -> list[str]:
    """Wrap a text behind its label."""
    return textwrap.wrap(
        escape(text),
        WIDTH,
        initial_indent=label.ljust(LABEL),
        subsequent_indent=" " * LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )
