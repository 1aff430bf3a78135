"""The event log: bounded, complete after a crash, and never in the way of a decision."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.agent.recorder import Recorder
from bootstrap.agent.status_answers import ANSWER_BYTES
from bootstrap.control.channel import MAX_LINE
from bootstrap.core.model import text
from bootstrap.core.model.codec import encode
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Phase
from bootstrap.core.model.text import LONGEST, one_line
from bootstrap.core.status.events import (
    FREQUENT,
    KEPT,
    KEPT_RARE,
    KINDS,
    MOST_PODS,
    WORDS,
    Event,
    EventLogInvalidError,
    dump,
    fit,
    keep_newest,
    load,
)
from bootstrap.datadir.usage import bytes_since, last_written
from bootstrap.storage import atomic, event_log
from tests.paths import ROOT
from tests.support.bootstrap.records import examples

PATIENCE_S = 60.0


def event(n: int, kind: str = "decision", text: str = "x") -> Event:
    return Event(n, "2026-01-01T00:00:00.000Z", kind, text)


texts = st.text(max_size=2 * LONGEST).map(one_line)
names = st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=9), max_size=3).map(tuple)
logs = st.lists(
    st.builds(Event, st.integers(1), texts, st.sampled_from(list(KINDS)), texts, texts, names), max_size=20
).map(keep_newest)


@given(logs)
@examples(200)
def test_what_is_written_is_what_is_read(log: tuple[Event, ...]) -> None:
    assert load(dump(log)) == log


def test_a_thousand_changes_of_mind_do_not_push_out_a_bootstrap() -> None:
    log: tuple[Event, ...] = (event(1, "bootstrap"),)
    for n in range(2, 1002):
        log = keep_newest([*log, event(n)])
    assert len(log) == KEPT + 1
    assert (log[0].kind, log[1].n, log[-1].n) == ("bootstrap", 1002 - KEPT, 1001)


def test_a_server_that_dies_at_every_start_does_not_push_out_an_override() -> None:
    recorder = Recorder()
    recorder.note("override", "force epoch 7")
    for n in range(500):
        recorder.note("promise", f"term {n}")
        recorder.note("join", f"joins {n}")
    assert recorder.log[0].text == "force epoch 7"
    assert len(recorder.log) == 1 + KEPT + KEPT_RARE


def test_events_of_a_newer_release_are_kept_and_bounded() -> None:
    log = keep_newest(event(n, f"kind {n}") for n in range(1, 1000))
    assert len(log) == KEPT


def test_the_log_is_bounded_whatever_is_noted_of_each_kind() -> None:
    recorder = Recorder()
    for n in range(5000):
        recorder.note(list(KINDS)[n % len(KINDS)], "\N{SNOWMAN}" * 5000)
    assert len(recorder.log) == KEPT + KEPT_RARE * len(KINDS.keys() - FREQUENT)
    assert len(dump(recorder.log)) < event_log.LARGEST / 4
    # The command's answer is one message on the agent's socket.
    assert len(json.dumps([event._asdict() for event in fit(recorder.log, ANSWER_BYTES)])) < MAX_LINE


def test_the_newest_events_that_fit_are_taken() -> None:
    log = [event(n) for n in range(1, 10)]
    one = len(encode(log[0])) + 1
    assert fit(log, 9 * one) == tuple(log)
    assert fit(log, 3 * one) == tuple(log[6:])
    assert fit(log, 3 * one - 1) == tuple(log[7:])
    assert fit(log, 0) == ()


def test_an_event_names_a_bounded_number_of_pods() -> None:
    recorder = Recorder()
    recorder.note("decision", "x", "wait", (f"mysql-{n}" for n in range(999)))
    assert recorder.log[0].pods == tuple(f"mysql-{n}" for n in range(MOST_PODS))


def test_words_are_of_kinds() -> None:
    assert set(KINDS) > set(WORDS)


def test_an_event_is_one_line_without_control_characters() -> None:
    assert one_line("a\nb\x1b[31mc\x00\u2028d") == "a b [31mc  d"
    assert len(one_line("x" * 10_000)) == LONGEST


def test_frequent_kinds_are_kinds() -> None:
    assert set(KINDS) > FREQUENT


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00" * 512, b"{}", b"[]", b"null", b'{"version": 2, "events": []}', b'{"version": 1}',
        b'{"version": 1, "events": [{}]}', b'{"version": 1, "events": [1]}', b"[" * 100_000,
        b'{"version": 1, "events": [{"n": true, "time": "", "kind": "", "text": ""}]}', b"\xff\xfe",
        b'{"version": 1, "events": [{"n": 1, "time": "", "kind": "", "text": "", "word": 1}]}',
        b'{"version": 1, "events": [{"n": 1, "time": "", "kind": "", "text": "", "pods": "ab"}]}',
        b'{"version": 1, "events": [{"n": 1, "time": "", "kind": "", "text": "", "pods": [1]}]}',
    ],
)  # fmt: skip
def test_a_text_that_is_no_log_is_refused(raw: bytes) -> None:
    with pytest.raises(EventLogInvalidError):
        load(raw)


def test_numbers_go_on_after_a_restart() -> None:
    first = Recorder()
    first.note("agent", "one")
    again = Recorder(load(dump(first.log)))
    again.note("agent", "two")
    assert [(e.n, e.text) for e in again.log] == [(1, "one"), (2, "two")]


def test_the_events_of_many_threads_are_all_there_in_order() -> None:
    recorder = Recorder()

    def note() -> None:
        for _ in range(KEPT // 10):
            recorder.note("phase", "x")

    threads = [threading.Thread(target=note) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.n for e in recorder.log] == list(range(1, KEPT + 1))


# On the disk.


@pytest.fixture
def logged() -> list[str]:
    return []


class Kept:
    """A recorder and its writer on a volume."""

    def __init__(self, meta: Path, logged: list[str]) -> None:
        self.recorder = Recorder()
        self.writer = event_log.Writer(meta, lambda: self.recorder.log, logged.append)
        self.recorder.changed = self.writer.more.set
        self.writer.start()


@pytest.fixture
def kept(tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setattr(event_log, "PAUSE_S", 0.05)
    made = Kept(tmp_path / "meta", logged)
    yield made
    made.writer.stop()


def until(condition: object) -> None:
    end = time.monotonic() + PATIENCE_S
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_was_noted_is_on_the_disk_soon(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    kept.recorder.note("join", "joins")
    until(lambda: [e.text for e in event_log.read(tmp_path / "meta")[0]] == ["joins"])
    assert (tmp_path / "meta" / event_log.NAME).stat().st_mode & 0o077 == 0


def test_a_disk_that_cannot_be_written_is_logged_once_and_tried_again(
    kept: Kept, tmp_path: Path, logged: list[str]
) -> None:
    for n in range(5):
        kept.recorder.note("join", f"joins {n}")
        time.sleep(0.1)
    until(lambda: len(logged) == 1)
    assert "cannot be written (No such file or directory)" in logged[0]
    (tmp_path / "meta").mkdir()
    until(lambda: len(event_log.read(tmp_path / "meta")[0]) == 5)
    until(lambda: logged[1:] == ["the event log is written again"])


def test_a_disk_that_hangs_delays_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, begun = threading.Event(), threading.Event()

    def hang(_path: Path, _data: bytes) -> None:
        begun.set()
        stuck.wait(PATIENCE_S)

    monkeypatch.setattr(atomic, "replace", hang)
    kept = Kept(tmp_path, [])
    kept.recorder.note("join", "joins")
    assert begun.wait(PATIENCE_S)
    began = time.monotonic()
    for _ in range(100):
        kept.recorder.note("decision", "x")
    assert not stuck.is_set()
    assert time.monotonic() - began < PATIENCE_S / 2
    stuck.set()
    kept.writer.stop()


def test_a_crash_while_it_is_written_leaves_the_log_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert event_log.write(tmp_path, (event(1),)) == ""

    def crash(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", crash)
    assert "Input/output error" in event_log.write(tmp_path, (event(1), event(2)))
    assert event_log.read(tmp_path) == ((event(1),), "")


def test_what_a_killed_agent_has_left_half_written_does_not_pile_up(tmp_path: Path, logged: list[str]) -> None:
    for name in (f".{event_log.NAME}.a.tmp", f".{event_log.NAME}.b.tmp", ".journal.json.c.tmp", "journal.json"):
        (tmp_path / name).touch()
    Kept(tmp_path, logged).writer.stop()
    assert {path.name for path in tmp_path.iterdir()} == {".journal.json.c.tmp", "journal.json"}


def test_no_file_is_an_empty_log_and_a_damaged_one_is_reported(tmp_path: Path) -> None:
    assert event_log.read(tmp_path) == ((), "")
    (tmp_path / event_log.NAME).write_bytes(dump((event(1),))[:-20])
    log, trouble = event_log.read(tmp_path)
    assert log == ()
    assert "damaged" in trouble
    (tmp_path / event_log.NAME).write_bytes(b" " * (event_log.LARGEST + 1))
    assert event_log.read(tmp_path) == ((), "it is too large to be ours")


def test_a_folder_in_its_place_is_trouble_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / event_log.NAME).mkdir()
    assert event_log.read(tmp_path)[1] == "Is a directory"
    assert "cannot be written" in event_log.write(tmp_path, ())


def test_the_schema_knows_the_kinds_and_the_bound() -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / "events-v1.json").read_text())
    item = schema["properties"]["events"]["items"]["properties"]
    assert set(item["kind"]["enum"]) == set(KINDS)
    assert item["text"]["maxLength"] == text.LONGEST
    assert item["pods"]["maxItems"] == MOST_PODS
    timeline = json.loads((ROOT / "docs" / "schemas" / "timeline-v1.json").read_text())
    assert timeline["properties"]["pods"]["items"]["properties"]["events"]["items"]["properties"] == item


def test_the_schema_of_status_knows_every_phase_and_class() -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / "status-v1.json").read_text())
    member = schema["properties"]["members"]["items"]["properties"]
    assert set(member["phase"]["enum"]) == {*Phase, None}
    assert set(member["class"]["enum"]) == {*DataClass, None}


def test_what_has_come_to_a_datadir_is_what_was_written_since(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "app" / "new"
    new.parent.mkdir()
    for path in (old, new):
        path.write_bytes(os.urandom(1024 * 1024))
        with path.open("r+b") as file:
            os.fsync(file.fileno())  # some file systems allocate only now
    os.utime(old, (1000, 1000))
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 2**40)  # as rsync makes it, before its bytes come
    (tmp_path / "link").symlink_to("/")
    assert 1024 * 1024 <= bytes_since(tmp_path, 2000) < 2 * 1024 * 1024
    assert bytes_since(tmp_path / "nothing", 0) == 0
    os.utime(tmp_path / "sparse", (3000, 3000))
    os.utime(new, (4000, 4000))
    assert last_written(tmp_path) == 3000  # only what lies directly there
    assert last_written(tmp_path / "nothing") is None
