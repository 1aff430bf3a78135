"""The members of a status answer as text."""

from bootstrap.core.model.codec import Json

HEADINGS = ("MEMBER", "PHASE", "CLASS", "POSITION", "EPOCH", "CLUSTER", "STATE", "SIZE")


def members_table(told: Json) -> str:
    """One line a member, then what this pod does or waits for."""
    members, decision = told["members"], told["decision"]
    assert isinstance(members, list)  # noqa: S101  # our own agent's answer
    assert isinstance(decision, dict)  # noqa: S101  # likewise
    rows = [HEADINGS, *(_row(member, str(told["self"])) for member in members)]
    widths = [max(len(row[i]) for row in rows if len(row) > 2) for i in range(len(HEADINGS))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    now = f"{told['self']}: {decision['action']}: {decision['reason']} [{decision['rule']}]"
    return "\n".join([*lines, now, *overview_lines(told)])


def overview_lines(told: Json) -> list[str]:
    """Since when, who is ahead, who is missing, and what a human may do; only what there is to say."""
    decision, ahead = _part(told, "decision"), _part(told, "ahead")
    lines = [f"  since {decision['since']}, {span(decision['seconds'])}"] if "since" in decision else []
    if ahead:
        names = ahead["names"] if isinstance(ahead["names"], list) else []
        state = "Primary" if ahead["primary"] else "on disk"
        doubt = "" if ahead["sure"] else "; who does not answer may hold more"
        lines.append(f"  ahead: {', '.join(names)} {state} at {ahead['uuid']}:{ahead['seqno']}{doubt}")
    awaited = _parts(told, "waiting")
    lines += [f"  waits for {one['name']}, {span(one['seconds'])} now: {one['why']}" for one in awaited]
    silent = [one for one in _parts(told, "missing") if one["name"] not in [other["name"] for other in awaited]]
    lines += [f"  missing: {one['name']}, {span(one['seconds'])} now: {one['why']}" for one in silent]
    if isinstance(told.get("join_written_bytes"), int):
        lines.append(f"  a join is under way: {told['join_written_bytes']} bytes have come to the datadir")
    if told.get("helps"):
        lines.append(f"  to do: {told['helps']}")
    return lines


def span(seconds: object) -> str:
    """A time for humans: 7 s, 3 min 12 s, 2 h 5 min."""
    whole = int(seconds) if isinstance(seconds, int | float) else 0
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _part(told: Json, key: str) -> Json:
    part = told.get(key)
    return part if isinstance(part, dict) else {}


def _parts(told: Json, key: str) -> list[Json]:
    parts = told.get(key)
    return parts if isinstance(parts, list) else []


def _row(member: Json, own: str) -> tuple[str, ...]:
    name = f"{member['name']}{'*' if member['name'] == own else ''}"
    if member["answer"] != "ok":
        return name, str(member["answer"])
    server = member["server"] if isinstance(member["server"], dict) else {}
    position = f"{member['uuid']}:{member['seqno']}" if member["uuid"] else "-"
    told = (server.get(key, "-") for key in ("cluster_status", "local_state", "size"))
    return (
        name,
        str(member["phase"]),
        str(member["class"] or "-"),
        position,
        str(member["epoch"] or "-"),
        *map(str, told),
    )
