"""What once needed a human without need: a pod that is shown to hold nothing newer is not waited for, and more."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import user
from tests.lab.lab import Lab
from tests.lab.layout import PROVIDER_OPTIONS
from tests.lab.pod import Pod

pytestmark = pytest.mark.galera

SLOWEST_TO_EVICT = f"{PROVIDER_OPTIONS};evs.suspect_timeout=PT30S;evs.inactive_timeout=PT60S;evs.install_timeout=PT60S"


@contextmanager
def break_server(pod: Pod) -> Iterator[None]:
    """Let the pod's server not be found: its agent answers, and its containers never get further."""
    pod.extra_env["GALERA_BOOTSTRAP_MARIADBD"] = "/nowhere/mariadbd"
    yield
    pod.power_off()
    pod.extra_env.clear()


@contextmanager
def break_journal(pod: Pod) -> Iterator[None]:
    """Let the journal not be written: the pod answers, and promises nothing."""
    if not user.may_test_permissions():
        pytest.skip("NOT TESTED: root may not make user namespaces here, so permissions have no effect on a pod")
    meta = pod.folders.volume / "meta"
    meta.chmod(0o500)
    yield
    meta.chmod(0o700)


@pytest.mark.D23
@pytest.mark.parametrize("fault", [break_server, pytest.param(break_journal, marks=full)])
def test_a_pod_that_answers_and_cannot_start_is_not_waited_for_if_it_was_lost_before(
    cluster: Cluster, fault: Callable[[Pod], AbstractContextManager[None]]
) -> None:
    lab = cluster.lab
    third = lab.pod(2)
    third.power_off()
    cluster.wait_until_left(0, 1)
    cluster.cut_power_of(0, 1)
    with fault(third):
        lab.start_all()
        lab.wait("the two members of the last view start", lambda: cluster.are_synced(0, 1))
    lab.start_all()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@pytest.mark.D23
def test_the_last_member_does_not_wait_for_a_lost_pod_if_the_other_one_was_stopped_before(cluster: Cluster) -> None:
    """One node is lost, the second is drained, the third dies; the lost one is silent."""
    lab = cluster.lab
    lab.pod(2).power_off()
    cluster.wait_until_left(0, 1)
    lab.pod(1).stop()
    cluster.wait_until_left(0)
    cluster.write(100, through=(0,))
    lab.pod(0).power_off()
    lab.start_all((0, 1))
    lab.wait("the two start without the third", lambda: cluster.are_synced(0, 1))
    lab.start_all((2,))

    cluster.assert_recovers()
    assert cluster.count_bootstraps(0) == cluster.all_bootstraps == 2


@full
@pytest.mark.D24
def test_servers_that_live_and_never_find_each_other_are_stopped_after_minutes(cluster: Cluster) -> None:
    """All agents hear each other; Galera alone is cut off, on every member."""
    for ordinal in (0, 1, 2):
        cluster.lab.query(ordinal, "SET GLOBAL wsrep_provider_options='gmcast.isolate=1'")
    cluster.lab.wait("no member is Primary", lambda: cluster.find_primaries() == [])
    cluster.lab.wait("their agents start them again", lambda: cluster.all_bootstraps == 2, seconds=400)

    cluster.assert_recovers()


@pytest.mark.D25
def test_a_set_whose_ordinals_begin_at_one_waits_for_no_pod_of_ordinal_zero(tmp_path: Path) -> None:
    ordinals = (1, 2, 3)
    with Lab(env={"GALERA_BOOTSTRAP_ORDINALS_START": "1"}) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        for ordinal in ordinals:
            lab.create(ordinal).start()
        lab.wait_synced(3)
        with cluster.make_writer(ordinals) as writer:
            writer.wait_for(200)
            lab.kill_everything()
        lab.start_all()

        cluster.assert_recovers()
        assert cluster.all_bootstraps == 2


@pytest.mark.D23
@full
def test_two_of_three_servers_killed_come_back_where_galera_counts_a_dead_member_for_half_a_minute(
    tmp_path: Path,
) -> None:
    """As on networks with long breaks: the survivor is Primary with members that are dead until all timeouts end."""
    with Lab(env={"GALERA_BOOTSTRAP_PROVIDER_OPTIONS": SLOWEST_TO_EVICT}) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        lab.up()
        lab.wait_synced(3)
        cluster.write(200)
        for ordinal in (1, 2):
            lab.pod(ordinal).kill_server()

        cluster.assert_recovers()
        assert cluster.all_bootstraps == 2
