"""`backups`: its lines for people, and its answer for programs."""

import json

import jsonschema

from bootstrap.commands.job.backups import describe, to_json
from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.operations.binlog.remote import Found
from tests.paths import ROOT

UUID = "aaaaaaaa-0000-11f1-b412-43c8a739f785"

PROVEN = Snapshot("b1", "db/mysql", "20261129T020000Z", f"{UUID}:90", "11.8", "20261129T040000Z")
WITH_LOG = Snapshot(
    *("b2", "db/mysql", "20261130T020000Z", f"{UUID}:100", "11.8", ""), Gtid(7, 100, 80), "20261130T020005Z"
)


def piece(after: int, last: int, until: str) -> Piece:
    return Piece(f"p{after}", "db/mysql", until, UUID, Gtid(7, 100, after), Gtid(7, 100, last), until)


FOUND = Found(
    (PROVEN, WITH_LOG), (piece(70, 120, "20261130T120000Z"), piece(130, 140, "20261130T130000Z")), ("old/mysql",)
)


def test_each_backup_and_each_span_has_its_lines_in_80_columns() -> None:
    lines = list(describe("db/mysql", FOUND))
    assert lines == [
        "db/mysql: 2 backups",
        "also there, by --cluster: old/mysql",
        f"  20261129T020000Z  11.8   proven 2026-11-29T04:00:00Z  {UUID}:90",
        f"  20261130T020000Z  11.8   not proven                   {UUID}:100",
        "restore --until reaches",
        "  from 2026-11-30T02:00:05Z  7-100-80",
        "  to   2026-11-30T12:00:00Z  7-100-120",
        "  GAP: nothing is there of what came next, up to 7-100-130",
    ]


def test_what_is_not_known_or_not_there_is_said() -> None:
    assert list(describe("db/mysql", Found((), ()))) == ["db/mysql: no backups"]
    (*_, last) = describe("db/mysql", Found((WITH_LOG,), ()))
    assert last == "  to   an unknown time  7-100-80"


def test_the_answer_for_programs_follows_its_schema() -> None:
    schema = json.loads((ROOT / "docs/schemas/backups-v1.json").read_text())
    for found in (FOUND, Found((), ()), Found((WITH_LOG,), ())):
        jsonschema.validate(json.loads(json.dumps(to_json("db/mysql", found))), schema)
    answer = to_json("db/mysql", FOUND)
    assert answer["reachable"] == [
        {
            "history": UUID,
            "backups": ["20261130T020000Z"],
            "from": {"time": "2026-11-30T02:00:05Z", "gtid": "7-100-80"},
            "to": {"time": "2026-11-30T12:00:00Z", "gtid": "7-100-120"},
            "missing_up_to": "7-100-130",
        }
    ]
