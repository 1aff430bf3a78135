"""Records and requests for promises as JSON, and back; what is not of the right shape is refused whole.

The format is versioned by the path under which it is asked for (`/v1/...`).  Unknown keys are ignored, so that agents
of neighbouring versions understand each other; a missing or wrongly typed key makes the message invalid.
"""

import json
from collections.abc import Callable
from typing import TypeVar

from bootstrap.core.model.disk import DataClass, Disk, LostView, Position, View, ViewCheckpoint
from bootstrap.core.model.facts import Fork, Override, Phase, PodState, Promise, Server
from bootstrap.core.model.messages import Prepare, Refusal

Choice = TypeVar("Choice", Phase, DataClass)
Kind = TypeVar("Kind")
Json = dict[str, object]

MAX_ORDINAL = 999
"""No StatefulSet of databases is larger; a record that claims more would make everybody wait for ever."""


class MessageInvalidError(ValueError):
    """The text is not a message of this protocol."""


def dump_record(record: PodState) -> Json:
    """The record as JSON values."""
    return {
        "pod": record.pod,
        "ordinal": record.ordinal,
        "boot_id": record.boot_id,
        "volume_id": record.volume_id,
        "phase": record.phase.value,
        "disk": dump_disk(record.disk) if record.disk else None,
        "server": _dump_server(record.server) if record.server else None,
        "joining": record.joining,
        "history": record.was_synced,
        "epoch": record.epoch,
        "retired": record.abandoned_term,
        "promise": dump_promise(record.promise) if record.promise else None,
        "expected": sorted(record.expected),
        "volumes": [list(item) for item in record.volumes],
        "lineage": [dump_fork(fork) for fork in record.lineage],
        "word": dump_word(record.override) if record.override else None,
        "mark": dump_mark(record.view_checkpoint) if record.view_checkpoint else None,
        "strangers": record.has_foreign_members,
    }


def dump_disk(disk: Disk) -> Json:
    """The disk as JSON values."""
    position = disk.position
    return {
        "class": disk.data_class.value,
        "uuid": position.uuid if position else None,
        "seqno": position.seqno if position else None,
        "safe_to_bootstrap": disk.safe_to_bootstrap,
        "detail": disk.detail,
        "doubtful": disk.transfer_may_be_complete,
        "view": dump_view(disk.view) if disk.view else None,
        "rejoined": disk.join_attempted,
    }


def dump_view(view: View) -> Json:
    """The view as JSON values."""
    return {
        "my_uuid": view.my_uuid,
        "view_uuid": view.view_uuid,
        "view_seq": view.view_seq,
        "bootstrap": view.bootstrap,
        "members": list(view.members),
    }


def dump_mark(mark: ViewCheckpoint) -> Json:
    """The mark as JSON values."""
    return {"view": mark.view, "uuid": mark.position.uuid, "seqno": mark.position.seqno}


def dump_promise(promise: Promise) -> Json:
    """The promise as JSON values."""
    return {"term": promise.term, "winner": promise.candidate, "boot_id": promise.boot_id}


def dump_fork(fork: Fork) -> Json:
    """The fork as JSON values."""
    return {"parent": fork.parent, "seqno": fork.seqno, "epoch": fork.epoch, "uuid": fork.uuid}


def dump_word(word: Override) -> Json:
    """The operator's word as JSON values."""
    return {
        "epoch": word.epoch,
        "uuid": word.base.uuid if word.base else None,
        "seqno": word.base.seqno if word.base else None,
        "unheard": sorted(word.unreachable),
        "although": sorted(word.accepted_ahead),
        "adopt": word.adopt,
    }


def dump_prepare(prepare: Prepare) -> Json:
    """The request for a promise as JSON values."""
    return {
        "promise": dump_promise(prepare.promise),
        "winner": dump_record(prepare.candidate),
        "boot_id": prepare.boot_id,
        "disk": dump_disk(prepare.disk),
    }


def _dump_server(server: Server) -> Json:
    return {
        "cluster_status": server.cluster_status,
        "local_state": server.local_state,
        "uuid": server.uuid,
        "last_committed": server.last_committed,
        "size": server.size,
        "view": dump_view(server.view) if server.view else None,
    }


def decode(raw: bytes) -> Json:
    """Read a JSON object; raises MessageInvalidError."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise MessageInvalidError("not JSON") from exc
    return _typed(value, dict)


def encode(value: Json) -> bytes:
    """Write a JSON object."""
    return json.dumps(value, separators=(",", ":")).encode()


def load_record(value: object) -> PodState:
    """Read a record; raises MessageInvalidError."""
    message = _typed(value, dict)
    return PodState(
        pod=_get(message, "pod", str),
        ordinal=_ordinal(message.get("ordinal")),
        boot_id=_get(message, "boot_id", str),
        volume_id=_get(message, "volume_id", str),
        phase=_member(Phase, _get(message, "phase", str)),
        disk=_optional(message, "disk", load_disk),
        server=_optional(message, "server", _load_server),
        joining=_get(message, "joining", bool),
        was_synced=_get(message, "history", bool),
        epoch=_get(message, "epoch", int),
        abandoned_term=_get(message, "retired", int),
        promise=_optional(message, "promise", load_promise),
        expected=frozenset(_ordinal(item) for item in _get(message, "expected", list)),
        volumes=tuple(_volume(item) for item in _get(message, "volumes", list)),
        # The previous releases have none of these: then no word was ever said there, and no view was noted.
        lineage=tuple(load_fork(item) for item in _typed(message.get("lineage", []), list, "lineage")),
        override=_optional(message, "word", load_word),
        view_checkpoint=_optional(message, "mark", load_mark),
        has_foreign_members=_typed(message.get("strangers", False), bool, "strangers"),
    )


def load_disk(value: object) -> Disk:
    """Read a disk; raises MessageInvalidError."""
    message = _typed(value, dict)
    return Disk(
        data_class=_member(DataClass, _get(message, "class", str)),
        position=None if message.get("uuid") is None else _load_position(message),
        safe_to_bootstrap=_get(message, "safe_to_bootstrap", bool),
        detail=_get(message, "detail", str),
        transfer_may_be_complete=_get(message, "doubtful", bool),
        view=_optional(message, "view", load_view),
        join_attempted=_typed(message.get("rejoined", False), bool, "rejoined"),
    )


def dump_left(left: LostView) -> Json:
    """What a stopped server has left behind, as JSON values."""
    position = left.position
    return {
        "view": dump_view(left.view),
        "uuid": position.uuid,
        "seqno": position.seqno,
        "rejoined": left.join_attempted,
    }


def load_left(value: object) -> LostView:
    """Read what a stopped server has left behind; raises MessageInvalidError."""
    message = _typed(value, dict)
    return LostView(load_view(message.get("view")), _load_position(message), _get(message, "rejoined", bool))


def load_view(value: object) -> View:
    """Read a view; raises MessageInvalidError."""
    message = _typed(value, dict)
    return View(
        my_uuid=_get(message, "my_uuid", str),
        view_uuid=_get(message, "view_uuid", str),
        view_seq=_get(message, "view_seq", int),
        bootstrap=_get(message, "bootstrap", bool),
        members=tuple(_typed(member, str) for member in _get(message, "members", list)),
    )


def load_mark(value: object) -> ViewCheckpoint:
    """Read a mark; raises MessageInvalidError."""
    message = _typed(value, dict)
    return ViewCheckpoint(_get(message, "view", str), _load_position(message))


def load_promise(value: object) -> Promise:
    """Read a promise; raises MessageInvalidError."""
    message = _typed(value, dict)
    return Promise(_get(message, "term", int), _ordinal(message.get("winner")), _get(message, "boot_id", str))


def load_fork(value: object) -> Fork:
    """Read a fork; raises MessageInvalidError."""
    message = _typed(value, dict)
    seqno, epoch = _get(message, "seqno", int), _get(message, "epoch", int)
    return Fork(_get(message, "parent", str), seqno, epoch, _get(message, "uuid", str))


def load_word(value: object) -> Override:
    """Read an operator's word; raises MessageInvalidError."""
    message = _typed(value, dict)
    return Override(
        epoch=_get(message, "epoch", int),
        base=None if message.get("uuid") is None else _load_position(message),
        unreachable=frozenset(_ordinal(item) for item in _get(message, "unheard", list)),
        accepted_ahead=frozenset(_ordinal(item) for item in _get(message, "although", list)),
        adopt=_get(message, "adopt", bool),
    )


def load_prepare(value: object) -> Prepare:
    """Read a request for a promise; raises MessageInvalidError."""
    message = _typed(value, dict)
    return Prepare(
        promise=load_promise(message.get("promise")),
        candidate=load_record(message.get("winner")),
        boot_id=_get(message, "boot_id", str),
        disk=load_disk(message.get("disk")),
    )


def load_answer(value: object) -> tuple[PodState, Refusal | None]:
    """Read the answer to a request for a promise: the record after it, and the refusal if there is one."""
    message = _typed(value, dict)
    return load_record(message.get("record")), _optional(message, "refusal", lambda r: Refusal(_typed(r, str)))


def _load_position(message: Json) -> Position:
    return Position(_get(message, "uuid", str), _get(message, "seqno", int))


def _load_server(value: object) -> Server:
    message = _typed(value, dict)
    return Server(
        cluster_status=_get(message, "cluster_status", str),
        local_state=_get(message, "local_state", str),
        uuid=_get(message, "uuid", str),
        last_committed=_get(message, "last_committed", int),
        size=_get(message, "size", int),
        view=_optional(message, "view", load_view),
    )


def _get(message: Json, key: str, kind: type[Kind]) -> Kind:
    return _typed(message.get(key), kind, key)


def _optional(message: Json, key: str, load: Callable[[object], Kind]) -> Kind | None:
    value = message.get(key)
    return None if value is None else load(value)


def _typed(value: object, kind: type[Kind], key: str = "message") -> Kind:
    # bool is an int to Python, and not to this protocol.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise MessageInvalidError(f"{key} is not a {kind.__name__}")
    return value


def _member(kind: type[Choice], value: str) -> Choice:
    try:
        return kind(value)
    except ValueError as exc:
        raise MessageInvalidError(f"unknown {kind.__name__} {value[:40]!r}") from exc


def _ordinal(value: object) -> int:
    ordinal = _typed(value, int, "ordinal")
    if not 0 <= ordinal <= MAX_ORDINAL:
        raise MessageInvalidError(f"ordinal {ordinal} is out of range")
    return ordinal


def _volume(value: object) -> tuple[int, str]:
    pair = _typed(value, list)
    if len(pair) != 2:
        raise MessageInvalidError("a volume is an ordinal and an id")
    return _ordinal(pair[0]), _typed(pair[1], str)
