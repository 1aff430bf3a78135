"""writer.sh, the hook: what it writes from names on stdin, what it refuses, and how HAProxy gets the changes."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.support.haproxy.clients import find_writer
from tests.support.haproxy.members import Members
from tests.support.haproxy.proxy import COMPONENT, Proxy
from tests.system.haproxy.conftest import Start

ZONE = "galera.lab.svc.cluster.local"

HOOK = COMPONENT / "writer.sh"

PROXIES = "127.0.0.1:10000 127.0.0.1:10001"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def names(*ordinals: int) -> str:
    """The names, as peer-finder gives them to a hook."""
    return "".join(sorted(f"mysql-{ordinal}.{ZONE}\n" for ordinal in ordinals))


def hook(stdin: str, template: Path, folder: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = ["sh", str(HOOK), str(template), str(folder)]
    everything = {"PATH": os.environ["PATH"], "POD_NAME": "mysql-writer-0", "POD_IP": "127.0.0.1", "PROXIES": PROXIES}
    return subprocess.run(
        command, input=stdin, env={**everything, **env}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the hook in a folder without a running HAProxy."""

    def run(stdin: str, template: Path = COMPONENT / "writer.cfg", **env: str) -> "subprocess.CompletedProcess[str]":
        return hook(stdin, template, tmp_path, env)

    return run


def servers(folder: Path) -> list[str]:
    """Name and number of each open member, from the lines of the configuration."""
    lines = (folder / "haproxy.cfg").read_text().splitlines()
    found = [line.split() for line in lines if line.startswith("    server ") and ":3306" in line]
    return [f"{words[1]} {words[4]}" for words in found if "disabled" not in words]


def test_members_are_in_the_order_of_their_ordinals_and_keep_their_numbers(run: Run, tmp_path: Path) -> None:
    assert run(names(0, 1, 2, 10)).returncode == 0
    assert servers(tmp_path) == ["mysql-0 1", "mysql-1 2", "mysql-2 3", "mysql-10 11"]

    assert run(names(1, 2)).returncode == 0
    assert servers(tmp_path) == ["mysql-1 2", "mysql-2 3"]


@pytest.mark.parametrize(
    "stdin",
    [
        pytest.param("", id="no members"),
        pytest.param("\n", id="an empty name"),
        pytest.param(f"mysql-0.{ZONE}:3306 check\n", id="a name with options behind it"),
        pytest.param(f"mysql-0.{ZONE}\r    server evil 192.0.2.1:3306\n", id="a name with a line in it"),
        pytest.param("${POD_IP}\n", id="a name that is a variable"),
        pytest.param('mysql-0."x".lab\n', id="a name with quotes"),
        pytest.param("mysql-$(id).lab\n", id="a name that is a command"),
        pytest.param("-mysql-0.lab\n", id="a name that begins like an option"),
        pytest.param(f"mysql.{ZONE}\n", id="no ordinal"),
        pytest.param(f"mysql-00.{ZONE}\n", id="two ways to write a number"),
        pytest.param(f"mysql-99999999.{ZONE}\n", id="a number that makes a file without end"),
        pytest.param(names(0) + "mysql-1.galera.other.svc.cluster.local\n", id="another namespace"),
        pytest.param(names(0) + f"evil-1.{ZONE}\n", id="another set"),
    ],
)
def test_a_name_that_no_member_can_have_is_refused_and_the_old_file_stays(stdin: str, run: Run, tmp_path: Path) -> None:
    assert run(names(0, 1, 2)).returncode == 0
    before = (tmp_path / "haproxy.cfg").read_bytes()

    refused = run(stdin)

    assert refused.returncode == 1
    assert refused.stderr.startswith("writer: refused: ")
    assert refused.stderr.count("\n") == 1
    assert (tmp_path / "haproxy.cfg").read_bytes() == before


def test_a_configuration_that_haproxy_refuses_does_not_replace_the_old_one(run: Run, tmp_path: Path) -> None:
    assert run(names(0)).returncode == 0
    before = (tmp_path / "haproxy.cfg").read_bytes()
    broken = tmp_path / "broken.cfg"
    broken.write_text((COMPONENT / "writer.cfg").read_text().replace("mode tcp", "mode carrier-pigeon"))

    refused = run(names(0, 1), broken)

    assert refused.returncode == 1
    assert "carrier-pigeon" in refused.stderr
    assert (tmp_path / "haproxy.cfg").read_bytes() == before


def test_a_proxy_that_is_not_in_proxies_is_an_error_that_says_what_to_do(run: Run) -> None:
    refused = run(names(0), POD_NAME="mysql-writer-2")

    assert refused.returncode == 1
    assert "mysql-writer-2 is not in PROXIES" in refused.stderr


def test_a_member_that_is_scaled_away_gets_no_client_and_one_that_comes_back_does(
    lab: Lab,
    members: Members,  # noqa: ARG001
    start: Start,
) -> None:
    proxy = start(lab, "mysql-writer-0")
    assert run_hook(proxy, names(1, 2)).returncode == 0
    assert proxy.states()["mysql-0"] == "MAINT"
    assert find_writer(proxy) == "mysql-1"

    assert run_hook(proxy, names(0)).returncode == 0
    proxy.wait_state("mysql-0", "UP")
    assert find_writer(proxy) == "mysql-0"


def test_a_haproxy_that_ended_starts_with_the_present_members(lab: Lab, members: Members, start: Start) -> None:
    """It must not use the members that an old reload handed over."""
    proxy = start(lab, "mysql-writer-0")
    for ordinals in ((1,), (1, 9), (0, 1, 9)):
        assert run_hook(proxy, names(*ordinals)).returncode == 0
    proxy.kill_haproxy()
    members.set_ready(1, value=False)
    proxy.start_haproxy()

    proxy.wait_state("mysql-0", "UP")
    proxy.wait("writer mysql-0", lambda: find_writer(proxy) == "mysql-0")


def test_a_haproxy_that_does_not_answer_is_an_error(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    proxy = start(lab, "mysql-writer-0")
    proxy.kill_haproxy()

    done = run_hook(proxy, names(0, 1), PATIENCE="2")

    assert done.returncode == 1
    assert "HAProxy has not loaded the new configuration after 2 s" in done.stderr


def test_dns_that_denies_all_members_changes_nothing(lab: Lab, members: Members, start: Start) -> None:  # noqa: ARG001
    proxy = start(lab, "mysql-writer-0")
    before, denials = proxy.configuration, proxy.count_denials()
    for ordinal in range(3):
        lab.nameserver.withdraw(f"mysql-{ordinal}")
    # In a round there are two queries for each of nine names; six of them never exist.
    proxy.wait("two rounds of queries", lambda: proxy.count_denials() >= denials + 2 * 18)

    assert find_writer(proxy) == "mysql-0"
    assert proxy.is_running("members")
    assert proxy.configuration == before


def run_hook(proxy: Proxy, stdin: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the hook with these names, as peer-finder does."""
    return hook(stdin, proxy.folder / "etc/writer.cfg", proxy.run, {**proxy.environment, **env})
