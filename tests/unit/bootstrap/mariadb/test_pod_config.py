"""Which members stand in my-galera.cnf."""

import re
from pathlib import Path

import pytest

from bootstrap.errors import SettingInvalidError
from bootstrap.mariadb import pod_config
from bootstrap.network.directory import Directory
from bootstrap.settings import Settings
from tests.dns.knot import Knot, free_port, pods
from tests.support.bootstrap.fleet import settings_of


def settings(root: Path, nameserver: str = "", **changes: str | Path) -> Settings:
    given = nameserver or f"127.0.0.1:{free_port('127.0.0.1')}"
    return settings_of(root, 1)._replace(domain="cluster.local", nameserver=given, **changes)  # type: ignore[arg-type]


def listed(of: Settings) -> list[str]:
    found = re.search(r'^wsrep_cluster_address = "gcomm://(.+)"$', of.cnf.read_text(), re.MULTILINE)
    assert found
    return found[1].split(",")


def fqdn(*ordinals: int) -> list[str]:
    return [f"galera-{o}.galera.test.svc.cluster.local" for o in ordinals]


@pytest.mark.parametrize(
    ("ordinals", "names"),
    [({0, 1, 2}, fqdn(0, 1, 2)), ({2, 0}, fqdn(0, 1, 2)), ({10, 9}, fqdn(1, 9, 10)), (set[int](), fqdn(1))],
    ids=["all", "this pod is always among them", "in the order of numbers", "at least this pod"],
)
def test_members_as_names_need_no_name_server(ordinals: set[int], names: list[str], tmp_path: Path) -> None:
    of = settings(tmp_path)
    assert pod_config.write(of, "cluster", Directory.open(of), ordinals)
    assert listed(of) == names


def test_what_has_not_changed_is_not_written(tmp_path: Path) -> None:
    of = settings(tmp_path)
    assert pod_config.write(of, "cluster", Directory.open(of), {0, 1})
    assert not pod_config.write(of, "cluster", Directory.open(of), {1, 0})
    assert pod_config.write(of, "cluster", Directory.open(of), {2})
    assert listed(of) == fqdn(1, 2)


def test_the_users_folder_is_included_where_it_is(tmp_path: Path) -> None:
    of = settings(tmp_path)
    pod_config.write(of, "cluster", Directory.open(of), {0})
    assert "!includedir" not in of.cnf.read_text()
    (of.config_dir / "conf.d").mkdir()
    assert pod_config.write(of, "cluster", Directory.open(of), {0})
    assert f"!includedir {of.config_dir}/conf.d\n" in of.cnf.read_text()


def test_mariabackup_needs_its_password_and_says_so(tmp_path: Path) -> None:
    of = settings(tmp_path, sst_method="mariabackup")
    of.secrets.path.mkdir(parents=True)
    with pytest.raises(SettingInvalidError, match="sst-password is missing or empty"):
        pod_config.write(of, "cluster", Directory.open(of), {0})
    (of.secrets.path / "sst-password").write_text("quote'quote'quote")
    with pytest.raises(SettingInvalidError, match="use 16 to 80 of") as refused:
        pod_config.write(of, "cluster", Directory.open(of), {0})
    assert "quote'" not in str(refused.value)
    assert not of.cnf.exists()

    (of.secrets.path / "sst-password").write_text("0123456789abcdef\n")
    pod_config.write(of, "cluster", Directory.open(of), {0})
    assert 'wsrep_sst_auth = "galera_sst:0123456789abcdef"' in of.cnf.read_text()
    assert of.cnf.stat().st_mode & 0o007 == 0


def test_files_of_tls_that_are_missing_end_it_with_one_line(tmp_path: Path) -> None:
    of = settings(tmp_path, sst_method="rsync", tls_dir=tmp_path / "tls")
    with pytest.raises(SettingInvalidError, match=r"tls\.crt cannot be read"):
        pod_config.write(of, "cluster", Directory.open(of), {0})
    assert not of.cnf.exists()


@pytest.mark.knot
def test_members_as_addresses_leave_out_pods_without_one(tmp_path: Path) -> None:
    with Knot(tmp_path / "knot") as knot:
        knot.publish(pods("galera", {"galera-0": "127.0.1.1", "galera-1": "127.0.1.2"}, namespace="test"))
        of = settings(tmp_path, knot.nameserver, address_type="IP")
        pod_config.write(of, "cluster", Directory.open(of), {0, 1, 2})
        assert listed(of) == ["127.0.1.1", "127.0.1.2"]


def test_this_pods_address_needs_no_name_server(tmp_path: Path) -> None:
    of = settings(tmp_path, address_type="IP", pod_ip="127.0.1.9")
    pod_config.write(of, "cluster", Directory.open(of), {0, 1, 2})
    assert listed(of) == ["127.0.1.9"]


def test_addresses_that_the_agent_has_just_looked_up_need_no_name_server(tmp_path: Path) -> None:
    of = settings(tmp_path, address_type="IP", pod_ip="127.0.1.9")
    addresses = {"galera-0": "127.0.1.8", "galera-1": "127.0.1.7", "galera-5": "127.0.1.6"}
    pod_config.write(of, "cluster", Directory.open(of), {0, 1, 2}, addresses)
    # This pod knows its own address, and only the members are in the list.
    assert listed(of) == ["127.0.1.8", "127.0.1.9"]


def test_no_address_at_all_is_an_error_and_never_an_empty_list(tmp_path: Path) -> None:
    of = settings(tmp_path, address_type="IP")
    with pytest.raises(SettingInvalidError, match="refusing to write a bare gcomm://"):
        pod_config.write(of, "cluster", Directory.open(of), {0, 1, 2})
    assert not of.cnf.exists()
