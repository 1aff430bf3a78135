"""The backups in a repository: each is a snapshot of restic, and its tags name the backup, its position, its series.

Pure.  restic writes a snapshot last, after all data that it needs: what a cut upload leaves is no snapshot.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bootstrap.core.binlog.events import Gtid, parse_gtid
from bootstrap.core.model.disk import Position
from bootstrap.errors import BackupInvalidError

MARK = "galera-bootstrap"
"""The tag of every snapshot of ours; a repository may have others."""

NAME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)

TIME = "%Y%m%dT%H%M%SZ"
"""The form of names, and of all times in tags; it sorts like time."""


class Snapshot(NamedTuple):
    """A backup in a repository."""

    id: str
    cluster: str
    """Whose backup it is; restic's host."""
    name: str
    """The backup's name: the time at which it was begun."""
    position: str
    series: str
    proven: str
    """When it was last restored and read completely; empty = never."""
    gtid: Gtid | None = None
    """Where the log goes on after it; None = its cluster had no GTIDs."""
    taken: str = ""
    """Nothing in it was committed after this time; it has the form of a name."""

    @property
    def history(self) -> str:
        """The cluster state uuid."""
        return self.position.partition(":")[0]


def make_tags(name: str, position: Position, series: str, gtid: Gtid | None, taken: str) -> tuple[str, ...]:
    """Return the tags of a backup."""
    log = (f"gtid={gtid}", f"taken={taken}") if gtid else ()
    return (MARK, f"backup={name}", f"position={position}", f"series={series}", *log)


def make_proof(when: str) -> str:
    """Return the tag of a snapshot that was restored and read completely; the time has the form of a name."""
    return f"proven={when}"


def format_time(name: str) -> str:
    """Return the time in a backup's name as restic takes it."""
    return f"{name[:4]}-{name[4:6]}-{name[6:8]} {name[9:11]}:{name[11:13]}:{name[13:15]}"


def parse(output: str) -> tuple[Snapshot, ...]:
    """Read what `restic snapshots --json` prints, without what is not ours; the oldest backup first.

    Raises BackupInvalidError.
    """
    try:
        found = [_parse_one(one) for one in json.loads(output) or ()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BackupInvalidError(f"what restic prints of its snapshots cannot be understood: {exc}") from exc
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.name, one.proven, one.id)))


def parse_removed(output: str) -> tuple[str, ...]:
    """List the names of the backups that `restic forget --json` has removed; after its object comes that of a prune.

    Raises BackupInvalidError.
    """
    try:
        groups, _ = json.JSONDecoder().raw_decode(output.lstrip())
        found = [_read_tags(one) for group in groups or () for one in group.get("remove") or ()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BackupInvalidError(f"what restic prints of its snapshots cannot be understood: {exc}") from exc
    return tuple(sorted(values["backup"] for values in found if values is not None))


def _parse_one(content: dict[str, object]) -> Snapshot | None:
    values = _read_tags(content)
    if values is None:
        return None
    keys = ("position", "series", "proven", "taken", "gtid")
    position, series, proven, taken, start = (values.get(key, "") for key in keys)
    gtid = parse_gtid(start)
    return Snapshot(
        *(str(content["id"]), str(content["hostname"]), values["backup"], position, series, proven),
        *((gtid, taken) if gtid and NAME.fullmatch(taken) else (None, "")),
    )


def _read_tags(content: dict[str, object]) -> dict[str, str] | None:
    """Return the values in the tags of a backup's snapshot; None = it is none."""
    values = read_values(content, MARK)
    return values if "backup" in values and NAME.fullmatch(values["backup"]) else None


def read_values(content: dict[str, object], mark: str) -> dict[str, str]:
    """Return the values in the tags of a snapshot with this mark; of any other one none."""
    listed = content.get("tags")
    # Sorted, so that the last one of several proofs counts.
    tags = sorted(str(tag) for tag in listed) if isinstance(listed, list) else []
    values = {key: value for key, _, value in (tag.partition("=") for tag in tags)}
    return values if mark in tags else {}


def choose(found: Iterable[Snapshot], cluster: str, name: str) -> Snapshot:
    """Choose the backup of that name, or the newest one for `latest`; raises BackupInvalidError."""
    every = tuple(found)
    ours = [one for one in every if one.cluster == cluster and name in ("latest", one.name)]
    if ours:
        return ours[-1]
    what = "no backup" if name == "latest" else f"no backup {name}"
    names = sorted({one.name for one in every if one.cluster == cluster})
    if names:
        there = f"there are {', '.join(names)}"
    elif every:
        there = f"there are those of {', '.join(sorted({one.cluster for one in every}))}; name one by --cluster"
    else:
        there = "there are none at all"
    raise BackupInvalidError(f"the repository has {what} of {cluster}: {there}")


def find_last_proof(found: Iterable[Snapshot], cluster: str) -> Snapshot | None:
    """Find the newest backup of this cluster that was proven; None = none was."""
    return next((one for one in reversed(tuple(found)) if one.cluster == cluster and one.proven), None)


def parse_listing(output: str) -> dict[str, int]:
    """Read what `restic ls --json` prints: the path of each file in the snapshot -> its size.

    Raises BackupInvalidError.
    """
    found = {}
    try:
        for line in output.splitlines():
            content = json.loads(line)
            if content.get("type") == "file":
                # restic leaves a size of 0 out.
                found[str(content["path"]).removeprefix("/")] = int(content.get("size", 0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BackupInvalidError(f"what restic prints of a snapshot cannot be understood: {exc}") from exc
    return found


def find_missing(listed: Mapping[str, int], wanted: Mapping[str, int]) -> tuple[str, ...]:
    """List the files that a snapshot does not have, or not in their size."""
    return tuple(sorted(path for path, size in wanted.items() if listed.get(path) != size))
