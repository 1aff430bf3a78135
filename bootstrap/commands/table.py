"""The members of a status answer as text."""

from bootstrap.record import Json

HEADINGS = ("MEMBER", "PHASE", "CLASS", "POSITION", "EPOCH", "CLUSTER", "STATE", "SIZE")


def members_table(told: Json) -> str:
    """One line a member, then what this pod does or waits for."""
    members, decision = told["members"], told["decision"]
    assert isinstance(members, list)  # noqa: S101  # our own agent's answer
    assert isinstance(decision, dict)  # noqa: S101  # likewise
    rows = [HEADINGS, *(_row(member, str(told["self"])) for member in members)]
    widths = [max(len(row[i]) for row in rows if len(row) > 2) for i in range(len(HEADINGS))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join([*lines, f"{told['self']}: {decision['action']}: {decision['reason']} [{decision['rule']}]"])


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
