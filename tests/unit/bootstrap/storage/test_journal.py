"""The journal: what was written is read, and what cannot be read is never taken for empty."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Fork, Override, Promise
from bootstrap.errors import JournalInvalidError, JournalUnwritableError
from bootstrap.storage import atomic
from bootstrap.storage.journal import Journal, new_memory

U, T = "aaaaaaaa-0000-11ee-8000-000000000001", "bbbbbbbb-0000-11ee-8000-000000000002"

FULL = PersistentState(
    "cluster", "galera-0", "volume", initialised=True, joining_boot_id="boot", history_uuid=U, epoch=3,
    promise=Promise(4, 1, "life"), highest_term=4, volumes=((1, "a"), (2, "b")),
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "meta")


def test_there_is_none_yet(journal: Journal) -> None:
    assert journal.read() is None


def test_what_was_written_is_read(journal: Journal) -> None:
    for memory in (FULL, new_memory("cluster", "galera-0")):
        assert journal.write(memory) == memory
        assert journal.read() == memory


def test_a_change_leaves_the_rest_as_it_was(journal: Journal) -> None:
    changed = journal.write(replace(FULL, promise=None, epoch=5))
    assert (changed.promise, changed.epoch, changed.volumes) == (None, 5, FULL.volumes)
    assert journal.read() == changed


def test_it_is_private_and_leaves_nothing_beside_it(journal: Journal) -> None:
    journal.write(FULL)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in journal.path.parent.iterdir()] == ["journal.json"]


def test_the_folder_is_durable_before_anything_in_it_counts(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a starter has made it, which takes the lock before the agent writes."""
    synced: list[Path] = []
    real = atomic.sync_folder

    def record(path: Path) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(atomic, "sync_folder", record)
    journal.path.parent.mkdir()
    journal.write(FULL)
    journal.write(FULL)
    assert synced == [journal.path.parents[1], journal.path.parent, journal.path.parent]


def test_a_volume_whose_folders_cannot_be_made_durable_is_unwritable(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(atomic, "sync_folder", broken)
    with pytest.raises(JournalUnwritableError, match="Input/output error"):
        journal.write(FULL)
    assert journal.read() is None


def test_what_killed_agents_have_left_half_written_does_not_pile_up(journal: Journal) -> None:
    journal.path.parent.mkdir()
    for name in (".journal.json.aaaa.tmp", ".journal.json.bbbb.tmp", ".events.json.cccc.tmp"):
        (journal.path.parent / name).touch()
    journal.write(FULL)
    assert sorted(path.name for path in journal.path.parent.iterdir()) == [".events.json.cccc.tmp", "journal.json"]


def test_overrides_are_remembered(journal: Journal) -> None:
    override = Override(5, Position(U, 7), frozenset({2}), frozenset({1}))
    memory = replace(
        FULL, lineage=(Fork(T, -1, 2, U), Fork(U, 7, 5, T)), pending_history=T, override=override, overrides=("forced",)
    )
    assert journal.write(memory) == memory
    assert journal.read() == memory


def test_what_could_not_be_read_back_is_not_written(journal: Journal) -> None:
    """It would leave a volume that only an editor can repair."""
    journal.write(FULL)
    for changes in ({"epoch": 2**63}, {"overrides": ("a line\nand another one",)}, {"volumes": ((1000, "a"),)}):
        with pytest.raises(JournalUnwritableError, match=next(iter(changes))):
            journal.write(replace(FULL, **changes))
    assert journal.read() == FULL


def test_every_volume_has_an_id_of_its_own() -> None:
    assert new_memory("cluster", "galera-0").volume_id != new_memory("cluster", "galera-0").volume_id


DAMAGED: dict[str, bytes] = {
    "empty": b"", "zeros": b"\0" * 4096, "half": b'{"version": 1, "clus', "not JSON": b"hello", "a list": b"[]",
    "a text": b'"x"', "a number": b"1", "null": b"null", "nothing in it": b"{}", "not text": b"\xff\xfe\xfd",
    "nested without end": b"[" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_journal_is_an_error_and_never_an_empty_one(raw: bytes, journal: Journal) -> None:
    journal.path.parent.mkdir()
    journal.path.write_bytes(raw)
    with pytest.raises(JournalInvalidError, match="is damaged") as raised:
        journal.read()
    assert "\n" not in str(raised.value)
    assert journal.path.read_bytes() == raw


def stored(journal: Journal) -> dict[str, Any]:
    journal.write(FULL)
    content: dict[str, Any] = json.loads(journal.path.read_bytes())
    return content


WRONG: dict[str, dict[str, Any]] = {
    "another version": {"version": 2},
    "a key more": {"surprise": 1},
    "a pod that is no text": {"pod": 1},
    "an epoch that is no number": {"epoch": "3"},
    "a term that is no number": {"highest_term": None},
    "a flag that is none": {"initialised": "yes"},
    "a mark that is none": {"joining_boot_id": True},
    "a promise that is text": {"promise": "galera-1"},
    "a promise that is a list": {"promise": []},
    "an empty promise": {"promise": {}},
    "a promise without its term": {"promise": {"candidate": 1, "run_id": "x"}},
    "a promise to no pod": {"promise": {"term": 1, "candidate": None, "run_id": "x"}},
    "a promise whose term is text": {"promise": {"term": "1", "candidate": 1, "run_id": "x"}},
    "volumes that are none": {"volumes": 1},
    "volumes without ids": {"volumes": [1, 2]},
    "volumes of no ordinal": {"volumes": [["x", "a"]]},
    "forks that are none": {"lineage": [1]},
    "a fork without its parent": {"lineage": [{"seqno": 1, "epoch": 1, "uuid": ""}]},
    "an override that is text": {"override": "force"},
    "an epoch beyond 64 bits": {"epoch": 2**63},
    "a line that writes to a terminal": {"overrides": ["\x1b[2J"]},
    "one without its epoch": {"override": {"base": None, "unreachable": [], "accepted_ahead": [], "adopt": False}},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_journal_with_a_wrong_value_is_an_error(changes: dict[str, Any], journal: Journal) -> None:
    journal.path.write_text(json.dumps({**stored(journal), **changes}))
    with pytest.raises(JournalInvalidError):
        journal.read()


@pytest.mark.parametrize("name", ["version", "cluster_id", "pod", "volume_id", "promise", "volumes"])
def test_a_journal_without_a_value_that_it_always_has_is_an_error(name: str, journal: Journal) -> None:
    content = stored(journal)
    del content[name]
    journal.path.write_text(json.dumps(content))
    with pytest.raises(JournalInvalidError):
        journal.read()


def test_a_journal_that_cannot_be_opened_is_an_error(journal: Journal) -> None:
    journal.path.mkdir(parents=True)
    with pytest.raises(JournalInvalidError, match="cannot be read"):
        journal.read()
    with pytest.raises(JournalUnwritableError, match="make the volume writable"):
        journal.write(FULL)


def test_a_missing_volume_is_reported_when_writing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalUnwritableError):
        Journal(tmp_path / "file" / "meta").write(FULL)
