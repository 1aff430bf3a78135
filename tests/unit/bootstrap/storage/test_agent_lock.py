"""One agent a volume, also where the volume could not be written when the agent started."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.storage.agent_lock import AgentLock
from bootstrap.storage.layout import Layout
from tests.support.bootstrap.machine import Machine, until


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Machine]:
    """A pod of one."""
    made = Machine(tmp_path)
    yield made
    made.close()


def test_the_journal_is_not_opened_while_another_agent_has_the_volume(alone: Machine) -> None:
    """The volume was read-only when this agent started; the agent of the pod before it still lives."""
    meta = Layout(alone.root / "data").meta
    if meta.is_dir():
        for path in meta.iterdir():
            path.unlink()
        meta.rmdir()
    meta.parent.mkdir(parents=True, exist_ok=True)
    meta.write_text("no folder can be made here")
    alone.database()
    alone.agent()
    until(lambda: "Not a directory" in str(alone.status()["decision"]["reason"]) or alone.phase(), "an answer")
    meta.unlink()
    meta.mkdir(mode=0o700)
    other = os.open(meta / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(other, fcntl.LOCK_EX)
    alone.start()
    until(lambda: "another agent lives on this volume" in alone.status()["decision"]["reason"], "the reason")
    assert not (meta / "journal.json").exists()
    os.close(other)
    until((meta / "journal.json").exists, "the journal")


def test_a_held_lock_is_not_taken_again(tmp_path: Path) -> None:
    first, second = AgentLock(Layout(tmp_path)), AgentLock(Layout(tmp_path))
    first.wait(lambda _: None)
    assert first.take() == ""
    assert second.take() == "another agent lives on this volume: two pods must not share one"


def test_a_volume_that_cannot_be_written_has_no_lock_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "meta").write_text("")
    lock = AgentLock(Layout(tmp_path))
    lock.wait(lambda _: None)
    assert not lock.is_held
    assert "File exists" in lock.take()
    (tmp_path / "meta").unlink()
    assert lock.take() == ""
