"""The three-container flow of the manifests: install, then agent and bootstrap, then the server."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.containers import images
from tests.containers.conftest import Form
from tests.lab.podman import Podman
from tests.lab.report import run

pytestmark = [pytest.mark.galera, pytest.mark.images]


@pytest.mark.parametrize("database", [images.database, images.official], ids=["our image", "the official layout"])
def test_three_pods_come_back_after_a_power_cut(form: Form, runtime: Podman, database: Callable[[], str]) -> None:
    cluster = form(replace(runtime, database=database()))
    assert cluster.all_bootstraps == 1
    cluster.power_cut()

    cluster.lab.start_all([2, 0, 1], gap=0.3)

    cluster.recovers()
    assert cluster.all_bootstraps == 2
    for pod in cluster.lab.pods.values():
        # `bootstrap` may be one more: at the very first start it can be earlier than the agent, who makes meta/.
        starts = {name: container.starts for name, container in pod.containers.items() if name != "bootstrap"}
        assert starts == {"install": 2, "agent": 2, "mysql": 2}


def test_the_tools_are_upgraded_pod_by_pod_under_load_and_a_power_cut_meets_both_versions(
    form: Form, runtime: Podman
) -> None:
    """As a rolling update of the StatefulSet does it, from the highest ordinal down.

    The two versions have the same code, and differ in what they say of themselves: what is tried is the procedure.
    """
    cluster = form(runtime)
    lab, newer = cluster.lab, replace(runtime, tool=images.newer_tool())

    def versions() -> list[str]:
        return [run(pod, "galera-bootstrap", "--version").split()[-1] for pod in lab.pods.values()]

    (old,) = set(versions())
    lab.use(newer)
    with cluster.writer() as writer:
        for ordinal in (2, 1):
            before = writer.count
            lab.replace(ordinal)
            lab.wait_synced(3)
            writer.wait_for(before + 50)
        new = versions()[2]
        assert new != old
        assert versions() == [old, new, new]
        lab.kill_everything()

    lab.start_all()
    cluster.recovers()
    assert versions() == [old, new, new]
    lab.replace(0)
    cluster.recovers()
    assert versions() == [new] * 3
    # The first start, and the recovery: no update founded anything.
    assert cluster.all_bootstraps == 2
