"""`peer-finder peers SERVICE`, by hand."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.dns.knot import Knot, pods
from tests.support.peerfinder.program import PATIENCE, PROGRAM, SUFFIX, Ended, fqdn

pytestmark = pytest.mark.knot


def peers(*words: str, **variables: str) -> Ended:
    done = subprocess.run(
        [PROGRAM, "peers", *words],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_names_are_a_line_each(galera: Knot) -> None:
    ended = peers(SUFFIX, "-o", "name", "--nameserver", galera.nameserver)

    assert (ended.status, ended.out.split()) == (0, fqdn("mysql-0", "mysql-1", "mysql-2"))


def test_the_table_has_the_addresses_and_none_where_there_is_none(knot: Knot) -> None:
    records = pods("galera", {"mysql-0": "127.0.0.9", "mysql-1": "fd00::1", "mysql-2": "127.0.0.8"})
    knot.publish([line for line in records if not line.startswith("mysql-2.")])

    ended = peers("galera", "--ns=default", "--domain=cluster.local", f"--nameserver={knot.nameserver}")

    assert [line.split() for line in ended.out.splitlines()] == [
        ["PEER", "ADDRESSES"],
        [*fqdn("mysql-0"), "127.0.0.9"],
        [*fqdn("mysql-1"), "fd00::1"],
        [*fqdn("mysql-2"), "none"],
    ]


def test_json_says_by_which_schema_it_is_read(galera: Knot) -> None:
    ended = peers(
        "galera.default", "-o", "json", PEERFINDER_DOMAIN="cluster.local", PEERFINDER_NAMESERVER=galera.nameserver
    )
    printed = json.loads(ended.out)

    assert printed["schema"] == "peerfinder/v1"
    assert printed["question"] == SUFFIX
    assert [peer["name"] for peer in printed["peers"]] == fqdn("mysql-0", "mysql-1", "mysql-2")
    assert all(len(peer["addresses"]) == 1 for peer in printed["peers"])


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        pytest.param(["other", "--ns=default", "--domain=cluster.local"], 5, "knows no name", id="no records"),
        pytest.param(["galera", "--ns=default", "--domain=other.zone"], 4, "REFUSED", id="DNS failing"),
        pytest.param(["gal era", "--ns=default", "--domain=other.zone"], 2, "not a DNS label", id="a bad name"),
        pytest.param([SUFFIX, "--port-name=a..b"], 2, "port name", id="a bad port"),
        pytest.param([SUFFIX, "--timeout=nan"], 2, "a time such as", id="a bad time"),
        pytest.param([], 2, "Missing argument 'SERVICE'", id="no service"),
        pytest.param(["galera", "-o", "yaml"], 2, "'yaml' is not one of", id="an unknown output"),
    ],
)
def test_it_ends_with_a_status_of_its_own_for(galera: Knot, words: list[str], status: int, says: str) -> None:
    ended = peers(*words, PEERFINDER_NAMESERVER=galera.nameserver)

    assert (ended.status, ended.out) == (status, "")
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_a_service_of_another_namespace_may_be_asked_for_from_any_pod(galera: Knot) -> None:
    words = ["galera.default", "-o", "name", "--domain=cluster.local", f"--nameserver={galera.nameserver}"]

    assert peers(*words, POD_NAMESPACE="web").out.split() == fqdn("mysql-0", "mysql-1", "mysql-2")


def test_peers_that_cannot_be_printed_are_reported_in_one_line(galera: Knot) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "peers", SUFFIX, f"--nameserver={galera.nameserver}"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, "peer-finder: the peers cannot be printed: No space left on device\n")


def test_its_help_is_complete() -> None:
    ended = peers("--help")

    assert ended.status == 0
    assert all(
        word in ended.out for word in ["--output", "--ns", "--domain", "--nameserver", "--port-name", "Exit codes"]
    )
