"""The pieces of the binary log in a repository: each is a snapshot of restic, and its tags are the ends of the piece.

Pure.  The snapshot of a piece that grows replaces the one before: the new one is there before the old one is removed.
"""

import json
from typing import NamedTuple

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid, parse_gtid
from bootstrap.core.repository.snapshots import NAME, read_values
from bootstrap.errors import BackupInvalidError, BinlogInvalidError

MARK = "galera-bootstrap-log"
"""The tag of every piece; those of backups have another one."""

SCHEMA = "galera-bootstrap/log/v1"

LIST = "log.json"
"""In the folder of a piece."""


class Segment(NamedTuple):
    """A file of a piece: what one look at a member has brought."""

    name: str
    after: Gtid
    last: Gtid
    transactions: int
    size: int
    sha256: str


def make_tags(piece: Piece, series: str) -> tuple[str, ...]:
    """Return the tags of a piece."""
    ends = (f"after={piece.after}", f"last={piece.last}", f"until={piece.until}")
    return (MARK, f"log={piece.name}", f"history={piece.history}", *ends, f"series={series}")


def parse(output: str) -> tuple[Piece, ...]:
    """Read what `restic snapshots --json` prints, without what is no piece; raises BackupInvalidError.

    A piece whose tags cannot be read is none: then there is a gap, which is seen.
    """
    try:
        found = [_parse_one(one) for one in json.loads(output) or ()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BackupInvalidError(f"what restic prints of its snapshots cannot be understood: {exc}") from exc
    return tuple(one for one in found if one is not None)


def _parse_one(content: dict[str, object]) -> Piece | None:
    values = read_values(content, MARK)
    keys = ("log", "until", "history", "after", "last")
    name, until, history, *ends = (values.get(key, "") for key in keys)
    after, last = (parse_gtid(end) for end in ends)
    if not (NAME.fullmatch(name) and NAME.fullmatch(until) and history and after and last):
        return None
    if after.domain != last.domain or last.seqno < after.seqno:
        return None
    return Piece(str(content["id"]), str(content["hostname"]), name, history, after, last, until)


def parse_sent(output: str) -> str:
    """Return the id of the snapshot that `restic backup --json` has made; raises BackupInvalidError."""
    for line in reversed(output.splitlines()):
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict) and content.get("message_type") == "summary" and content.get("snapshot_id"):
            return str(content["snapshot_id"])
    raise BackupInvalidError("restic does not print which snapshot it has made")


def format_list(piece: Piece, segments: tuple[Segment, ...], server: str) -> bytes:
    """Return the content of the list of a piece's files."""
    files = {one.name: [str(one.after), str(one.last), one.transactions, one.size, one.sha256] for one in segments}
    ends = {"after": str(piece.after), "last": str(piece.last), "until": piece.until}
    content = {"schema": SCHEMA, "history": piece.history, "server": server, **ends, "files": files}
    return json.dumps(content).encode()


def parse_list(text: bytes, piece: Piece) -> tuple[Segment, ...]:
    """Read the list of a piece's files: they lead from its beginning to its end; raises BinlogInvalidError."""
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA or content["history"] != piece.history:
            raise ValueError("it is of another kind or history")  # noqa: TRY301  # one message for every fault
        found = tuple(
            Segment(name, _gtid(after), _gtid(last), int(number), int(size), str(digest))
            for name, (after, last, number, size, digest) in content["files"].items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BinlogInvalidError(f"the list of the piece {piece.name} cannot be understood ({exc})") from exc
    ends = [piece.after, *(one.last for one in found)]
    if [one.after for one in found] != ends[:-1] or ends[-1] != piece.last:
        raise BinlogInvalidError(f"the files of the piece {piece.name} do not lead from {piece.after} to {piece.last}")
    return found


def _gtid(text: str) -> Gtid:
    found = parse_gtid(text)
    if found is None:
        raise ValueError(f"{text[:40]!a} is no GTID")
    return found
