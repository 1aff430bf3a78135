"""The rights of each container, and what the server inherits from the tools: read from /proc of the real processes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.lab.podman import Podman, PodmanRun, run_podman

pytestmark = [pytest.mark.galera, pytest.mark.images]

UID = 12345

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")

KERNELS = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"}
"""File systems of the container itself, without files on a disk."""

VOLUMES = {"/var/lib/galera", "/run/galera", "/etc/mysql", "/work-dir"}

WRITABLE = {
    "install": VOLUMES,
    "agent": VOLUMES,
    "bootstrap": VOLUMES | {"/tmp"},
    "mysql": VOLUMES | {"/tmp"},
}
"""The folders on a disk that a container may write to."""


def read_status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def read_mounts(pid: int) -> list[tuple[str, str, str]]:
    """Read mount point, options and file system of every mount (proc(5), mountinfo)."""
    found = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        found.append((fields.split()[4], fields.split()[5], rest.split()[0]))
    return found


def read_environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


@pytest.fixture(scope="module")
def alone(runtime: Podman) -> Iterator[Lab]:
    """One pod of three: its init container `bootstrap` waits for the others forever."""
    with Lab(runtime=runtime, bridged=True) as lab:
        yield lab


def start_and_pause(lab: Lab, container: str) -> tuple[Pod, int]:
    """Start a new pod and pause one container; returns also the pid of the container's first process."""
    pod = lab.replace(0) if lab.pods else lab.create(0)
    pod.start()
    pid = pod.wait_for_first_process(container)
    pod.pause(container)
    return pod, pid


@pytest.mark.parametrize("container", ["install", "agent", "bootstrap"])
def test_a_container_before_the_server_is_confined(alone: Lab, container: str) -> None:
    pod, pid = start_and_pause(alone, container)
    try:
        check_confinement(pid, container)
    finally:
        pod.power_off()


def test_the_server_and_its_agent_are_confined(standing: Cluster) -> None:
    pod = standing.lab.pod(0)
    for container in ("agent", "mysql"):
        check_confinement(pod.wait_for_first_process(container), container)


def check_confinement(pid: int, container: str) -> None:
    status, mounts = read_status(pid), read_mounts(pid)
    assert status["Uid"].split() == status["Gid"].split() == [str(UID)] * 4
    assert status["Groups"].split() in ([], [str(UID)])
    assert {int(status[name], 16) for name in CAPABILITIES} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert f"x:{UID}:" not in Path(f"/proc/{pid}/root/etc/passwd").read_text()
    assert [options.split(",")[0] for point, options, _ in mounts if point == "/"] == ["ro"]
    assert [options.split(",")[0] for point, options, _ in mounts if point == "/etc/galera-secrets"] == ["ro"]
    writable = {point for point, options, kind in mounts if kind not in KERNELS and "rw" in options.split(",")}
    assert writable == WRITABLE[container]


def test_the_server_inherits_nothing_from_the_tools(standing: Cluster) -> None:
    """Its libraries come from the database image; with those of the tools, the server would be an untested one."""
    pod = standing.lab.pod(0)
    keeper = pod.wait_for_first_process("mysql")
    (pid,) = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    assert Path(f"/proc/{pid}/comm").read_text() == "mariadbd\n"

    mapped = {line.split(maxsplit=5)[5] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/" in line}
    assert any(path.endswith("libgalera_smm.so") for path in mapped)
    assert not [path for path in mapped if path.startswith(("/work-dir", "/opt/galera-tools"))]
    # mariadbd passes its environment on to the scripts of a state transfer.
    assert read_environment(int(pid)) == read_configured_environment(pod, "mysql")


def read_configured_environment(pod: Pod, container: str) -> dict[str, str]:
    """Read the environment from image and pod; the runtime adds HOME."""
    run = pod.containers[container].run
    assert isinstance(run, PodmanRun)
    entries = json.loads(run_podman("inspect", run.name, "--format={{json .Config.Env}}"))
    return {"HOME": "/", **dict(entry.split("=", 1) for entry in entries)}
