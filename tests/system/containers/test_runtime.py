"""The lab's runtime for containers, with shell commands instead of the real ones."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab import processes
from tests.lab.folders import Folders
from tests.lab.pod import Pod
from tests.lab.podman import LABEL, Podman, PodmanRun, run_podman

pytestmark = pytest.mark.images

MakePod = Callable[..., Pod]

FOREVER = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def list_containers(folder: Path) -> list[str]:
    """List the names of all containers of the lab in the folder, in any state."""
    return run_podman("ps", "--all", f"--filter=label={LABEL}={folder}", "--format={{.Names}}").split()


@pytest.fixture
def make_pod(runtime: Podman, tmp_path: Path) -> Iterator[MakePod]:
    pods = []

    def make(lab: str = "lab", **commands: str) -> Pod:
        (tmp_path / lab / "secrets").mkdir(parents=True, exist_ok=True)
        argvs = {name: ("/bin/sh", "-c", text) for name, text in commands.items()}
        shell = Podman(runtime.tool, runtime.database, containers={"mysql": ("/bin/sh", "-c", FOREVER), **argvs})
        pods.append(Pod("mysql-0", "127.0.0.1", Folders(tmp_path / lab / "mysql-0"), shell, lambda _: {}))
        pods[-1].folders.hosts.write_text("127.0.0.1 localhost\n")
        return pods[-1]

    yield make
    for pod in pods:
        pod.power_off()
        pod.runtime.sweep(pod.folders.root.parent)


def find_first_process(pod: Pod, container: str) -> int | None:
    return processes.find_first(pod.containers[container].mark)


def test_the_status_of_a_container_is_that_of_its_first_process(make_pod: MakePod) -> None:
    pod = make_pod(install="exit 0", bootstrap="exit 7", agent="kill -KILL $$; exit 3")
    pod.start()
    containers = pod.containers
    wait_until(lambda: containers["bootstrap"].last_exit is not None and containers["agent"].last_exit is not None)
    # A first process cannot kill itself (pid_namespaces(7)), so the agent goes on to its `exit`.
    assert [containers[name].last_exit for name in ("install", "bootstrap", "agent")] == [0, 7, 3]


def test_a_kill_and_a_stop_have_different_exit_statuses(make_pod: MakePod) -> None:
    pod = make_pod()
    pod.start()
    wait_until(lambda: find_first_process(pod, "mysql") is not None)
    pod.kill_server()
    wait_until(lambda: pod.containers["mysql"].last_exit == -signal.SIGKILL)
    # A first process without a handler ignores SIGTERM, so the trap must be set.
    wait_until(lambda: pod.containers["mysql"].tail().splitlines()[-1:] == ["ready"])
    pod.stop()
    assert pod.containers["mysql"].last_exit == 0


def test_a_container_that_ignores_sigterm_is_killed_when_the_grace_period_ends(make_pod: MakePod) -> None:
    pod = make_pod(mysql="trap '' TERM; while :; do sleep 0.05; done")
    pod.start()
    wait_until(lambda: find_first_process(pod, "mysql") is not None)
    pod.stop(grace=0.5)
    assert pod.containers["mysql"].last_exit == -signal.SIGKILL


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3])
def test_a_power_cut_in_the_middle_of_a_start_leaves_nothing(make_pod: MakePod, delay: float) -> None:
    pod = make_pod(agent=FOREVER)
    pod.start()
    time.sleep(delay)
    pod.power_off()
    assert not any(container.is_running for container in pod.containers.values())
    assert processes.find_members(pod.mark) == []
    wait_until(lambda: list_containers(pod.folders.root.parent) == [])

    # The start that was cut off would have succeeded.
    pod.start()
    wait_until(lambda: find_first_process(pod, "mysql") is not None)


def test_a_process_without_the_mark_dies_with_its_container(make_pod: MakePod) -> None:
    pod = make_pod(mysql="env -i setsid sleep 300 & sleep 300")
    pod.start()
    wait_until(lambda: find_first_process(pod, "mysql") is not None)
    first = find_first_process(pod, "mysql")
    assert first is not None
    space = Path(f"/proc/{first}/ns/pid").readlink()
    wait_until(lambda: len(find_processes(space)) == 3)
    pod.power_off()
    assert find_processes(space) == []


def find_processes(space: Path) -> list[str]:
    """Find the processes of a PID namespace."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if (proc / "ns/pid").readlink() == space:
                found.append(proc.name)
        except OSError:
            continue  # it has ended meanwhile
    return found


def test_only_the_containers_of_this_lab_are_removed(make_pod: MakePod) -> None:
    mine, other = make_pod("lab-1"), make_pod("lab-10")
    for pod in (mine, other):
        pod.start()
        wait_until(lambda pod=pod: find_first_process(pod, "mysql") is not None)  # type: ignore[misc]  # the default binds it
    assert (len(list_containers(mine.folders.root.parent)), len(list_containers(other.folders.root.parent))) == (1, 1)

    mine.forbid_starts()
    mine.runtime.sweep(mine.folders.root.parent)

    assert list_containers(mine.folders.root.parent) == []
    run = other.containers["mysql"].run
    assert isinstance(run, PodmanRun)
    assert list_containers(other.folders.root.parent) == [run.name]
    assert find_first_process(other, "mysql") is not None


def test_a_missing_image_is_named_in_the_log(make_pod: MakePod) -> None:
    pod = make_pod()
    pod.runtime = Podman("localhost/no-such-image:1", "localhost/no-such-image:1", containers={})
    pod.start()
    wait_until(lambda: pod.containers["mysql"].last_exit == 125)
    assert "no-such-image" in pod.containers["mysql"].tail()
