"""The faults of a soak, one function each; after each fault the pods come back to `size` members without help.

All random values come from the soak's dice, so that a seed and a number give the same fault again.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

import pymysql

from tests.faults import disk_shocks
from tests.faults.site import PATIENCE, Site
from tests.lab.slow import slow_sst, undo_slow_sst

SIZES = (3, 4, 5)
"""The numbers of members to scale to; below the configured replicas, an outage would wait for the missing pods."""


def kill_server(site: Site) -> None:
    site.draw_pod().kill_server()


def kill_servers(site: Site) -> None:
    for ordinal in site.ordinals:
        site.lab.pod(ordinal).kill_server()


def crash_server(site: Site) -> None:
    site.draw_pod().crash_server()


def crash_servers(site: Site) -> None:
    for ordinal in site.ordinals:
        site.lab.pod(ordinal).crash_server()


def kill_agents(site: Site) -> None:
    for ordinal in site.ordinals:
        site.lab.pod(ordinal).containers["agent"].kill()


def reboot_node(site: Site) -> None:
    site.draw_pod().reboot()


def cut_power(site: Site) -> None:
    site.cut_power()


def cut_power_twice(site: Site) -> None:
    """Cut the power again during the recovery from the first power cut."""
    site.cut_power()
    site.sleep_up_to(6)
    site.cut_power()


def kill_in_recovery(site: Site) -> None:
    """Kill the containers of one pod three times while all pods recover."""
    site.cut_power()
    for _ in range(3):
        site.sleep_up_to(3)
        site.draw_pod().kill_all()


def lose_nodes_in_turn(site: Site) -> None:
    """Let the nodes die one after another until none is left; all come back at once."""
    for ordinal in site.dice.sample(site.ordinals, site.size):
        site.lab.pod(ordinal).power_off()
        site.sleep_up_to(4)
    site.lab.start_all()


def stop_in_order(site: Site) -> None:
    """Stop all pods at once, as when the set is scaled to zero."""
    pods = [site.lab.pod(ordinal) for ordinal in site.ordinals]
    stops = [threading.Thread(target=pod.stop) for pod in pods]
    for stop in stops:
        stop.start()
    for stop in stops:
        stop.join()
    site.lab.start_all()


def replace_pods(site: Site) -> None:
    """Delete all pods by force: their volumes stay, everything else is new."""
    for ordinal in site.ordinals:
        site.lab.delete(ordinal, force=True)
    site.lab.up(site.size)


def cut_servers_off(site: Site) -> None:
    """Cut the servers of some pods off from all others for a while; their agents still hear each other."""
    cut_off = site.dice.sample(site.ordinals, site.dice.randint(1, site.size))
    for value in (1, 0):
        for ordinal in cut_off:
            with suppress(pymysql.Error, OSError):  # its agent may have stopped it
                site.lab.query(ordinal, f"SET GLOBAL wsrep_provider_options='gmcast.isolate={value}'")
        site.sleep_up_to(12 * value)


def pause_server(site: Site) -> None:
    pod = site.draw_pod()
    pod.pause("mysql")
    site.sleep_up_to(12)
    pod.resume("mysql")


def pause_agent(site: Site) -> None:
    """Pause an agent, sometimes while everything else recovers."""
    pod = site.draw_pod()
    if site.dice.random() < 0.5:
        site.cut_power()
        site.sleep_up_to(2)
    pod.pause("agent")
    site.sleep_up_to(12)
    pod.resume("agent")


def lose_volume(site: Site) -> None:
    """Lose one volume while the other members go on, and wait until they know the new volume.

    An outage before that would need a human.
    """
    pod = site.draw_pod()
    site.lose_node(pod)
    pod.wipe_volume()
    pod.start()
    others = [ordinal for ordinal in site.ordinals if site.lab.pod(ordinal) is not pod]
    site.lab.wait("the others know the new volume", lambda: all(_has_met(site, k, pod.name) for k in others), PATIENCE)


def cut_power_in_transfer(site: Site) -> None:
    """Lose a volume, then kill everything at a random moment of the transfer that fills it again."""
    for ordinal in site.ordinals:
        slow_sst(site.lab.pod(ordinal), 8000)
    lose_volume(site)
    site.sleep_up_to(5)
    site.cut_power()
    for ordinal in site.ordinals:
        undo_slow_sst(site.lab.pod(ordinal))


def hide_name(site: Site) -> None:
    """Cut the power, and add the name of one pod to DNS later than those of the others."""
    late = site.draw_pod()
    site.lab.nameserver.withdraw(late.name)
    site.cut_power()
    site.sleep_up_to(6)
    site.lab.nameserver.publish(late.name, late.ip)


def take_dns_away(site: Site) -> None:
    """Cut the power; the agent of one pod has no DNS when it comes back, and peer-finder has."""
    pod = site.draw_pod()
    pod.extra_env["GALERA_BOOTSTRAP_NAMESERVER"] = site.lab.layout.dead_nameserver
    site.cut_power()
    site.sleep_up_to(8)
    pod.extra_env.clear()
    pod.containers["agent"].kill()


def cut_power_in_ddl(site: Site) -> None:
    """Kill everything while a table is altered."""
    ordinal = site.dice.randrange(site.size)

    def change() -> None:
        with suppress(pymysql.Error, OSError):
            site.lab.query(ordinal, *statements, seconds=20)

    name = f"{site.lab.layout.read_secret('database')}.changed"
    add = f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS c{site.dice.randrange(10**6)} INT, FORCE"
    statements = (f"CREATE TABLE IF NOT EXISTS {name} (id INT PRIMARY KEY) ENGINE=InnoDB", *[add] * 5)
    thread = threading.Thread(target=change)
    thread.start()
    site.sleep_up_to(1)
    site.cut_power()
    thread.join()


def scale(site: Site) -> None:
    """Scale up or down, and wait until no agent expects the deleted pods any more."""
    site.size = site.dice.choice(SIZES)
    site.lab.scale(site.size)
    site.lab.wait_synced(site.size, seconds=PATIENCE)
    site.lab.wait("the agents expect the new number of pods", lambda: _is_scaled(site), PATIENCE)


def _has_met(site: Site, ordinal: int, name: str) -> bool:
    """Whether a pod's agent has an answer from this pod; it then also remembers the pod's volume."""
    return next(member.answer for member in site.lab.read_status(ordinal).members if member.name == name) == "ok"


def _is_scaled(site: Site) -> bool:
    """Whether all agents expect as many pods as there should be."""
    return all(len(site.lab.read_status(ordinal).members) == site.size for ordinal in site.ordinals)


Shock = Callable[[Site], None]

SHOCKS: Mapping[str, Shock] = {
    "one server killed": kill_server,
    "all servers killed": kill_servers,
    "one server crashes": crash_server,
    "all servers crash": crash_servers,
    "all agents killed": kill_agents,
    "one node rebooted": reboot_node,
    "power cut": cut_power,
    "power cut twice": cut_power_twice,
    "pods killed in a recovery": kill_in_recovery,
    "nodes lost one after the other": lose_nodes_in_turn,
    "all stopped in order": stop_in_order,
    "all pods replaced": replace_pods,
    "a server stands still": pause_server,
    "an agent stands still": pause_agent,
    "a volume lost": lose_volume,
    "power cut in a transfer": cut_power_in_transfer,
    "a name missing": hide_name,
    "power cut in a DDL": cut_power_in_ddl,
    "scaled": scale,
    "servers cut off": cut_servers_off,
    "an agent without DNS": take_dns_away,
    "a view not written": disk_shocks.block_view,
    "a volume put back": disk_shocks.put_volume_back,
    "two volumes exchanged": disk_shocks.exchange_volumes,
    "a server that cannot start": disk_shocks.break_server,
    "a journal not written": disk_shocks.break_journal,
}
"""The name of each fault, as in the log and in docs/faults.md, and its function."""
