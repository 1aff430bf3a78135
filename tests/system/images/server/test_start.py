"""A real server that the image's entrypoint starts: only the mounts of a pod are writable."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.faults.halves import full
from tests.support.images.box import SETTINGS, UID, Volumes, podman, settings
from tests.system.images.server.conftest import Begin

pytestmark = [
    pytest.mark.images,
    pytest.mark.galera,
    # What a start does is the entrypoint's, which is tested with both.
    pytest.mark.parametrize("series", ["11.8", pytest.param("10.11", marks=full)], indirect=True, scope="session"),
]

TABLE = "CREATE DATABASE shop; CREATE TABLE shop.sold (id INT PRIMARY KEY); INSERT INTO shop.sold VALUES (1)"
ROWS = "SELECT COUNT(*) FROM shop.sold"
WITHOUT_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def test_a_pod_without_an_agent_lives_and_is_restarted(server_image: str, volumes: Volumes, begin: Begin) -> None:
    """As in the 2017 manifest: the arguments of a server, with a user that a pod's uid cannot switch to."""
    options = (*settings(), *volumes.options)
    first = begin(server_image, "--defaults-file=/etc/mysql/my-galera.cnf", "--user=root", options=options)
    first.wait_synced()
    first.sql(TABLE)

    podman("stop", "--time=60", first.name)
    assert first.exit_code == 0
    assert "Shutdown complete" in first.log

    second = begin(server_image, options=options)
    second.wait_synced()
    assert second.sql(ROWS) == "1"


def test_a_kill_leaves_a_socket_that_does_not_stop_the_next_start(
    server_image: str, volumes: Volumes, begin: Begin
) -> None:
    """The run folder outlives a container: without an agent of its own, the next one would wait for the dead agent."""
    options = (*settings(), *volumes.options)
    first = begin(server_image, options=options)
    first.wait_synced()
    first.sql(TABLE)

    podman("kill", "--signal=KILL", first.name)
    podman("wait", first.name)
    assert (volumes.folder / "run" / "agent.sock").is_socket()

    second = begin(server_image, options=options)
    second.wait_synced()
    assert second.sql(ROWS) == "1"


def test_a_pod_with_an_agent_keeps_that_one(server_image: str, volumes: Volumes, begin: Begin) -> None:
    options = (*settings(), *volumes.options)
    agent = begin(server_image, "galera-bootstrap", "agent", options=options)
    agent.wait((volumes.folder / "run" / "agent.sock").exists, "socket")

    server = begin(server_image, options=options)
    server.wait_synced()

    listing = server.run("ps", "-eo", "args=")
    assert processes(listing) == ["/opt/galera-tools/galera-bootstrap", "mariadbd"]
    assert listing.split()[1] == "keep", "the server's parent, and no agent"
    assert "bootstrapping" in agent.log


def config(image: str) -> dict[str, Any]:
    """The image's settings for its containers."""
    config: dict[str, Any] = json.loads(podman("image", "inspect", image).stdout)[0]["Config"]
    return config


def processes(listing: str) -> list[str]:
    """The programs of a container, without the one that lists them."""
    return [line.split()[0] for line in listing.splitlines() if not line.startswith("ps ")]


def test_the_server_has_no_privilege(server_image: str, volumes: Volumes, begin: Begin) -> None:
    """By the kernel's status file of the server's own process."""
    container = begin(server_image, options=(*settings(), *volumes.options))
    container.wait_synced()
    pid = container.run("pgrep", "-x", "mariadbd").strip()
    lines = container.run("cat", f"/proc/{pid}/status").splitlines()
    status = dict(line.split(":\t") for line in lines if ":\t" in line)

    assert set(status["Uid"].split()) == {str(UID)}
    assert {int(status[name], 16) for name in WITHOUT_CAPABILITIES} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert re.search(r"^\S+ / \S+ ro,", container.run("cat", f"/proc/{pid}/mounts"), re.MULTILINE)


def test_the_server_uses_no_library_of_the_tools(server_image: str, volumes: Volumes, begin: Begin) -> None:
    """A self-contained program has libraries of its own, which must not reach the server."""
    container = begin(server_image, options=(*settings(), *volumes.options))
    container.wait_synced()
    pid = container.run("pgrep", "-x", "mariadbd").strip()

    assert "galera-tools" not in container.run("cat", f"/proc/{pid}/maps")
    environment = container.run("cat", f"/proc/{pid}/environ").split("\0")
    added = {line.partition("=")[0] for line in environment} - set(SETTINGS)
    assert not {name for name in added if name.startswith(("LD_", "PYTHON", "_PYI", "_MEI"))}


def test_a_plain_run_needs_only_the_mount_of_the_secret(server_image: str, tmp_path: Path, begin: Begin) -> None:
    """As the image's own user; it writes into the container's own layer."""
    volumes = Volumes(tmp_path / "pod", uid=int(config(server_image)["User"].partition(":")[0]))

    container = begin(server_image, options=(*settings(), volumes.secrets), hardening=("--network=none",))

    container.wait_synced()
