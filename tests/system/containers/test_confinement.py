"""What each container may do, and what the server got from the tools, read from /proc of the real processes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab import processes
from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.lab.podman import Podman, PodmanRun, podman

pytestmark = [pytest.mark.galera, pytest.mark.images]

UID = 12345

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")

KERNELS = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"}
"""File systems that are the container's own and hold no file of a disk."""

VOLUMES = {"/var/lib/galera", "/run/galera", "/etc/mysql", "/work-dir"}

WRITABLE = {
    "install": VOLUMES,
    "agent": VOLUMES,
    "bootstrap": VOLUMES | {"/tmp"},
    "mysql": VOLUMES | {"/tmp"},
}
"""Where a container may write to a disk."""


def running(pod: Pod, container: str, seconds: float = 60.0) -> int:
    """The container's first process; watched for closely, as an init container is soon over."""
    deadline = time.monotonic() + seconds
    while True:
        for pid in processes.members(pod.containers[container].mark):
            if processes.is_first(pid):
                return pid
        assert time.monotonic() < deadline, f"{container} did not come up in time"


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def mounts_of(pid: int) -> list[tuple[str, str, str]]:
    """Mount point, options and file system of every mount (proc(5), mountinfo)."""
    found = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        found.append((fields.split()[4], fields.split()[5], rest.split()[0]))
    return found


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


@pytest.fixture(scope="module")
def alone(runtime: Podman) -> Iterator[Lab]:
    """One pod of three: its init container `bootstrap` waits for the others for ever."""
    with Lab(runtime=runtime, bridged=True) as lab:
        yield lab


def held(lab: Lab, container: str) -> tuple[Pod, int]:
    """A fresh pod, and its container's first process, standing still."""
    pod = lab.replace(0) if lab.pods else lab.create(0)
    pod.start()
    pid = running(pod, container)
    pod.pause(container)
    return pod, pid


@pytest.mark.parametrize("container", ["install", "agent", "bootstrap"])
def test_a_container_before_the_server_is_confined(alone: Lab, container: str) -> None:
    pod, pid = held(alone, container)
    try:
        check_confinement(pid, container)
    finally:
        pod.power_off()


def test_the_server_and_its_agent_are_confined(standing: Cluster) -> None:
    pod = standing.lab.pod(0)
    for container in ("agent", "mysql"):
        check_confinement(running(pod, container), container)


def check_confinement(pid: int, container: str) -> None:
    status, mounts = status_of(pid), mounts_of(pid)
    assert status["Uid"].split() == status["Gid"].split() == [str(UID)] * 4
    assert status["Groups"].split() in ([], [str(UID)])
    assert {int(status[name], 16) for name in CAPABILITIES} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert f"x:{UID}:" not in Path(f"/proc/{pid}/root/etc/passwd").read_text()
    assert [options.split(",")[0] for point, options, _ in mounts if point == "/"] == ["ro"]
    assert [options.split(",")[0] for point, options, _ in mounts if point == "/etc/galera-secrets"] == ["ro"]
    writable = {point for point, options, kind in mounts if kind not in KERNELS and "rw" in options.split(",")}
    assert writable == WRITABLE[container]


def test_nothing_of_the_tools_is_left_in_the_server(standing: Cluster) -> None:
    """Its libraries are the database image's: one of the bundle's would change a server that nobody has tested."""
    pod = standing.lab.pod(0)
    pid = running(pod, "mysql")
    assert Path(f"/proc/{pid}/comm").read_text() == "mariadbd\n"

    mapped = {line.split(maxsplit=5)[5] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/" in line}
    assert any(path.endswith("libgalera_smm.so") for path in mapped)
    assert not [path for path in mapped if path.startswith(("/work-dir", "/opt/galera-tools"))]
    # What mariadbd inherits, it gives to the scripts of a state transfer.
    assert environment_of(pid) == environment_given(pod, "mysql")


def environment_given(pod: Pod, container: str) -> dict[str, str]:
    """What the image and the pod say; the runtime adds HOME."""
    run = pod.containers[container].run
    assert isinstance(run, PodmanRun)
    entries = json.loads(podman("inspect", run.name, "--format={{json .Config.Env}}"))
    return {"HOME": "/", **dict(entry.split("=", 1) for entry in entries)}
