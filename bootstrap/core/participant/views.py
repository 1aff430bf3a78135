"""The view that Galera has written to gvwstate.dat, compared in every round with the one that the live server is in.

Galera only warns when it cannot write the file (gcomm view.cpp, `ViewState::write_file`), and goes on.  The proof
`last-view` would take such a file for the last view of all.  So a file that contradicts the live server is removed:
that also works on a full disk.
"""

from dataclasses import replace
from typing import NamedTuple

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import Position, View, ViewCheckpoint
from bootstrap.core.model.facts import Server
from bootstrap.core.participant.effects import Note, RemoveView, Trouble
from bootstrap.core.participant.participant import Participant, Step

FALSE_ROUNDS = 2
"""After so many rounds a view is false: the file and the server's list of members do not change at the same moment."""


class LiveView(NamedTuple):
    """The members of the own component, as the live server names them (mysql.wsrep_cluster_members)."""

    my_uuid: str
    """The gcomm uuid of this server's run; empty outside of a group."""
    members: tuple[tuple[str, int | None], ...]
    """The gcomm uuid and the ordinal of each; None = no pod of this set, or a name that was cut."""

    @property
    def ordinals(self) -> frozenset[int]:
        """The ordinals of the members."""
        return frozenset(ordinal for _, ordinal in self.members if ordinal is not None)


class Seen(NamedTuple):
    """What a round has seen of the own server's view."""

    file: View | None = None
    """What gvwstate.dat says; None = nothing."""
    live: LiveView | None = None
    """What the server says; None = it did not answer."""
    applied: Position | None = None
    """What the server had certainly applied, while both said the same before and after; None = that is not known."""


def settled_server(p: Participant) -> Server | None:
    """The own server, if it is a member whose data are complete and whose join is closed."""
    server = p.lifecycle.primary_server
    return server if server and server.has_complete_data and not p.durable.joining_boot_id else None


def is_true(seen: Seen, server: Server) -> bool:
    """Whether file and server name the same members, this run of the server among them."""
    file, live = seen.file, seen.live
    if file is None or live is None or file.my_uuid != live.my_uuid:
        return False
    members = sorted(uuid for uuid, _ in live.members)
    return len(members) == server.size and members == sorted(file.members)


def is_contradicted(file: View, seen: Seen, server: Server) -> bool:
    """Whether the server says something else than the file; one that does not name its members counts them still."""
    if seen.live is None:
        return len(file.members) != server.size
    return not is_true(seen, server)


def needs_checkpoint(p: Participant, seen: Seen) -> bool:
    """Whether this view is true and has no checkpoint yet."""
    server, known = settled_server(p), p.durable.view_checkpoint
    if server is None or seen.file is None or not is_true(seen, server):
        return False
    return known is None or (known.view, known.position.uuid) != (seen.file.name, server.uuid)


def check_view(p: Participant, seen: Seen, state: PersistentState) -> Step[PersistentState]:
    """Note how far this volume has come in a true view, and remove a false one; answers what is to be remembered."""
    server, file = settled_server(p), seen.file
    if server is None or file is None or not is_contradicted(file, seen, server):
        p = p._replace(false_view_rounds=0)
        if seen.applied is None or file is None or not needs_checkpoint(p, seen):
            return p, state
        return p, replace(state, view_checkpoint=ViewCheckpoint(file.name, seen.applied))
    p = p._replace(false_view_rounds=min(p.false_view_rounds + 1, FALSE_ROUNDS))
    if p.false_view_rounds < FALSE_ROUNDS:
        return p, state
    failure = yield RemoveView(file.name)
    yield Trouble("a false view cannot be removed", failure)
    if not failure:
        yield Note("server", f"gvwstate.dat was not that of the {server.size} members: it is removed")
    known = state.view_checkpoint
    return p, replace(state, view_checkpoint=None if known and known.view == file.name else known)
