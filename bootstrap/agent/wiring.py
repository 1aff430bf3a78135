"""Wires the agent to sockets, threads and its loop."""

import threading
import time
from datetime import UTC, datetime
from functools import partial

from bootstrap import __version__
from bootstrap.agent import join_progress, probe_server
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import ControlHandler
from bootstrap.agent.ports import open_ports
from bootstrap.agent.recorder import Recorder, format_time
from bootstrap.agent.round import observe, run_round
from bootstrap.control import channel
from bootstrap.core.model.facts import PodState
from bootstrap.datadir import usage
from bootstrap.errors import BootstrapError, SettingInvalidError
from bootstrap.mariadb import client, pod_config
from bootstrap.network import protocol, server
from bootstrap.network.client import Client
from bootstrap.network.directory import Directory
from bootstrap.network.fanout import Peers
from bootstrap.process.log import Log
from bootstrap.secret_files import AgentSecrets, read_agent_secrets
from bootstrap.settings import Settings
from bootstrap.storage import event_log
from bootstrap.storage.agent_lock import AgentLock
from bootstrap.storage.layout import Layout

DECIDING_S = 0.25
"""Between two rounds while this pod waits for a decision."""

STARTING_S = 0.05
"""Between two observations of a server that is being bootstrapped."""

SETTLED_S = 2.0
"""Between two rounds while every member is alive and Primary."""


def serve(settings: Settings, log: Log) -> None:
    """Run the agent without end; raises BootstrapError for what a human must change first."""
    # Before anything else of this pod can write there.
    written = usage.last_written(Layout(settings.data_root).data)
    secrets = read_agent_secrets(settings.secrets)
    channel.prepare_folder(settings.run_dir)
    directory = Directory.open(settings)
    nobody_yet = protocol.Membership(secrets.cluster_id, secrets.keys, settings.pod, run_id="")
    peers = Peers(directory, Client(nobody_yet, settings.exchange_port))
    agent_lock = AgentLock(Layout(settings.data_root))
    agent_lock.wait(log)
    local = client.LocalServer(settings.server_socket, secrets.agent_password)
    ports = open_ports(settings, local, peers, log)
    agent = Agent(settings, secrets.cluster_id, ports._replace(take_volume=agent_lock.take))
    agent.recorder, agent.version = open_recorder(settings, log), __version__
    # Before any other event of this run: what the pod saw before it was of another run.
    note_start(agent, written)
    membership = protocol.Membership(secrets.cluster_id, secrets.keys, settings.pod, agent.run_id)
    peers.client.membership, peers.client.state = membership, agent.news
    answer_peers(settings, membership, agent)
    channel.Server(settings.agent_socket, ControlHandler(agent).serve)
    peers.start_watching(partial(follow_dns, agent, directory, secrets))
    answer_probes(settings, agent)
    join_progress.watch(agent)
    keep_certificates_loaded(agent, local, log)
    log(f"agent of {settings.pod} in {settings.service}.{settings.namespace}, run {agent.run_id}")
    while True:
        agent.wake.clear()
        run_round(agent)
        rest(agent, seconds_to_rest(agent))


def open_recorder(settings: Settings, log: Log) -> Recorder:
    """Return a recorder with the events of this volume, whose new events are written in the background."""
    meta = Layout(settings.data_root).meta
    events, trouble = event_log.read(meta)
    recorder = Recorder(events)
    if trouble:
        log(f"the event log {meta / event_log.NAME} starts empty: {trouble}")
        recorder.note("lost", f"earlier events are lost: {trouble}")
    writer = event_log.Writer(meta, lambda: recorder.log, log)
    recorder.changed = writer.more.set
    writer.start()
    return recorder


def note_start(agent: Agent, written: float | None) -> None:
    """Add the event of this start, with when the data were last written: so long the server before it has lived."""
    word = "" if written is None else format_time(datetime.fromtimestamp(written, UTC))
    agent.recorder.note("agent", f"agent of {agent.settings.pod}, version {agent.version}, run {agent.run_id}", word)


def follow_dns(agent: Agent, directory: Directory, secrets: AgentSecrets) -> None:
    """DNS shows other pods than before: write them to my-galera.cnf, and begin a round."""
    cnf, ordinals = agent.settings.cnf, agent.expected()
    try:
        if cnf.exists() and pod_config.write(agent.settings, secrets.cluster_id, directory, ordinals):
            agent.ports.log(f"{cnf} now lists the pods {sorted(ordinals)}")
    except BootstrapError as exc:
        agent.ports.log(str(exc))
    agent.wake.set()


def answer_peers(settings: Settings, membership: protocol.Membership, agent: Agent) -> None:
    """Answer the other agents in the background; raises SettingInvalidError when the port is taken."""
    address = (settings.bind_address, settings.exchange_port)
    try:
        answers = server.Answers(
            agent.pod_state,
            agent.answer_prepare,
            agent.hear_question,
            agent.note,
            partial(agent.recorder.answer_events, protocol.MAX_BODY // 2),
        )
        listener = server.Server(address, membership, answers)
    except OSError as exc:
        raise SettingInvalidError(
            f"cannot listen on {address[0]} port {address[1]} ({exc.strerror}): is another agent running here?"
        ) from exc
    threading.Thread(target=listener.serve_forever, name="exchange", daemon=True).start()


def answer_probes(settings: Settings, agent: Agent) -> None:
    """Answer probes in the background.

    Raises SettingInvalidError when the port is taken: another program would answer the kubelet in the agent's place.
    """
    address, port = settings.bind_address, settings.health_port
    if not port:
        return
    try:
        listener = probe_server.listen(address, port, partial(probe_server.take_view, agent))
    except OSError as exc:
        raise SettingInvalidError(
            f"cannot listen on {address} port {port} for probes ({exc.strerror}): set HEALTH_PORT, 0 for none"
        ) from exc
    threading.Thread(target=listener.serve_forever, name="health", daemon=True).start()


def keep_certificates_loaded(agent: Agent, local: client.LocalServer, log: Log) -> None:
    """Have the server load its certificates whenever they are replaced, in the background."""
    folder = agent.settings.tls_dir
    if folder is None:
        return
    from bootstrap.mariadb import tls  # noqa: PLC0415  # OpenSSL's memory only where there is TLS

    def load() -> str:
        agent.recorder.certificate_until = tls.read_end(folder)
        return local.reload_certificates()

    arguments = folder, load, log
    threading.Thread(target=tls.keep_loaded, args=arguments, name="certificates", daemon=True).start()


def rest(agent: Agent, seconds: float) -> None:
    """Rest until the next round is due, or until something wakes the agent.

    A server that is being bootstrapped is observed more often, without asking the peers: all of them wait for it.
    """
    due = time.monotonic() + seconds
    while agent.is_bootstrapping() and time.monotonic() < due:
        if agent.wake.wait(STARTING_S):
            return
        observe(agent)
        if not agent.is_bootstrapping():
            return
    agent.wake.wait(due - time.monotonic())


def seconds_to_rest(agent: Agent) -> float:
    """How long the loop rests: long when all is well, short while a pod waits or a join is open."""
    states = [agent.pod_state(), *agent.peers.values()]
    is_settled = all(isinstance(s, PodState) and s.primary_server and not s.joining for s in states)
    return SETTLED_S if is_settled else DECIDING_S
