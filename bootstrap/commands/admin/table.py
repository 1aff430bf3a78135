"""The answer to `status` as text."""

from bootstrap.control.status_messages import MemberStatus, StatusAnswer

HEADINGS = ("MEMBER", "PHASE", "CLASS", "POSITION", "EPOCH", "CLUSTER", "STATE", "SIZE")


def status_table(status: StatusAnswer) -> str:
    """Return one line for each member, then what this pod does or waits for."""
    rows = [HEADINGS, *(_row(member, status.pod) for member in status.members)]
    widths = [max(len(row[i]) for row in rows if len(row) > 2) for i in range(len(HEADINGS))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    decision = status.decision
    now = f"{status.pod}: {decision.action}: {decision.reason} [{decision.rule}]"
    return "\n".join([*lines, now, *overview_lines(status)])


def overview_lines(status: StatusAnswer) -> list[str]:
    """Return since when, which pod is ahead, which are missing, and what a human may do; only what applies."""
    decision, ahead = status.decision, status.ahead
    lines = [f"  since {decision.since}, {span(decision.seconds)}"]
    if ahead:
        state = "Primary" if ahead.primary else "on disk"
        doubt = "" if ahead.sure else "; pods that do not answer may hold more"
        lines.append(f"  ahead: {', '.join(ahead.names)} {state} at {ahead.uuid}:{ahead.seqno}{doubt}")
    lines += [f"  waits for {pod.name}, {span(pod.seconds)} now: {pod.why}" for pod in status.waiting]
    waiting = {pod.name for pod in status.waiting}
    missing = [pod for pod in status.missing if pod.name not in waiting]
    lines += [f"  missing: {pod.name}, {span(pod.seconds)} now: {pod.why}" for pod in missing]
    if status.join_written_bytes is not None:
        lines.append(f"  a join is under way: {status.join_written_bytes} bytes have come to the datadir")
    if status.helps:
        lines.append(f"  to do: {status.helps}")
    return lines


def span(seconds: float) -> str:
    """Return a time for humans: 7 s, 3 min 12 s, 2 h 5 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _row(member: MemberStatus, own: str) -> tuple[str, ...]:
    name = f"{member.name}{'*' if member.name == own else ''}"
    if not member.is_known:
        return name, member.answer
    server = member.server
    return (
        name,
        str(member.phase),
        member.data_class or "-",
        f"{member.uuid}:{member.seqno}" if member.uuid else "-",
        str(member.epoch or "-"),
        *((server.cluster_status, server.local_state, str(server.size)) if server else ("-", "-", "-")),
    )
