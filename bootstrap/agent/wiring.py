"""The agent's body: sockets, threads and the loop around its mind."""

import threading
import time
from collections.abc import Callable
from functools import partial

from bootstrap import __version__
from bootstrap.agent import join_progress, probe_server, probe_view, promises
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import ControlHandler
from bootstrap.agent.ports import Ports
from bootstrap.agent.recorder import Recorder
from bootstrap.agent.round import observe, run_round
from bootstrap.control import channel
from bootstrap.core.model.disk import Position, View
from bootstrap.core.model.facts import PodState
from bootstrap.datadir import inspection
from bootstrap.errors import BootstrapError, JournalUnwritableError, SettingInvalidError
from bootstrap.mariadb import client, pod_config
from bootstrap.network import protocol, server
from bootstrap.network.client import Client
from bootstrap.network.directory import Directory
from bootstrap.network.fanout import Peers
from bootstrap.secret_files import read_secrets
from bootstrap.settings import Settings
from bootstrap.storage import atomic, event_log, lock
from bootstrap.storage.layout import Layout

DECIDING_S = 0.25
"""Between two rounds while this pod waits for a decision."""

STARTING_S = 0.05
"""Between two looks at a server that is being bootstrapped."""

SETTLED_S = 2.0
"""Between two rounds while every member is alive and Primary."""


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run the agent for ever; raises BootstrapError for what an operator must change first."""
    secrets = read_secrets(settings.secrets_dir)
    channel.prepare_folder(settings.run_dir)
    directory = Directory.open(settings)
    boot = protocol.Membership(secrets.cluster_id, secrets.keys, settings.pod, boot_id="")
    neighbours = Peers(directory, Client(boot, settings.exchange_port))
    world = Ports(
        lock_is_free=lambda: lock_is_free(settings),
        server_status=lambda: client.read_status(settings.server_socket, secrets.agent_password),
        sync_volume=lambda: sync(settings),
        last_view=lambda: last_view(settings),
        applied_position=lambda: applied(settings, secrets.agent_password),
        stop_server=lambda: client.stop(settings.server_socket, secrets.agent_password),
        ask_states=neighbours.ask_states,
        ask_promises=neighbours.ask_promises,
        dns_ordinals=lambda: neighbours.dns_ordinals,
        log=say,
        fresh_addresses=neighbours.fresh_addresses,
    )
    only_agent(settings, say)
    agent = Agent(settings, secrets.cluster_id, world)
    agent.recorder, agent.version = chronicle(settings, say), __version__
    membership = protocol.Membership(secrets.cluster_id, secrets.keys, settings.pod, agent.boot_id)
    neighbours.client.membership, neighbours.client.state = membership, agent.news
    listen(settings, membership, agent)
    channel.Server(settings.agent_socket, ControlHandler(agent).serve)

    def changed() -> None:
        try:
            if settings.cnf.exists() and pod_config.write(settings, secrets.cluster_id, directory, agent.expected()):
                say(f"{settings.cnf} now lists the pods {sorted(agent.expected())}")
        except BootstrapError as exc:
            say(str(exc))
        agent.wake.set()

    neighbours.start_watching(changed)
    answer_probes(settings, agent)
    join_progress.watch(agent)
    agent.recorder.note("agent", f"agent of {settings.pod}, version {agent.version}, life {agent.boot_id}")
    keep_certificates_loaded(settings, secrets.agent_password, say)
    say(f"agent of {settings.pod} in {settings.service}.{settings.namespace}, life {agent.boot_id}")
    while True:
        agent.wake.clear()
        run_round(agent)
        rest(agent, pause(agent))


def chronicle(settings: Settings, say: Callable[[str], None]) -> Recorder:
    """What this volume has seen, and from now on written down in the background."""
    meta = Layout(settings.data_root).meta
    log, trouble = event_log.read(meta)
    told = Recorder(log)
    if trouble:
        say(f"the event log {meta / event_log.NAME} begins anew: {trouble}")
        told.note("lost", f"what was told before is not known: {trouble}")
    writer = event_log.Writer(meta, lambda: told.log, say)
    told.changed = writer.more.set
    writer.start()
    return told


def only_agent(settings: Settings, say: Callable[[str], None]) -> None:
    """Hold the volume's agent lock for this life: a second agent would void what the first one permits and promises.

    A pod that was deleted by force lives on beside its successor for as long as its server takes to end, and its agent
    ends after that: the next one waits, because a container that ends instead is started again later and later.
    On a volume that cannot be written no promise can be given in any case.
    """
    layout = Layout(settings.data_root)
    try:
        layout.meta.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = f"another agent lives on this volume ({layout.meta}): waiting for its end; two pods must not share one"
        lock.acquire_waiting(layout.agent_lock, None, lambda: say(told))
    except (OSError, JournalUnwritableError):
        return


def listen(settings: Settings, membership: protocol.Membership, agent: Agent) -> None:
    """Answer the other agents in the background; raises SettingInvalidError when the port is taken."""
    address = (settings.bind_address, settings.exchange_port)
    try:
        promise = partial(promises.answer_prepare, agent)
        answering = server.Server(address, membership, agent.pod_state, promise, agent.receive_news)
    except OSError as exc:
        raise SettingInvalidError(
            f"cannot listen on {address[0]} port {address[1]} ({exc.strerror}): is another agent running here?"
        ) from exc
    threading.Thread(target=answering.serve_forever, name="exchange", daemon=True).start()


def answer_probes(settings: Settings, agent: Agent) -> None:
    """Answer probes in the background; raises SettingInvalidError when the port is taken.

    Not without it: a probe that is answered by another program would be a lie.
    """
    address, port = settings.bind_address, settings.health_port
    if not port:
        return
    try:
        answering = probe_server.listen(address, port, partial(probe_view.take_view, agent))
    except OSError as exc:
        raise SettingInvalidError(
            f"cannot listen on {address} port {port} for probes ({exc.strerror}): set HEALTH_PORT, 0 for none"
        ) from exc
    threading.Thread(target=answering.serve_forever, name="health", daemon=True).start()


def keep_certificates_loaded(settings: Settings, password: str, say: Callable[[str], None]) -> None:
    """Have the server load its certificates whenever they are replaced, in the background."""
    if settings.tls_dir is None:
        return
    from bootstrap.mariadb import tls  # noqa: PLC0415  # OpenSSL's memory only where there is TLS

    def reload() -> str:
        return client.reload_certificates(settings.server_socket, password)

    threading.Thread(
        target=tls.keep_loaded, args=(settings.tls_dir, reload, say), name="certificates", daemon=True
    ).start()


def lock_is_free(settings: Settings) -> bool:
    """Whether nothing lives on the volume; what cannot be known is no."""
    try:
        return lock.is_free(Layout(settings.data_root).lock)
    except BootstrapError:
        return False


def sync(settings: Settings) -> str:
    """Make the volume durable; returns a reason where that failed."""
    try:
        atomic.sync_volume(settings.data_root)
    except OSError as exc:
        return f"{settings.data_root}: {exc.strerror}"
    return ""


def last_view(settings: Settings) -> View | None:
    """The view in gvwstate.dat; None where it cannot be read."""
    try:
        return inspection.read_last_view(Layout(settings.data_root))
    except OSError:
        return None


def applied(settings: Settings, password: str) -> Position | str:
    """How far the server has come, once the name of its view's file is durable; a reason where that is not known.

    Galera renames the file and does not sync its folder: a power cut could bring an older view back.
    """
    try:
        atomic.sync_folder(Layout(settings.data_root).data)
    except OSError as exc:
        return f"{settings.data_root}: {exc.strerror}"
    return client.read_applied_position(settings.server_socket, password)


def rest(agent: Agent, seconds: float) -> None:
    """Rest until the next round is due, or somebody wakes the agent.

    A server that is being bootstrapped is looked at more often, without asking the peers: they all wait for it.
    """
    due = time.monotonic() + seconds
    while agent.is_bootstrapping() and time.monotonic() < due:
        if agent.wake.wait(STARTING_S):
            return
        observe(agent)
        if not agent.is_bootstrapping():
            return
    agent.wake.wait(due - time.monotonic())


def pause(agent: Agent) -> float:
    """How long the loop rests: seldom when all is well, often while somebody waits or a joining mark is open."""
    states = [agent.pod_state(), *agent.peers.values()]
    settled = all(isinstance(s, PodState) and s.primary_server and not s.joining for s in states)
    return SETTLED_S if settled else DECIDING_S
