"""`peer-finder peers SERVICE --watch`, by hand."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.support.peerfinder.program import PATIENCE, PROGRAM, STARTED, SUFFIX, fqdn

pytestmark = pytest.mark.knot


def begin(*words: str, nameserver: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [PROGRAM, "peers", SUFFIX, "--watch", "--interval=100ms", "--nameserver", nameserver, *words],
        env={"PATH": os.environ["PATH"]},
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    STARTED.append(process)
    return process


def read_lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """Return the words of each line as it comes; a program that says nothing is ended by the time limit of the test."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line.split()


def test_it_prints_the_peers_and_then_each_change_with_its_time(knot: Knot) -> None:
    knot.publish(pods("galera", {"mysql-0": "127.0.0.1", "mysql-1": "127.0.0.2"}))
    lines = read_lines(begin(nameserver=knot.nameserver))
    first, second = next(lines), next(lines)
    knot.publish(pods("galera", {"mysql-1": "127.0.0.7", "mysql-2": "fd00::3"}))

    assert [first[1:], second[1:]] == [["+", *fqdn("mysql-0"), "127.0.0.1"], ["+", *fqdn("mysql-1"), "127.0.0.2"]]
    assert [next(lines)[1:] for _ in range(3)] == [
        ["-", *fqdn("mysql-0"), "127.0.0.1"],
        ["~", *fqdn("mysql-1"), "127.0.0.7"],
        ["+", *fqdn("mysql-2"), "fd00::3"],
    ]


def test_a_failure_is_no_change_of_the_peers(galera: Knot) -> None:
    lines = read_lines(begin("--timeout=3s", nameserver=galera.nameserver))
    assert [next(lines)[1] for _ in range(3)] == ["+", "+", "+"]
    galera.fail()
    failed = next(lines)
    galera.publish(pods("galera", numbered_pods(3)))
    again = next(lines)

    assert failed[1:3] == ["?", SUFFIX]
    assert "SERVFAIL" in " ".join(failed)
    assert again[1:] == ["=", SUFFIX, "3", "peers"]


def test_json_is_an_object_a_line(galera: Knot) -> None:
    process = begin("-o", "json", nameserver=galera.nameserver)
    assert process.stdout is not None
    change = json.loads(process.stdout.readline())

    assert change.pop("time").endswith("Z")
    assert change == {
        "schema": "peerfinder.change/v1", "change": "added", "name": fqdn("mysql-0")[0], "detail": "127.1.0.1",
    }  # fmt: skip


def test_names_have_a_sign(galera: Knot) -> None:
    assert next(read_lines(begin("-o", "name", nameserver=galera.nameserver))) == [f"+{fqdn('mysql-0')[0]}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_it_silently(galera: Knot, number: signal.Signals) -> None:
    process = begin(nameserver=galera.nameserver)
    next(read_lines(process))
    process.send_signal(number)

    assert process.wait(PATIENCE) == 128 + number
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_it_ends_when_its_reader_does(galera: Knot) -> None:
    read, write = os.pipe()
    os.close(read)
    process = begin(nameserver=galera.nameserver, stdout=write)
    os.close(write)

    assert process.wait(PATIENCE) == 1
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_signal_ends_it_although_its_output_is_not_read(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(900)))
    process = begin(nameserver=knot.nameserver)
    next(read_lines(process))
    process.terminate()

    assert process.wait(PATIENCE) == 143


def test_no_time_between_lookups_is_refused() -> None:
    process = begin("--interval=10ms", nameserver="127.0.0.1:5")

    assert process.wait(PATIENCE) == 2
