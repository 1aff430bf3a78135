"""`peer-finder witness` as processes: an unknown volume is never an empty one, and a first start ends for good."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.dns.knot import Knot, pods
from tests.support.peerfinder.program import PATIENCE, PROGRAM, STARTED, SUFFIX, Ended, end, wait_until

MEMBERS = ("mysql-0", "mysql-1", "mysql-2")


def begin(*words: str, **variables: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [PROGRAM, "witness", *words],
        env={"PATH": os.environ["PATH"], "POD_NAMESPACE": "default", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    STARTED.append(process)
    return process


def run(*words: str, **variables: str) -> Ended:
    return end(begin(*words, **variables))


def paths(volume: Path) -> tuple[str, str]:
    return f"--mark={volume / 'mark'}", f"--sign={volume / 'datadir/log'}"


def add_data(volume: Path) -> None:
    new = volume.with_name(f"{volume.name}.new")
    new.mkdir()
    (new / "log").touch()
    new.rename(volume / "datadir")


class Set:
    """Three pods, each with an address and a volume; nothing runs yet."""

    def __init__(self, folder: Path, knot: Knot) -> None:
        self.addresses = {pod: f"127.0.7.{number}" for number, pod in enumerate(MEMBERS, 1)}
        self.volumes = {pod: folder / pod for pod in MEMBERS}
        for volume in self.volumes.values():
            volume.mkdir()
        self.knot = knot
        knot.publish(pods("galera", self.addresses))
        with socket.create_server(("127.0.7.1", 0)) as free:
            self.port = f"--port={free.getsockname()[1]}"

    def serve(self, pod: str, *, name: str = "") -> "subprocess.Popen[str]":
        words = (*paths(self.volumes[pod]), self.port, f"--address={self.addresses[pod]}")
        server = begin("serve", *words, POD_NAME=name or pod)
        address = (self.addresses[pod], int(self.port.partition("=")[2]))

        def is_answering() -> bool:
            try:
                with socket.create_connection(address, 1) as connection:
                    return bool(connection.recv(1))
            except OSError:
                assert server.poll() is None, server.stderr and server.stderr.read()
                return False

        wait_until(is_answering)
        return server

    def ask(self, pod: str) -> Ended:
        return run("ask", f"{pod}.{SUFFIX}", self.port, PEERFINDER_NAMESERVER=self.knot.nameserver)

    def begin_first_start(self, pod: str, *words: str, members: str = "3", **variables: str) -> "subprocess.Popen[str]":
        variables |= {"PEERFINDER_NAMESERVER": self.knot.nameserver, "PEERFINDER_SELF": f"{pod}.{SUFFIX}"}
        return begin("first-start", *paths(self.volumes[pod]), self.port, *words, REPLICAS=members, **variables)


@pytest.fixture
def three(tmp_path: Path, knot: Knot) -> Set:
    return Set(tmp_path, knot)


def stop(process: "subprocess.Popen[str]") -> str:
    """Kill it without warning; returns its messages."""
    process.kill()
    return process.communicate(timeout=PATIENCE)[1]


def test_a_mark_means_a_first_start_until_there_are_data_and_is_then_removed(tmp_path: Path) -> None:
    assert run("look", *paths(tmp_path)) == Ended(0, "empty\n", "")
    (tmp_path / "mark").touch()
    assert run("look", *paths(tmp_path)) == Ended(0, "first\n", "")
    add_data(tmp_path)
    assert run("look", *paths(tmp_path)) == Ended(0, "data\n", "")
    assert not (tmp_path / "mark").exists()
    (tmp_path / "datadir/log").unlink()
    assert run("look", *paths(tmp_path)) == Ended(0, "remains\n", "")
    (tmp_path / "datadir").rmdir()
    (tmp_path / "lost+found").mkdir()
    assert run("look", *paths(tmp_path)) == Ended(0, "empty\n", "")


@pytest.mark.parametrize("is_marked", [True, False])
@pytest.mark.parametrize("command", ["look", "first-start"])
def test_a_volume_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path, *, is_marked: bool, command: str) -> None:
    """A file is in the place of the folder, so the error is another one than "no such file"."""
    (tmp_path / "datadir").touch()
    if is_marked:
        (tmp_path / "mark").touch()
    words = () if command == "look" else ("--members=3",)
    seen = run(command, *paths(tmp_path), *words, PEERFINDER_SELF=f"mysql-0.{SUFFIX}")
    assert (seen.status, seen.out) == (10, "")
    assert f"not known whether this volume has data: {tmp_path}/datadir/log: Not a directory" in seen.err
    assert (tmp_path / "mark").exists() == is_marked


def test_the_sidecar_removes_the_mark_although_nobody_asks_and_the_volume_was_unreadable(tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    (tmp_path / "datadir").touch()
    server = begin("serve", *paths(tmp_path), "--address=127.0.7.9", POD_NAME="mysql-0")
    assert server.stderr is not None
    lines = iter(server.stderr.readline, "")
    assert any("not known whether" in line for line in lines)
    assert (tmp_path / "mark").exists()
    (tmp_path / "datadir").unlink()
    add_data(tmp_path)
    wait_until(lambda: not (tmp_path / "mark").exists())
    server.terminate()
    assert end(server).status == 128 + 15


@pytest.mark.knot
def test_all_members_with_empty_volumes_are_a_first_start_also_when_one_is_far_ahead(three: Set) -> None:
    for pod in MEMBERS:
        three.serve(pod)
    ahead = [three.begin_first_start(pod) for pod in MEMBERS[:2]]
    wait_until(lambda: all((three.volumes[pod] / "mark").exists() for pod in MEMBERS[:2]))
    last = three.begin_first_start("mysql-2")
    assert [end(process).out for process in ahead] == ["first\n"] * 2
    add_data(three.volumes["mysql-0"])
    wait_until(lambda: three.ask("mysql-0").out == "data\n")
    assert end(last).out == "first\n"
    assert three.ask("mysql-1").out == "first\n"


@pytest.mark.knot
def test_a_lost_volume_beside_data_is_no_first_start_and_its_own_data_ask_nobody(three: Set) -> None:
    add_data(three.volumes["mysql-1"])
    three.serve("mysql-1")
    assert end(three.begin_first_start("mysql-0")).out == "later\n"
    assert not (three.volumes["mysql-0"] / "mark").exists()
    three.knot.freeze()
    assert end(three.begin_first_start("mysql-1")) == Ended(0, "data\n", "")


@pytest.mark.knot
def test_a_member_that_is_silent_is_waited_for_by_name_and_so_is_one_with_anothers_address(three: Set) -> None:
    three.serve("mysql-1", name="mysql-9")
    three.serve("mysql-0")
    waiting = three.begin_first_start("mysql-0")
    assert waiting.stderr is not None
    line = waiting.stderr.readline()
    assert (
        "this volume is empty: waiting for mysql-1 mysql-2; mysql-1 (127.0.7.2) answers 'default/mysql-9 empty'" in line
    )
    assert "mysql-2 (127.0.7.3) does not answer on port" in line
    waiting.terminate()
    assert end(waiting).status == 128 + 15
    assert not (three.volumes["mysql-0"] / "mark").exists()
    another = three.ask("mysql-1")
    assert another.status == 1
    assert "answers 'default/mysql-9 empty' instead of default/mysql-1 and what is on its volume" in another.err
    assert "mysql-2" in three.ask("mysql-2").err


@pytest.mark.knot
def test_a_pod_that_is_not_expected_waits_for_a_cluster(three: Set) -> None:
    for pod in MEMBERS[:2]:
        three.serve(pod)
    waiting = three.begin_first_start("mysql-2", members="2")
    assert waiting.stderr is not None
    assert "mysql-2 is not one of the 2 expected members, and waits for a cluster" in waiting.stderr.readline()
    add_data(three.volumes["mysql-0"])
    assert end(waiting).out == "later\n"


@pytest.mark.knot
def test_a_mark_that_cannot_be_written_starts_nothing(three: Set) -> None:
    """A read-only volume: empty, and nothing can be remembered on it."""
    for pod in MEMBERS[1:]:
        three.serve(pod)
    volume = three.volumes["mysql-0"]
    subprocess.run(("mount", "-t", "tmpfs", "-o", "ro", "none", volume), check=True)
    try:
        refused = end(three.begin_first_start("mysql-0"))
    finally:
        subprocess.run(("umount", volume), check=True)
    assert (refused.status, refused.out) == (10, "")
    assert "cannot be written: Read-only file system" in refused.err


@pytest.mark.knot
def test_a_wrong_sign_is_no_first_start(three: Set) -> None:
    """Without this, every volume with data would always look empty."""
    for volume in three.volumes.values():
        add_data(volume)
        (volume / "datadir/log").rename(volume / "datadir/LOG")
    for pod in MEMBERS:
        three.serve(pod)
    waiting = three.begin_first_start("mysql-0")
    assert waiting.stderr is not None
    line = waiting.stderr.readline()
    assert "is not empty (datadir): no first start with that; is --sign right?" in line
    assert "mysql-1 has no sign of data, and its volume is not empty" in line
    assert not (three.volumes["mysql-0"] / "mark").exists()
    waiting.terminate()
    assert end(waiting).status == 128 + 15
    ignoring = [three.begin_first_start(pod, "--ignore=datadir") for pod in MEMBERS[:1]]
    assert ignoring[0].stderr is not None
    assert "waiting for mysql-1 mysql-2" in ignoring[0].stderr.readline()
    (three.volumes["mysql-1"] / "datadir/LOG").rename(three.volumes["mysql-1"] / "datadir/log")
    assert end(ignoring[0]).out == "later\n"


@pytest.mark.knot
def test_data_of_a_pod_beyond_the_expected_members_count(three: Set) -> None:
    """A set that was scaled up while REPLICAS stayed as it was; a pod of no set is behind the same Service."""
    three.knot.publish(pods("galera", three.addresses | {"tools": "127.0.7.4"}))
    add_data(three.volumes["mysql-2"])
    for pod in MEMBERS:
        three.serve(pod)
    assert end(three.begin_first_start("mysql-0", members="2")).out == "later\n"


@pytest.mark.knot
def test_all_addresses_of_a_name_are_asked_and_data_count_wherever_they_are(three: Set) -> None:
    three.serve("mysql-1")
    three.knot.publish(
        [*pods("galera", three.addresses), f"mysql-1.galera.default.svc 5 A {three.addresses['mysql-2']}"]
    )
    old = three.serve("mysql-2", name="mysql-1")
    assert three.ask("mysql-1").out == "empty\n"
    add_data(three.volumes["mysql-2"])
    wait_until(lambda: three.ask("mysql-1").out == "data\n")
    (three.volumes["mysql-2"] / "datadir/log").unlink()
    wait_until(lambda: "with different answers" in three.ask("mysql-1").err)
    stop(old)
    wait_until(lambda: three.ask("mysql-1").out == "empty\n")


@pytest.mark.parametrize(
    "answer",
    [b"", b"default/mysql-0 empty" * 500, b"default/mysql-0 none\n", b"default/mysql-0 \xff\xfe\n", b"\x1b[31m\n"],
    ids=["nothing", "too long", "unknown word", "no text", "escape"],
)
@pytest.mark.knot
def test_what_is_no_answer_proves_nothing(three: Set, answer: bytes) -> None:
    with socket.create_server(("127.0.7.1", 0)) as server:
        asking = begin(
            "ask",
            f"mysql-0.{SUFFIX}",
            f"--port={server.getsockname()[1]}",
            PEERFINDER_NAMESERVER=three.knot.nameserver,
        )
        server.settimeout(PATIENCE)
        with server.accept()[0] as client:
            client.sendall(answer)
        seen = end(asking)
    assert (seen.status, seen.out) == (1, "")
    assert "\x1b" not in seen.err


@pytest.mark.knot
def test_an_answer_that_never_ends_costs_three_seconds(three: Set) -> None:
    with socket.create_server(("127.0.7.1", 0)) as server:
        port = f"--port={server.getsockname()[1]}"
        asking = begin("ask", f"mysql-0.{SUFFIX}", port, PEERFINDER_NAMESERVER=three.knot.nameserver)
        server.settimeout(PATIENCE)
        with server.accept()[0] as client:
            client.sendall(b"default/mysql-0 em")
            assert end(asking).status == 1


@pytest.mark.parametrize(
    ("words", "variables", "status", "says"),
    [
        (("serve",), {"POD_NAMESPACE": ""}, 2, "set POD_NAMESPACE"),
        (("first-start", "--members=3"), {}, 2, "give --service"),
        (("first-start", "--members=0"), {}, 2, "should be a whole number from 1"),
        (("first-start",), {}, 2, "--members (or REPLICAS) is ''"),
        (("first-start", "--members=3", "--first-ordinal=x"), {}, 2, "--first-ordinal is 'x'"),
        (("first-start",), {"REPLICAS": "three"}, 2, "--members (or REPLICAS) is 'three'"),
        (("first-start", "--members=3"), {"PEERFINDER_SELF": "mysql-0"}, 2, "is not the full name"),
        (("first-start", "--members=3", "--service=x", "--domain=x"), {"POD_NAME": "My_0"}, 2, "is not the full name"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, words: tuple[str, ...], variables: dict[str, str], status: int, says: str
) -> None:
    seen = run(words[0], *paths(tmp_path), *words[1:], **variables)
    assert seen.status == status
    assert says in seen.err
    assert "Traceback" not in seen.err


@pytest.mark.parametrize(
    ("mark", "sign", "says"),
    [
        ("mark", "/v/data", "--mark=mark must be a whole path"),
        ("/v/mark", "data", "--sign=data must be a whole path"),
        ("/v/../mark", "/v/data", "must be a whole path"),
        ("/v/mark", "/v/mark", "must be beside the data"),
        ("/v/data/mark", "/v/data", "must be beside the data"),
        ("/v/mark", "/v/mark/data", "must be beside the data"),
        ("/v/mark", "", "--sign=. must be a whole path"),
    ],
)
@pytest.mark.parametrize("command", ["look", "serve"])
def test_paths_that_cannot_be_meant_are_refused(command: str, mark: str, sign: str, says: str) -> None:
    seen = run(command, "-mark", mark, f"-sign={sign}")
    assert seen.status == 2
    assert says in seen.err


def test_a_folder_that_is_not_there_is_no_empty_volume(tmp_path: Path) -> None:
    seen = run("look", *paths(tmp_path / "nowhere"))
    assert (seen.status, seen.out) == (10, "")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.7.8", 0)) as taken:
        port = taken.getsockname()[1]
        seen = run("serve", *paths(tmp_path), "--address=127.0.7.8", f"--port={port}")
    assert seen.status == 9
    assert f"cannot listen on port {port} of 127.0.7.8: Address already in use; is there a second witness" in seen.err


def test_it_listens_on_both_families(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = begin("serve", *paths(tmp_path), f"--port={port}", POD_NAME="mysql-0")
    for address in ("127.0.0.1", "::1") if socket.has_dualstack_ipv6() else ("127.0.0.1",):
        wait_until(lambda address=address: is_answering(address, port))  # type: ignore[misc]
    stop(server)


def is_answering(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 1) as connection:
            return connection.recv(99) == b"default/mysql-0 empty\n"
    except OSError:
        return False


@pytest.mark.knot
def test_where_no_other_pod_has_an_address_the_order_of_creation_is_named(three: Set) -> None:
    hint = "when it is not even created, podManagementPolicy must be Parallel"
    three.knot.publish(pods("galera", {"mysql-0": three.addresses["mysql-0"]}))
    waiting = three.begin_first_start("mysql-0")
    assert waiting.stderr is not None
    assert hint in waiting.stderr.readline()
    three.knot.publish(pods("galera", {pod: three.addresses[pod] for pod in MEMBERS[:2]}))
    assert hint not in waiting.stderr.readline()
    waiting.terminate()
    assert end(waiting).status == 128 + 15


def test_names_that_are_no_data_may_come_from_the_environment(tmp_path: Path) -> None:
    for name in (".snapshot", "other"):
        (tmp_path / name).mkdir()
    assert run("look", *paths(tmp_path)).out == "remains\n"
    assert run("look", *paths(tmp_path), PEERFINDER_IGNORE=".snapshot").out == "remains\n"
    assert run("look", *paths(tmp_path), PEERFINDER_IGNORE=".snapshot other").out == "empty\n"


@pytest.mark.knot
def test_what_it_waits_for_is_logged_in_the_form_of_peer_finder(three: Set) -> None:
    waiting = three.begin_first_start("mysql-0")
    assert waiting.stderr is not None
    start = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ peer-finder info: witness: this volume"
    assert re.match(start, waiting.stderr.readline())
    waiting.terminate()
    assert end(waiting).status == 128 + 15
    waiting = three.begin_first_start("mysql-0", PEERFINDER_LOG_FORMAT="json")
    assert waiting.stderr is not None
    line = json.loads(waiting.stderr.readline())
    assert (line["level"], line["event"], line["message"][:20]) == ("info", "witness", "witness: this volume")
    waiting.terminate()
    assert end(waiting).status == 128 + 15
