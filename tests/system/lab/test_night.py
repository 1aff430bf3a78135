"""States that wake people up, made for real: the first screen of `status` has the cause and the next command."""

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.halves import may_mount
from tests.lab import report
from tests.lab.lab import Lab
from tests.lab.layout import write_more_options
from tests.lab.report import ReportFailedError
from tests.lab.small_disk import fill_up, leave_free, mount_small_disk
from tests.support.installed import require

pytestmark = pytest.mark.galera

SECONDS = 90.0
"""A generous bound for a status to show what has happened."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    require()
    with Lab() as lab:
        lab.up(3)
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """Three Synced members, before each test and after it: no state here costs data."""
    shared.wait_synced(3)
    yield shared
    shared.nameserver.is_silent = False
    for pod in shared.pods.values():
        if pod.extra_env:
            pod.power_off()
            pod.extra_env.clear()
    shared.start_all()
    shared.wait_synced(3)


def read_status(lab: Lab, ordinal: int) -> str:
    """Read the status with its lines joined, as words that wrap are looked for."""
    try:
        return " ".join(report.run(lab.pod(ordinal), "galera-bootstrap", "status").split())
    except ReportFailedError as exc:
        return str(exc)


def wait_for_words(lab: Lab, ordinal: int, *words: str, never: tuple[str, ...] = ()) -> str:
    """Wait until a pod's status has all these words; returns it, which must not have the others."""
    lab.wait(
        f"mysql-{ordinal} shows {words}; at first {read_status(lab, ordinal)}",
        lambda: all(word in read_status(lab, ordinal) for word in words),
        SECONDS,
    )
    found = read_status(lab, ordinal)
    assert not [word for word in never if word in found], found
    return found


OVERRIDES = ("galera-bootstrap force", "galera-bootstrap discard", "galera-bootstrap adopt")


def restart(lab: Lab, ordinal: int, **settings: str) -> None:
    """Restart a pod with other settings."""
    pod = lab.pod(ordinal)
    pod.stop()
    pod.extra_env.update({f"GALERA_BOOTSTRAP_{name}": value for name, value in settings.items()})
    pod.start()


def copy_secrets(lab: Lab, tmp_path: Path) -> Path:
    """Copy the Secret for one pod."""
    folder = tmp_path / "secrets"
    shutil.copytree(lab.layout.secrets, folder)
    lab.layout.runtime.share(folder, 0o2750)
    for path in folder.iterdir():
        lab.layout.runtime.share(path, 0o440)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    return folder


def test_a_healthy_cluster_says_so(lab: Lab) -> None:
    wait_for_words(lab, 0, "HEALTHY for", ": 3 of 3 Synced", never=("kubectl", "why", "do "))


def test_a_member_that_is_off(lab: Lab) -> None:
    lab.pod(2).power_off()
    wait_for_words(
        lab, 0,
        "DEGRADED for", "2 of 3 Synced; mysql-2 does not answer", "1. bring mysql-2 back",
        "kubectl -n lab describe pod mysql-2", "not delete claims",
        never=OVERRIDES,
    )  # fmt: skip


def test_a_server_that_hangs(lab: Lab) -> None:
    """Nothing of it goes on by itself, and its agent is well."""
    lab.pod(1).pause("mysql")
    try:
        hangs, look = "the server of mysql-1 does not answer", "kubectl -n lab logs mysql-1 -c mysql"
        wait_for_words(lab, 1, hangs, "1. look at this pod's server", look, never=("by itself", *OVERRIDES))
        wait_for_words(lab, 0, hangs, "1. look at the server of mysql-1", look, never=("by itself", *OVERRIDES))
    finally:
        lab.pod(1).resume("mysql")


def test_a_volume_that_fills_while_all_is_well(lab: Lab, tmp_path: Path) -> None:
    lab.pod(1).power_off()
    with mount_small_disk(lab.pod(1).folders.volume, tmp_path / "image", 600) as filler:
        lab.pod(1).start()
        lab.wait_synced(3)
        wait_for_words(lab, 1, "HEALTHY for", never=("nearly full",))
        leave_free(filler, 30 << 20)
        full = ("HEALTHY for", "1. the volume of mysql-1 is nearly full", "MiB are free", "enlarge its claim", "du -sh")
        wait_for_words(lab, 1, *full, never=OVERRIDES)
        wait_for_words(lab, 0, *full, never=OVERRIDES)
        filler.unlink()
        lab.wait("there is room again", lambda: "nearly full" not in read_status(lab, 0), SECONDS)
        lab.pod(1).power_off()


def test_a_full_outage_in_which_one_stays_away(lab: Lab) -> None:
    lab.kill_everything()
    lab.start_all([0, 1])
    wait_for_words(
        lab, 1,
        "UNCERTAIN for", "mysql-1 waits for mysql-2", "[all-heard]", "kubectl -n lab describe pod mysql-2",
        "messages/waiting.md#all-heard",
        never=("goes on by itself", *OVERRIDES),
    )  # fmt: skip


def test_a_member_with_another_key(lab: Lab, tmp_path: Path) -> None:
    """Each side would see the other as silent, and each side would be sent to `force`: that makes two clusters."""
    folder = copy_secrets(lab, tmp_path)
    (folder / "exchange-key").write_text("another-key-of-the-agents")
    restart(lab, 2, SECRETS_DIR=str(folder))
    words = ("it does not accept our key", "sha256sum", "exchange-key", "force or discard anything: mysql-")
    wait_for_words(lab, 2, "mysql-0 answers, but", "mysql-1 answers, but", *words, never=OVERRIDES)
    wait_for_words(lab, 0, "mysql-2 answers, but it does not accept our key", "sha256sum", never=OVERRIDES)


def test_a_name_server_that_is_gone(lab: Lab) -> None:
    lab.pod(1).stop()
    lab.nameserver.is_silent = True
    lab.pod(1).start()
    wait_for_words(
        lab, 1,
        "1. look at the cluster's DNS", "peer-finder doctor galera",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns", "kubectl -n lab logs mysql-1 -c bootstrap",
        never=OVERRIDES,
    )  # fmt: skip
    # The members remember each other's addresses, and nothing else there shows it.
    blind = ("1. look at the cluster's DNS", "mysql-0", "mysql-2 cannot look the others up", "finds nobody")
    wait_for_words(lab, 0, *blind, "peer-finder doctor galera", never=OVERRIDES)


def test_a_server_without_a_free_connection(lab: Lab) -> None:
    """Its agent has one, so it is ready, and no client can connect."""
    lab.query(1, "SET GLOBAL max_connections=10")
    with contextlib.ExitStack() as stack:

        def is_shown() -> bool:
            for _ in range(20):
                stack.enter_context(socket.create_connection((lab.pod(1).ip, 3306), timeout=5))
            return "see who is connected to mysql-1: all 10 connections are taken" in read_status(lab, 0)

        lab.wait("the full server is named", is_shown, SECONDS)
        words = ("HEALTHY for", "3 of 3 Synced", "SHOW PROCESSLIST", "exec mysql-1 -c mysql")
        assert not [word for word in words if word not in read_status(lab, 0)]
    lab.wait("it has room again", lambda: "see who" not in read_status(lab, 0), SECONDS)
    lab.wait("a connection", lambda: lab.query(1, "SELECT 1") == [(1,)], SECONDS)
    lab.query(1, "SET GLOBAL max_connections=151")


def test_a_program_of_the_image_is_missing(lab: Lab) -> None:
    restart(lab, 1, MARIADBD="/nowhere/mariadbd")
    wait_for_words(
        lab, 0, "mysql-1 cannot start: its container bootstrap fails: cannot run /nowhere/mariadbd",
        "kubectl -n lab logs mysql-1 -c bootstrap", never=("goes on by itself", *OVERRIDES),
    )  # fmt: skip
    wait_for_words(
        lab, 1, "the container bootstrap has failed", "cannot run /nowhere/mariadbd", "logs mysql-1 -c bootstrap",
        never=("goes on by itself", *OVERRIDES),
    )  # fmt: skip


def test_keys_of_the_secret_are_missing(lab: Lab, tmp_path: Path) -> None:
    folder = copy_secrets(lab, tmp_path)
    (folder / "root-password").unlink()
    restart(lab, 1, SECRETS_DIR=str(folder))
    wait_for_words(lab, 1, "root-password is missing or empty: fill in the key of the Secret", never=OVERRIDES)


def test_a_typing_error_in_the_options_of_one(lab: Lab) -> None:
    pod = lab.pod(1)
    pod.stop()
    write_more_options(pod, "[mysqld]\ninnodb_bufer_pool_size=64M\n")
    pod.start()
    words = ("unknown variable 'innodb_bufer_pool_size=64M'", "zz-fault.cnf:2", "[options]")
    try:
        wait_for_words(lab, 1, "stopped, holds", *words, "correct the option", never=OVERRIDES)
        wait_for_words(lab, 0, "mysql-1 holds, and needs a human", *words[:2], never=("by itself", *OVERRIDES))
    finally:
        write_more_options(pod, "")


def test_a_port_of_the_server_is_taken(lab: Lab) -> None:
    """The server ends again and again, and its agent cannot see why."""
    pod = lab.pod(1)
    pod.stop()
    with socket.create_server((pod.ip, 4567)):
        pod.start()
        wait_for_words(
            lab, 1, "the server has ended", "times in", "kubectl -n lab logs mysql-1 -c mysql --previous",
            never=OVERRIDES,
        )  # fmt: skip
        wait_for_words(
            lab, 0, "mysql-1 cannot start: its server has ended", "kubectl -n lab logs mysql-1 -c mysql",
            never=("goes on by itself", *OVERRIDES),
        )  # fmt: skip


@may_mount
def test_a_full_disk_after_a_power_cut(lab: Lab, tmp_path: Path) -> None:
    lab.pod(1).power_off()
    with mount_small_disk(lab.pod(1).folders.volume, tmp_path / "image", 400) as filler:
        fill_up(filler)
        lab.pod(1).start()
        wait_for_words(
            lab, 1, "stopped, holds", "make room for at least", "[room]", "df -h", "get pvc", never=OVERRIDES
        )
        wait_for_words(lab, 0, "mysql-1 holds, and needs a human", "make room for at least", never=OVERRIDES)
        filler.unlink()
        lab.wait_synced(3)
        lab.pod(1).power_off()


def test_two_volumes_are_swapped(lab: Lab) -> None:
    lab.kill_everything()
    swap(lab, 1, 2)
    lab.start_all()
    wait_for_words(
        lab,
        1,
        "mysql-1 holds",
        "is of mysql-2",
        "kubectl -n lab get pvc",
        "messages/holds-volume.md#own-disk-hold",
        never=OVERRIDES,
    )
    wait_for_words(
        lab, 0, "mysql-1 holds, and needs a human", "mysql-2 holds, and needs a human", "exec mysql-1 -c agent",
        never=("goes on by itself", *OVERRIDES),
    )  # fmt: skip
    lab.kill_everything()
    swap(lab, 1, 2)


def swap(lab: Lab, one: int, other: int) -> None:
    first, second = lab.pod(one).folders.volume, lab.pod(other).folders.volume
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def test_a_member_has_lost_its_volume_in_a_full_outage(lab: Lab) -> None:
    lab.kill_everything()
    kept = lab.pod(1).folders.volume.with_name("kept")
    lab.pod(1).folders.volume.rename(kept)
    lab.start_all()
    wait_for_words(
        lab, 0, "DOWN for", "mysql-0 holds", "[replaced-volume]", "kubectl -n lab get pvc",
        "only if what is missing is given up", "galera-bootstrap force", "messages/holds-outage.md#replaced-volume",
    )  # fmt: skip
    lab.kill_everything()
    shutil.rmtree(lab.pod(1).folders.volume)
    kept.rename(lab.pod(1).folders.volume)


def test_more_replicas_in_the_settings_than_in_the_set(lab: Lab) -> None:
    restart(lab, 0, REPLICAS="5")
    wait_for_words(
        lab, 0,
        "3 of 5 Synced", "mysql-3, mysql-4 was never a member", "GALERA_BOOTSTRAP_REPLICAS is above",
        "kubectl -n lab get statefulset mysql",
        never=OVERRIDES,
    )  # fmt: skip
