"""What a soak does to a lab, one function a fault; each leaves pods that come back to `size` members by themselves.

All draw from the soak's dice alone, so that a seed and a number give the same fault again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pymysql

from tests.lab.lab import Lab
from tests.lab.slow import full_speed, slow_sst

SIZES = (3, 4, 5)
"""Members that a set is scaled to; with fewer than its replicas it would wait for the others after an outage."""

PATIENCE = 300.0
"""Seconds that a recovery may take."""


@dataclass
class Site:
    """A lab, and how many members there should be."""

    lab: Lab
    dice: Random
    size: int = 3

    @property
    def ordinals(self) -> list[int]:
        return list(range(self.size))

    def one(self) -> int:
        """Some member."""
        return self.dice.randrange(self.size)

    def moment(self, most: float) -> None:
        """Some time, and the fault comes wherever that is."""
        time.sleep(self.dice.uniform(0, most))

    def power_cut(self) -> None:
        """Everything at once; then all pods in some order, at some distance."""
        self.lab.kill_everything()
        self.lab.start_all(self.dice.sample(self.ordinals, self.size), gap=self.dice.choice((0.0, 0.3, 2.0)))


def server_killed(site: Site) -> None:
    site.lab.pod(site.one()).kill_server()


def servers_killed(site: Site) -> None:
    for ordinal in site.ordinals:
        site.lab.pod(ordinal).kill_server()


def agents_killed(site: Site) -> None:
    for ordinal in site.ordinals:
        site.lab.pod(ordinal).containers["agent"].kill()


def node_rebooted(site: Site) -> None:
    site.lab.pod(site.one()).reboot()


def power_cut(site: Site) -> None:
    site.power_cut()


def power_cut_twice(site: Site) -> None:
    """The second one in the middle of the recovery from the first."""
    site.power_cut()
    site.moment(6)
    site.power_cut()


def killed_in_recovery(site: Site) -> None:
    """One pod's containers, three times, while all recover."""
    site.power_cut()
    for _ in range(3):
        site.moment(3)
        site.lab.pod(site.one()).kill_all()


def one_after_the_other(site: Site) -> None:
    """Nodes that die in turn, the last one alone; all come back at once."""
    for ordinal in site.dice.sample(site.ordinals, site.size):
        site.lab.pod(ordinal).power_off()
        site.moment(4)
    site.lab.start_all()


def stopped_in_order(site: Site) -> None:
    """All at once, as for a scaling to nothing."""
    pods = [site.lab.pod(ordinal) for ordinal in site.ordinals]
    stops = [threading.Thread(target=pod.stop) for pod in pods]
    for stop in stops:
        stop.start()
    for stop in stops:
        stop.join()
    site.lab.start_all()


def pods_replaced(site: Site) -> None:
    """All deleted by force: their volumes stay, everything else is new."""
    for ordinal in site.ordinals:
        site.lab.delete(ordinal, force=True)
    site.lab.up(site.size)


def server_stands_still(site: Site) -> None:
    pod = site.lab.pod(site.one())
    pod.pause("mysql")
    site.moment(12)
    pod.resume("mysql")


def agent_stands_still(site: Site) -> None:
    """Also while everything else recovers."""
    pod = site.lab.pod(site.one())
    if site.dice.random() < 0.5:
        site.power_cut()
        site.moment(2)
    pod.pause("agent")
    site.moment(12)
    pod.resume("agent")


def volume_lost(site: Site) -> None:
    """Of a cluster that lives on without it; before it knows the new one, only a human may go on after an outage."""
    pod = site.lab.pod(site.one())
    pod.power_off()
    pod.wipe_volume()
    site.lab.wait("the others without it", lambda: _size(site) == site.size - 1, PATIENCE)
    pod.start()
    others = [ordinal for ordinal in site.ordinals if site.lab.pod(ordinal) is not pod]
    site.lab.wait("they know the new one", lambda: all(_knows(site, k, pod.name) for k in others), PATIENCE)


def _size(site: Site) -> int:
    """Of the Primary Component that somebody lives in."""
    return max((s.cluster_size for s in site.lab.servers().values() if s is not None and s.is_primary), default=0)


def power_cut_in_a_transfer(site: Site) -> None:
    """A volume is lost, and everything dies somewhere in the transfer that fills it."""
    volume_lost_slowly(site)
    site.moment(5)
    site.power_cut()
    for ordinal in site.ordinals:
        full_speed(site.lab.pod(ordinal))


def volume_lost_slowly(site: Site) -> None:
    """A new member for whom the data take their time."""
    for ordinal in site.ordinals:
        slow_sst(site.lab.pod(ordinal), 8000)
    volume_lost(site)


def name_missing(site: Site) -> None:
    """After an outage one pod's name is in DNS only later."""
    late = site.lab.pod(site.one())
    site.lab.nameserver.withdraw(late.name)
    site.power_cut()
    site.moment(6)
    site.lab.nameserver.publish(late.name, late.ip)


def power_cut_in_ddl(site: Site) -> None:
    """Everything dies while a table is changed."""
    ordinal = site.one()

    def change() -> None:
        with suppress(pymysql.Error, OSError):
            site.lab.sql(ordinal, *statements, seconds=20)

    name = f"{site.lab.layout.secret('database')}.changed"
    add = f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS c{site.dice.randrange(10**6)} INT, FORCE"
    statements = (f"CREATE TABLE IF NOT EXISTS {name} (id INT PRIMARY KEY) ENGINE=InnoDB", *[add] * 5)
    thread = threading.Thread(target=change)
    thread.start()
    site.moment(1)
    site.power_cut()
    thread.join()


def scaled(site: Site) -> None:
    """More members or fewer; until nobody would wait any more, in an outage, for those that have gone."""
    site.size = site.dice.choice(SIZES)
    site.lab.scale(site.size)
    site.lab.wait_synced(site.size, seconds=PATIENCE)
    site.lab.wait("the end of expectations", lambda: all(_expects(site, k) for k in site.ordinals), PATIENCE)


def _knows(site: Site, ordinal: int, name: str) -> bool:
    """Whether a pod's agent has an answer of that one, and remembers its volume by then."""
    return next(member.answer for member in site.lab.status(ordinal).members if member.name == name) == "ok"


def _expects(site: Site, ordinal: int) -> bool:
    return len(site.lab.status(ordinal).members) == site.size


Shock = Callable[[Site], None]

SHOCKS: Mapping[str, Shock] = {
    "one server killed": server_killed,
    "all servers killed": servers_killed,
    "all agents killed": agents_killed,
    "one node rebooted": node_rebooted,
    "power cut": power_cut,
    "power cut twice": power_cut_twice,
    "pods killed in a recovery": killed_in_recovery,
    "nodes lost one after the other": one_after_the_other,
    "all stopped in order": stopped_in_order,
    "all pods replaced": pods_replaced,
    "a server stands still": server_stands_still,
    "an agent stands still": agent_stands_still,
    "a volume lost": volume_lost,
    "power cut in a transfer": power_cut_in_a_transfer,
    "a name missing": name_missing,
    "power cut in a DDL": power_cut_in_ddl,
    "scaled": scaled,
}
"""Fault -> what it does."""
