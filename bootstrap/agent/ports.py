"""What an agent can see and do outside of itself, as functions, and the real ones.

So tests can run several agents against each other in one process, over a network that loses and delays.
"""

from collections.abc import Callable
from typing import NamedTuple

from bootstrap.core.model.disk import NO_VERSIONS, Position, Versions, View
from bootstrap.core.model.facts import PodState, Server
from bootstrap.core.model.messages import PodNote, Prepare, PrepareReply
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant.views import LiveView
from bootstrap.core.status.events import EventsReply
from bootstrap.core.status.metrics.server_load import NOTHING_KNOWN, Load
from bootstrap.datadir import last_view, provenance
from bootstrap.errors import BootstrapError
from bootstrap.mariadb import client
from bootstrap.network.fanout import Peers
from bootstrap.process.log import Log
from bootstrap.settings import Settings
from bootstrap.storage import atomic, lock
from bootstrap.storage.layout import Layout

Answer = PrepareReply | Unknown


class Ports(NamedTuple):
    """The functions; each may take time, none may raise."""

    lock_is_free: Callable[[], bool]
    """Probe the volume's lock; False when that cannot be known."""
    server_status: Callable[[], Server | str]
    """Ask the local server; a reason if it does not answer."""
    ask_states: Callable[[list[str]], dict[str, PodState | Unknown]]
    """Ask these pods for their states, all at once."""
    ask_promises: Callable[[dict[str, Prepare]], dict[str, Answer]]
    """Ask these pods to promise, all at once."""
    sync_volume: Callable[[], str]
    """Make the whole volume durable; a reason if that failed."""
    last_view: Callable[[], View | None]
    """The last Primary view that the local server has written to its disk."""
    applied_position: Callable[[], Position | str]
    """The position that the local server has certainly applied, with its view's file durable; a reason if unknown."""
    live_view: Callable[[], LiveView | None]
    """The members of the own component, as the local server names them; None if it does not answer."""
    remove_view: Callable[[str], str]
    """Remove gvwstate.dat if it still has the view of this name; a reason if that failed."""
    stop_server: Callable[[], str]
    """Stop the local server in order; a reason if that failed."""
    dns_ordinals: Callable[[], frozenset[int] | None]
    """The ordinals that DNS showed last; None = it has not answered yet."""
    log: Log
    """Log one line."""
    dns_trouble: Callable[[], str] = str
    """Why the last lookups of the Service have failed; empty = they have not."""
    ask_notes: Callable[[list[str]], dict[str, PodNote | Unknown]] = lambda _: {}
    """Ask these pods what they say to humans, all at once."""
    ask_events: Callable[[list[str]], dict[str, EventsReply | Unknown]] = lambda _: {}
    """Ask these pods what has happened there, all at once."""
    take_volume: Callable[[], str] = str
    """Take the volume's agent lock, if this run does not have it yet; a reason if it is not to be had."""
    full_server: Callable[[], client.Full | None] = lambda: None
    """Whether the local server has no connection left for the agent, and its state before that."""
    server_load: Callable[[], Load] = lambda: NOTHING_KNOWN
    """What the local server has reported of its work when it was asked for its state last; does not wait."""
    versions: Callable[[], Versions] = lambda: NO_VERSIONS
    """The series of the server that was started last on this volume, and of the system tables."""
    fresh_addresses: Callable[[], dict[str, str]] = dict
    """The addresses of pods that were looked up just now."""


def open_ports(settings: Settings, server: client.LocalServer, peers: Peers, log: Log) -> Ports:
    """Return the real functions of this pod."""
    layout = Layout(settings.data_root)
    return Ports(
        lock_is_free=lambda: is_lock_free(layout),
        server_status=server.read_status,
        ask_states=peers.ask_states,
        ask_promises=peers.ask_promises,
        sync_volume=lambda: sync_volume(layout),
        last_view=lambda: read_last_view(layout),
        applied_position=lambda: read_applied_position(layout, server),
        live_view=lambda: read_live_view(settings, server),
        remove_view=lambda name: remove_view(layout, name),
        stop_server=server.stop,
        dns_ordinals=lambda: peers.dns_ordinals,
        dns_trouble=lambda: peers.dns_trouble,
        log=log,
        ask_notes=peers.ask_notes,
        ask_events=peers.ask_events,
        fresh_addresses=peers.fresh_addresses,
        full_server=lambda: server.full,
        server_load=lambda: server.load,
        versions=lambda: provenance.read_versions(layout.data, layout.meta),
    )


def is_lock_free(layout: Layout) -> bool:
    """Whether nothing lives on the volume; False when that cannot be known."""
    try:
        return lock.is_free(layout.lock)
    except BootstrapError:
        return False


def sync_volume(layout: Layout) -> str:
    """Make the volume durable; returns a reason if that failed."""
    try:
        atomic.sync_volume(layout.data_root)
    except OSError as exc:
        return f"{layout.data_root}: {exc.strerror}"
    return ""


def read_last_view(layout: Layout) -> View | None:
    """Read the view in gvwstate.dat; None when it cannot be read."""
    try:
        return last_view.read_last_view(layout)
    except OSError:
        return None


def read_live_view(settings: Settings, server: client.LocalServer) -> LiveView | None:
    """Ask the local server for its members; None if there is no answer."""
    members = server.read_members()
    if isinstance(members, str):
        return None
    own, rows = members
    pods = ((uuid, settings.ordinal_of(name) if len(name) < client.MAX_NAME else None) for uuid, name in rows)
    return LiveView(own, tuple(pods))


def remove_view(layout: Layout, name: str) -> str:
    """Remove gvwstate.dat if it still has this view; returns a reason if that failed."""
    try:
        view = last_view.read_last_view(layout)
        if view is not None and view.name == name:
            layout.gvwstate.unlink(missing_ok=True)
            atomic.sync_folder(layout.data)
    except OSError as exc:
        return f"{layout.data}: {exc.strerror}"
    return ""


def read_applied_position(layout: Layout, server: client.LocalServer) -> Position | str:
    """Read how far the server has come, once the name of its view's file is durable; a reason if that is unknown.

    Galera renames the file and does not sync its folder: a power cut could bring an older view back.
    """
    try:
        atomic.sync_folder(layout.data)
    except OSError as exc:
        return f"{layout.data_root}: {exc.strerror}"
    return server.read_applied_position()
