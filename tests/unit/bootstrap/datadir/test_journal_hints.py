"""What a starter learns from the journal about a datadir."""

from dataclasses import replace

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import JournalHints, Position
from bootstrap.core.model.facts import Fork
from bootstrap.datadir.journal_hints import from_memory
from bootstrap.process.boot_id import kernel_boot_id
from tests.support.bootstrap.records import A_TO_B, A, B

NEW = PersistentState("cluster", "galera-0", "volume-0")


def test_a_new_journal_says_nothing() -> None:
    assert from_memory(None) == from_memory(NEW) == JournalHints()


def test_a_member_s_journal_says_that_it_was_one_and_whether_a_join_is_open() -> None:
    member = replace(NEW, history_uuid=A, epoch=1)
    assert from_memory(member) == JournalHints(was_synced=True)
    assert from_memory(replace(member, joining_boot_id="before")) == JournalHints(was_synced=True, joining=True)
    here = replace(member, joining_boot_id=kernel_boot_id())
    assert from_memory(here) == JournalHints(was_synced=True, joining=True, same_boot=True)


def test_a_fork_that_has_not_been_seen_says_where_it_was_to_begin() -> None:
    forked = replace(NEW, initialised=True, lineage=(A_TO_B,), pending_history=B)
    assert from_memory(forked) == JournalHints(initialised=True, base=Position(A, 5), history=B)
    adopted = replace(NEW, lineage=(Fork("", -1, 4, B),), pending_history=B)
    assert from_memory(adopted) == JournalHints(history=B)
    assert from_memory(replace(NEW, lineage=(A_TO_B,))) == JournalHints()
