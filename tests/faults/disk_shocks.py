"""Faults of a soak by what is on the volumes: D16, D17, D18 and D23 of docs/faults.md at random.

As in `shocks`, no pod needs a human in the end.
"""

import shutil
from contextlib import suppress

from tests.faults.site import PATIENCE, Site
from tests.lab import user
from tests.lab.pod import Pod


def block_view(site: Site) -> None:
    """Lose a node; the others cannot write the view in which it comes back, and then the power is cut."""
    pod = site.draw_pod()
    site.lose_node(pod)
    others = [site.lab.pod(ordinal) for ordinal in site.ordinals if site.lab.pod(ordinal) is not pod]
    in_the_way = [other.folders.volume / "data" / "gvwstate.dat.tmp" for other in others]
    for path in in_the_way:
        path.mkdir()
    pod.start()
    site.lab.wait_synced(site.size, PATIENCE)
    site.sleep_up_to(3)
    site.cut_power()
    site.sleep_up_to(6)
    for path in in_the_way:
        with suppress(FileNotFoundError):  # a full copy may have replaced the datadir
            path.rmdir()


def put_volume_back(site: Site) -> None:
    """Put a volume back to an earlier state, with its journal, while the others go on or before the power is cut.

    What was acknowledged through this pod, the others have received by then.
    """
    pod = site.draw_pod()
    older = pod.folders.root / "older"
    pod.power_off()
    pod.copy_volume(older)
    pod.start()
    site.lab.wait_synced(site.size, PATIENCE)
    site.sleep_up_to(5)
    site.lose_node(pod)
    pod.attach_copy(older)
    shutil.rmtree(older)
    if site.dice.random() < 0.5:
        site.cut_power()
    else:
        pod.start()


def exchange_volumes(site: Site) -> None:
    """Exchange two volumes in an outage, see that nothing starts, and exchange them again."""
    one, other = (site.lab.pod(ordinal) for ordinal in site.dice.sample(site.ordinals, 2))
    site.lab.kill_everything()
    _exchange(one, other)
    site.lab.start_all(site.dice.sample(site.ordinals, site.size))
    site.sleep_up_to(10)
    assert site.read_size() == 0, "a server has started beside volumes of other pods"
    for pod in (one, other):
        pod.power_off()
    _exchange(one, other)
    site.lab.start_all()


def _exchange(one: Pod, other: Pod) -> None:
    aside = one.folders.root / "aside"
    one.folders.volume.rename(aside)
    other.folders.volume.rename(one.folders.volume)
    aside.rename(other.folders.volume)


def break_server(site: Site) -> None:
    """Lose a node, then cut the power; the lost pod answers again, but its server cannot be found for a while."""
    pod = site.draw_pod()
    site.lose_node(pod)
    site.sleep_up_to(3)
    pod.extra_env["GALERA_BOOTSTRAP_MARIADBD"] = "/nowhere/mariadbd"
    site.cut_power()
    site.sleep_up_to(15)
    pod.power_off()
    pod.extra_env.clear()
    pod.start()


def break_journal(site: Site) -> None:
    """Lose a node, then cut the power; the lost pod answers again, but it cannot write its journal for a while."""
    pod = site.draw_pod()
    site.lose_node(pod)
    site.sleep_up_to(3)
    meta = pod.folders.volume / "meta"
    meta.chmod(0o500 if user.may_test_permissions() else 0o700)
    site.cut_power()
    site.sleep_up_to(15)
    meta.chmod(0o700)
