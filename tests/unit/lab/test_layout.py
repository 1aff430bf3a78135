import os
import socket
from pathlib import Path

import pytest

from tests.lab import machine
from tests.lab.lab import Lab
from tests.lab.layout import DNS_PORT, Layout, PathTooLongError, check_free, claim_network
from tests.lab.oracle import Verdict


def test_two_labs_get_two_networks() -> None:
    (first, one), (second, two) = claim_network(), claim_network()
    with one, two:
        assert first != second


def test_a_port_taken_on_every_address_is_named() -> None:
    with socket.socket() as server:
        server.bind(("127.0.251.10", 4444))
        server.listen()
        with pytest.raises(OSError, match=r"127\.0\.251\.10:4444"):
            check_free("127.0.251.10")


def test_a_folder_with_too_long_a_path_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(PathTooLongError, match="shorter folder"):
        Layout(tmp_path / ("x" * 90), 9, 3).make_pod(0)


def test_a_pod_gets_the_settings_of_a_manifest_and_inherits_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 9, 3, env={"EXTRA": "1"})
    env = layout.make_pod(2).env
    assert env["POD_NAME"] == "mysql-2"
    assert env["POD_IP"] == env["GALERA_BOOTSTRAP_BIND_ADDRESS"] == "127.0.9.12"
    assert env["PEERFINDER_NAMESERVER"] == env["GALERA_BOOTSTRAP_NAMESERVER"] == f"127.0.9.1:{DNS_PORT}"
    assert env["EXTRA"] == "1"
    assert set(env) & set(os.environ) <= {"PATH", "HOME", "LANG", "TMPDIR"}


def test_the_secret_is_written_once_and_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 9, 3)
    layout.write_secrets()
    before = layout.read_secret("root-password")
    layout.write_secrets()
    assert layout.read_secret("root-password") == before
    assert {path.stat().st_mode & 0o777 for path in layout.secrets.iterdir()} == {0o600}
    assert len(list(layout.secrets.iterdir())) == 8


def test_the_packages_that_a_machine_without_the_database_lacks_are_named(tmp_path: Path) -> None:
    missing = machine.find_missing_packages(str(tmp_path), providers=[tmp_path / "libgalera_smm.so"])
    assert missing == ["galera-4", "iproute2", "mariadb-server", "rsync"]


def test_a_lab_that_ends_leaves_no_folder() -> None:
    with Lab() as lab:
        assert lab.layout.secrets.is_dir()
    assert not lab.folder.exists()


GOOD = {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("verdict", "complaint"),
    [
        (Verdict(2, {"a": 2}, {"a": (7,)}, {"a": 1}, {"a": "u"}), "lacks 1 of 2 acknowledged rows, among them 7"),
        (Verdict(0, GOOD, {}, {"a": 1, "b": 2}, {"a": "u", "b": "u"}), "the tables differ"),
        (Verdict(0, GOOD, {}, {"a": None, "b": None}, {"a": "u", "b": "u"}), "the tables differ"),
        (Verdict(0, GOOD, {}, {"a": 1, "b": 1}, {"a": "u", "b": "v"}), "more than one cluster"),
    ],
    ids=["a lost row", "two contents", "no table", "two histories"],
)
def test_the_oracle_complains_of(verdict: Verdict, complaint: str) -> None:
    assert not verdict.is_correct
    assert complaint in verdict.complaints[0]


def test_the_oracle_accepts_rows_that_were_not_acknowledged() -> None:
    assert Verdict(1, {"a": 2, "b": 2}, {"a": (), "b": ()}, {"a": 5, "b": 5}, {"a": "u", "b": "u"}).is_correct
