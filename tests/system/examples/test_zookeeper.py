"""The example of ZooKeeper: one ensemble at the first start and after every outage; an empty disk has no vote."""

import shutil
import socket
from collections.abc import Callable
from time import sleep

import pytest

from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.system.examples.conftest import Start

pytestmark = pytest.mark.examples

SECONDS = 120.0
"""The limit for an ensemble to form; it takes fifteen seconds without other load."""

PROGRAMS = "/usr/share/zookeeper/bin"


def client(lab: Lab, number: int, *words: str) -> str:
    """The output of ZooKeeper's client; empty when it fails."""
    return lab.run(number, "zookeeper", "zkCli.sh", "-server", "localhost:2181", *words)


def is_ready(lab: Lab, number: int) -> bool:
    """The result of the readiness probe."""
    probe = lab.pods[number].containers["zookeeper"].spec["readinessProbe"]["exec"]["command"]
    return lab.pods[number].containers["zookeeper"].run(*probe).returncode == 0


def is_electing(lab: Lab, number: int) -> bool:
    """Whether a member's server runs and takes part in elections: its port for them is open."""
    with socket.socket() as one:
        return one.connect_ex((lab.addresses[number], 3888)) == 0


def wait_formed(lab: Lab) -> None:
    """Wait until all three are in the quorum."""
    wait("three ready members", lambda: all(is_ready(lab, n) for n in range(3)), seconds=SECONDS)


def assert_no_quorum(lab: Lab, *numbers: int) -> None:
    """Check, for longer than an election takes, that these form no quorum, though there are enough of them."""
    for _ in range(6):
        assert not any(is_ready(lab, number) for number in numbers)
        sleep(1)


def make(lab: Start) -> Lab:
    """The first start; DNS shows only one member for a while."""
    ensemble = lab("zookeeper", "zkServer.sh", "java", path=PROGRAMS)
    ensemble.start(hidden=[1, 2])
    wait(
        "the waiting hook",
        lambda: "waiting for zookeeper-1 zookeeper-2" in ensemble.pods[0].log("decide"),
        seconds=SECONDS,
    )
    assert ensemble.pods[0].log("zookeeper") == ""
    ensemble.show()
    wait_formed(ensemble)
    return ensemble


@pytest.fixture(scope="module")
def ensemble(lab: Start) -> Lab:
    """An ensemble that every test leaves complete."""
    return make(lab)


def test_a_power_cut_gives_the_same_ensemble_with_its_data(ensemble: Lab) -> None:
    wait_formed(ensemble)
    client(ensemble, 1, "create", "/cut", "before the power cut")

    ensemble.power_cut()
    ensemble.start(hidden=[1, 2])
    wait("a server without its peers", lambda: ensemble.pods[0].log("zookeeper"), seconds=SECONDS)
    assert not is_ready(ensemble, 0)
    ensemble.show()

    wait_formed(ensemble)
    for number in range(3):
        assert "before the power cut" in client(ensemble, number, "get", "/cut")


def test_a_member_whose_volume_is_lost_gets_all_data(ensemble: Lab) -> None:
    wait_formed(ensemble)
    client(ensemble, 0, "create", "/loss", "before the loss")

    ensemble.power_cut(2)
    ensemble.lose_volume(2)
    ensemble.start(2)

    wait_formed(ensemble)
    assert "before the loss" in client(ensemble, 2, "get", "/loss")


def empty_by_hand(ensemble: Lab, number: int) -> None:
    """Delete the data; the rest of the volume stays."""
    shutil.rmtree(ensemble.claim(number) / "zookeeper" / "version-2")


@pytest.mark.parametrize("lose", [empty_by_hand, Lab.lose_volume])
def test_a_pod_with_an_empty_disk_does_not_vote_for_a_member_that_may_be_behind(
    ensemble: Lab, lose: Callable[[Lab, int], None]
) -> None:
    """The last write is only on zookeeper-1 and on the disk of zookeeper-0, and that disk is lost."""
    wait_formed(ensemble)
    ensemble.power_cut(2)
    wait("a quorum of two", lambda: is_ready(ensemble, 0) and is_ready(ensemble, 1), seconds=SECONDS)
    client(ensemble, 1, "create", f"/two-{lose.__name__}", "by two")

    ensemble.power_cut()
    lose(ensemble, 0)
    ensemble.start(0, 2)
    wait("both servers", lambda: is_electing(ensemble, 0) and is_electing(ensemble, 2), seconds=SECONDS)
    assert_no_quorum(ensemble, 0, 2)
    ensemble.start(1)

    wait_formed(ensemble)
    assert "by two" in client(ensemble, 0, "get", f"/two-{lose.__name__}")


def test_after_the_loss_of_the_quorum_no_second_ensemble_is_made(doomed: Lab) -> None:
    wait_formed(doomed)

    doomed.power_cut()
    doomed.lose_volume(0)
    doomed.lose_volume(1)
    doomed.start()

    wait("all servers", lambda: all(is_electing(doomed, number) for number in range(3)), seconds=SECONDS)
    assert_no_quorum(doomed, 0, 1, 2)
