"""What the journal knows of a datadir: read here for the agent, which gives it to a starter, and for `inspect`."""

from bootstrap.core.decision.persistent_state import PersistentState, pending_fork
from bootstrap.core.model.disk import JournalHints, Position
from bootstrap.process.boot_id import is_same_boot


def from_memory(memory: PersistentState | None) -> JournalHints:
    """The hints in the journal's content; None = there is no journal yet."""
    if memory is None:
        return JournalHints()
    fork = pending_fork(memory)
    return JournalHints(
        joining=bool(memory.joining_boot_id),
        was_synced=bool(memory.history_uuid),
        same_boot=is_same_boot(memory.joining_boot_id),
        initialised=memory.initialised,
        base=Position(fork.parent, fork.seqno) if fork and fork.parent else None,
        history=memory.pending_history,
    )
