"""peer-finder's commands in the tool image, which has nothing else than the bundle, against a real DNS server."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.lab.podman import ulimits
from tests.support.images.box import HARDENED, UID
from tests.support.images.confined import run_confined

pytestmark = [pytest.mark.images, pytest.mark.knot]

SERVICE = "galera.default.svc.cluster.local"


@pytest.fixture
def galera(tmp_path: Path) -> Iterator[Knot]:
    """A name server with three pods."""
    with Knot(tmp_path / "knot") as server:
        server.publish(pods("galera", numbered_pods(3)), ['dns-version 5 TXT "1.1.0"'])
        yield server


def options(knot: Knot, entry: str = "/opt/galera-tools/peer-finder") -> tuple[str, ...]:
    """Podman's options for a pod of that Service; its commands read the name server from the environment."""
    settings = {"POD_NAME": "mysql-0", "PEERFINDER_NAMESERVER": knot.nameserver}
    return (f"--entrypoint={entry}", *(f"--env={name}={value}" for name, value in settings.items()))


def test_doctor_finds_nothing_in_a_healthy_set_and_names_a_missing_service(tool_image: str, galera: Knot) -> None:
    well = run_confined(tool_image, "doctor", SERVICE, options=options(galera), network="host")
    other = run_confined(tool_image, "doctor", f"x{SERVICE}", "-o", "json", options=options(galera), network="host")

    assert well.returncode == 0, well.stdout + well.stderr
    assert "Nothing is wrong." in well.stdout
    assert other.returncode == 1
    assert [one["code"] for one in json.loads(other.stdout)["findings"]] == ["no-service"]


def test_peers_are_shown_and_watched(tool_image: str, galera: Knot) -> None:
    shown = run_confined(
        tool_image, "peers", SERVICE, "-o", "json", options=options(galera), network="host", check=True
    )
    assert [peer["addresses"] for peer in json.loads(shown.stdout)["peers"]] == [
        [ip] for ip in numbered_pods(3).values()
    ]

    watch = ("peers", SERVICE, "--watch", "-o", "name", "--interval=0.2")
    where = ("run", "--rm", "--pull=never", "--network=host", f"--user={UID}:{UID}", *HARDENED, *ulimits())
    words = ("podman", *where, *options(galera), tool_image, *watch)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert [process.stdout.readline() for _ in range(3)] == [f"+mysql-{n}.{SERVICE}\n" for n in range(3)]
            galera.publish(pods("galera", numbered_pods(4)))
            assert process.stdout.readline() == f"+mysql-3.{SERVICE}\n"
        finally:
            process.terminate()
        assert process.wait(60) == 143


PROBED = f"""
peer-finder healthz --health=/tmp/socket; echo before=$?
peer-finder -service={SERVICE} -on-change='echo hook' -hook-output=lines -health=/tmp/socket & pid=$!
tries=0
until peer-finder healthz --health=/tmp/socket; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || {{ echo "never ready"; kill -0 $pid && echo "it runs"; exit 1; }}
    sleep 0.1
done
peer-finder healthz --health=/tmp/socket --live
(sleep 60; echo "it does not end" >&2; kill -9 $pid) & watch=$!
kill $pid; wait $pid; echo after=$?
kill $watch
"""


def test_a_probe_asks_through_the_socket_and_output_lines_begin_with_the_event(tool_image: str, galera: Knot) -> None:
    sh = (*options(galera, "/bin/sh"), "--tmpfs=/tmp:mode=1777")

    done = run_confined(tool_image, "-c", PROBED, options=sh, network="host")

    lines = done.stdout.splitlines()
    assert "never ready" not in lines, done.stdout + done.stderr
    assert lines[:2] == ["unknown: /tmp/socket gives no answer (No such file or directory)", "before=1"]
    assert "on-change: hook" in lines
    assert lines[-3:] == ["ready", "live", "after=143"]


COMPLETED = """
export COMP_WORDS='peer-finder do' COMP_CWORD=1
_PEER_FINDER_COMPLETE=bash_complete peer-finder
_PEER_FINDER_COMPLETE=zsh_complete peer-finder | head -2
COMP_CWORD=do _PEER_FINDER_COMPLETE=fish_complete peer-finder
"""


def test_each_shell_completes_its_commands(tool_image: str) -> None:
    done = run_confined(tool_image, "-c", COMPLETED, options=("--entrypoint=/bin/sh",))

    bash, *zsh, fish = done.stdout.splitlines()
    assert (bash, zsh) == ("plain,doctor", ["plain", "doctor"])
    assert fish.startswith("plain,doctor\tFind out why")


def test_perconas_peer_list_is_there(tool_image: str, galera: Knot) -> None:
    words = (f"-service={SERVICE}", "-on-start=cat", "-protocol=$(PEER_LIST_SRV_PROTOCOL)")
    entry = options(galera, "/opt/galera-tools/peer-list")

    ended = run_confined(tool_image, *words, options=entry, network="host")

    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.split()) == 3


@pytest.mark.parametrize("name", ["peer-finder", "peer-list", "galera-bootstrap"])
def test_a_copy_of_one_file_says_what_it_needs(tools: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(tools / name, tmp_path / name)

    ended = subprocess.run([tmp_path / name, "-version"], capture_output=True, text=True, check=False)

    assert ended.returncode == 127
    assert ended.stderr.startswith(f"{name}: the folder lib is not beside {tmp_path}/{name}")
    assert "galera-bootstrap install --work-dir=/work-dir" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
