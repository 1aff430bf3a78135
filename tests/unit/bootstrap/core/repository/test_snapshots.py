"""Which snapshots are backups, and which one is meant."""

import json
from typing import Any

import pytest

from bootstrap.core.binlog.events import Gtid
from bootstrap.core.model.disk import Position
from bootstrap.core.repository import snapshots
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import BackupInvalidError

HISTORY = "6fe0d4fa-0000-11f1-b412-43c8a739f785"

NAMES = ("20261125T031700Z", "20261126T031700Z", "20261127T031700Z")


def printed(number: int, *more: str, host: str = "db/mysql") -> dict[str, Any]:
    tags = [*snapshots.make_tags(NAMES[number], Position(HISTORY, number), "11.8", None, ""), *more]
    return {"id": f"id{9 - number}", "hostname": host, "tags": tags, "time": "2026-11-30T03:17:00Z"}


def test_what_was_tagged_is_read_again_and_the_oldest_comes_first() -> None:
    found = snapshots.parse(json.dumps([printed(1), printed(0)]))

    assert found == (
        Snapshot("id9", "db/mysql", NAMES[0], f"{HISTORY}:0", "11.8", ""),
        Snapshot("id8", "db/mysql", NAMES[1], f"{HISTORY}:1", "11.8", ""),
    )


def test_what_other_releases_tag_otherwise_is_a_backup_all_the_same() -> None:
    tags = ["galera-bootstrap", f"backup={NAMES[0]}", "series=a=b"]

    assert snapshots.parse(json.dumps([{**printed(0), "tags": tags}])) == (
        Snapshot("id9", "db/mysql", NAMES[0], "", "a=b", ""),
    )


def test_where_the_log_goes_on_is_read_with_its_time_or_not_at_all() -> None:
    tags = snapshots.make_tags(NAMES[0], Position(HISTORY, 0), "11.8", Gtid(7, 100, 5), NAMES[1])

    def read(*tags: str) -> tuple[Gtid | None, str]:
        (found,) = snapshots.parse(json.dumps([{**printed(0), "tags": tags}]))
        return found.gtid, found.taken

    assert read(*tags) == (Gtid(7, 100, 5), NAMES[1])
    assert read(*tags[:-2], "gtid=7-100-5") == (None, "")
    assert read(*tags[:-2], f"taken={NAMES[1]}") == (None, "")
    assert read(*tags[:-1], "taken=soon") == (None, "")
    assert read(*tags[:-2], "gtid=7-100", tags[-1]) == (None, "")


def test_a_backup_of_a_cluster_without_gtids_has_no_tag_of_the_log() -> None:
    tags = snapshots.make_tags(NAMES[0], Position(HISTORY, 0), "11.8", None, NAMES[1])

    assert tags == ("galera-bootstrap", f"backup={NAMES[0]}", f"position={HISTORY}:0", "series=11.8")


@pytest.mark.parametrize("output", ["null", "[]"])
def test_an_empty_repository_has_none(output: str) -> None:
    assert snapshots.parse(output) == ()


@pytest.mark.parametrize(
    "tags", [None, [], ["galera-bootstrap"], ["galera-bootstrap", "backup=x"], [f"backup={NAMES[0]}"]]
)
def test_snapshots_of_others_are_not_ours(tags: list[str] | None) -> None:
    assert snapshots.parse(json.dumps([{**printed(0), "tags": tags}])) == ()


@pytest.mark.parametrize("output", ["", "{}x", "[1]", '[{"tags": ["galera-bootstrap", "backup=20261125T031700Z"]}]'])
def test_what_cannot_be_understood_is_no_list(output: str) -> None:
    with pytest.raises(BackupInvalidError, match="cannot be understood"):
        snapshots.parse(output)


def test_the_last_of_several_proofs_counts_and_is_the_newest_of_the_cluster() -> None:
    first, second = snapshots.make_proof("20261128T000000Z"), snapshots.make_proof("20261129T000000Z")
    found = snapshots.parse(json.dumps([printed(0, second, first), printed(1), printed(2, second, host="db/other")]))

    assert [one.proven for one in found] == ["20261129T000000Z", "", "20261129T000000Z"]
    last = snapshots.find_last_proof(found, "db/mysql")
    assert last is not None
    assert last.name == NAMES[0]
    assert snapshots.find_last_proof(found, "try/mysql") is None


def test_the_newest_of_the_cluster_or_the_named_one_is_chosen() -> None:
    found = snapshots.parse(json.dumps([printed(0), printed(1), printed(2, host="db/other")]))

    assert snapshots.choose(found, "db/mysql", "latest").name == NAMES[1]
    assert snapshots.choose(found, "db/mysql", NAMES[0]).name == NAMES[0]
    with pytest.raises(
        BackupInvalidError, match=rf"no backup {NAMES[2]} of db/mysql: there are {NAMES[0]}, {NAMES[1]}$"
    ):
        snapshots.choose(found, "db/mysql", NAMES[2])
    with pytest.raises(
        BackupInvalidError,
        match=r"no backup of try/mysql: there are those of db/mysql, db/other; name one by --cluster$",
    ):
        snapshots.choose(found, "try/mysql", "latest")
    with pytest.raises(BackupInvalidError, match=r"no backup of db/mysql: there are none at all$"):
        snapshots.choose((), "db/mysql", "latest")


def test_a_name_is_a_time() -> None:
    assert snapshots.format_time("20261125T031709Z") == "2026-11-25 03:17:09"


def test_what_was_removed_is_listed_by_its_name() -> None:
    groups = [{"host": "db/mysql", "remove": [printed(1), {"tags": ["theirs"]}, printed(0)]}, {"remove": None}, {}]

    assert snapshots.parse_removed(json.dumps(groups) + '\n{"message_type": "prune"}\n') == NAMES[:2]
    assert snapshots.parse_removed("null") == snapshots.parse_removed("[]") == ()
    with pytest.raises(BackupInvalidError, match="cannot be understood"):
        snapshots.parse_removed("x")


LISTING = """\
{"time":"2026-11-30T03:17:00Z","struct_type":"snapshot","paths":["/x"]}
{"name":"data","type":"dir","path":"/data","struct_type":"node"}
{"name":"ibdata1","type":"file","path":"/data/ibdata1","size":7,"struct_type":"node"}
{"name":"empty","type":"file","path":"/data/empty","struct_type":"node"}
"""


def test_a_file_that_is_missing_or_of_another_size_is_found() -> None:
    listed = snapshots.parse_listing(LISTING)

    assert listed == {"data/ibdata1": 7, "data/empty": 0}
    assert snapshots.find_missing(listed, {"data/ibdata1": 7, "data/empty": 0}) == ()
    assert snapshots.find_missing(listed, {"data/ibdata1": 8, "data/a": 0}) == ("data/a", "data/ibdata1")
    with pytest.raises(BackupInvalidError, match="cannot be understood"):
        snapshots.parse_listing("x")
