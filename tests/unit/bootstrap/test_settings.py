"""Settings and secrets: all complaints at once, no guess, and no secret in any text."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.errors import SettingInvalidError
from bootstrap.secret_files import (
    AgentSecrets,
    Application,
    SecretFolder,
    ServerSecrets,
    read_agent_secrets,
    read_server_secrets,
)
from bootstrap.setting_checks import PREFIX
from bootstrap.settings import DEFAULTS, Settings, from_environment, settings_for_set
from bootstrap.storage.layout import Layout
from tests.paths import ROOT

NEEDED = {"POD_NAME": "galera-2", "POD_NAMESPACE": "test"}


def settings(**changes: str) -> Settings:
    changed = {name if name.startswith("POD_") else f"{PREFIX}{name}": value for name, value in changes.items()}
    return from_environment({**NEEDED, **changed}, "host-0")


def complaint(env: dict[str, str]) -> str:
    with pytest.raises(SettingInvalidError) as refused:
        from_environment(env, "host")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_name_and_namespace_are_enough() -> None:
    found = settings()
    assert (found.pod, found.ordinal, found.set_name, found.replicas) == ("galera-2", 2, "galera", 3)
    assert found.cnf == Path("/etc/mysql/my-galera.cnf")
    assert Layout(found.data_root).lock == Path("/var/lib/galera/meta/lock")
    assert found.permission.parent == found.agent_socket.parent == found.run_dir


def test_an_empty_value_is_the_default() -> None:
    assert settings(REPLICAS=" ", SERVICE="") == settings()


def test_the_hostname_stands_in_for_the_name() -> None:
    assert from_environment({"POD_NAMESPACE": "test"}, "mysql-7").ordinal == 7


def test_every_complaint_comes_at_once() -> None:
    names = {"REPLICAS": "0", "EXCHANGE_PORT": "http", "ADDRESS_TYPE": "dns", "FLUSH_LOG_AT_TRX_COMMIT": "on"}
    env = {f"{PREFIX}{name}": value for name, value in names.items()}
    text = complaint({**env, "POD_NAME": "no ordinal", f"{PREFIX}PROVIDER_OPTIONS": "pc.bootstrap=1"})
    for name in (*names, "POD_NAME", "POD_NAMESPACE", "PROVIDER_OPTIONS"):
        assert name in text


def test_the_floor_may_be_any_epoch_that_force_prints() -> None:
    assert settings(MIN_EPOCH="1001000000000").min_epoch == 1_001_000_000_000
    assert settings(MIN_EPOCH=str(2**63 - 1)).min_epoch == 2**63 - 1
    for value in (str(2**63), "1" * 5000, "-1", "1_000"):
        assert "MIN_EPOCH" in complaint({**NEEDED, f"{PREFIX}MIN_EPOCH": value})


def test_data_are_expected_only_where_that_is_said() -> None:
    assert not settings().expect_data
    assert settings(EXPECT_DATA="yes").expect_data
    assert "EXPECT_DATA" in complaint({**NEEDED, f"{PREFIX}EXPECT_DATA": "true"})


@pytest.mark.parametrize("name", ["DATA_ROOT", "RUN_DIR", "CONFIG_DIR", "SECRETS_DIR", "TLS_DIR"])
def test_a_folder_is_where_it_is_for_everybody(name: str) -> None:
    """The server takes a relative datadir from a base of its own: it would run on other data than were looked at."""
    assert f"{name} 'data' does not begin with /" in complaint({**NEEDED, f"{PREFIX}{name}": "data"})


def test_tls_is_never_beside_a_transfer_in_the_clear() -> None:
    text = complaint({**NEEDED, f"{PREFIX}TLS_DIR": "/etc/galera-tls"})
    assert "TLS_DIR needs GALERA_BOOTSTRAP_SST_METHOD=mariabackup" in text
    assert settings(TLS_DIR="/etc/galera-tls", SST_METHOD="mariabackup").tls_dir == Path("/etc/galera-tls")
    assert settings().tls_dir is None


@pytest.mark.parametrize("name", ["REPLICA", "replicas", "DATADIR", "SAFE_TO_BOOTSTRAP"])
def test_a_name_that_is_no_setting_is_refused(name: str) -> None:
    assert f"{PREFIX}{name} is not a setting" in complaint({**NEEDED, f"{PREFIX}{name}": "1"})


@pytest.mark.parametrize(
    "name", ["galera", "galera-", "-1", "galera-01", "galera-1000", "Galera-1", "a.b-1", "a_b-1", "x-1;"]
)
def test_a_name_without_an_ordinal_is_no_pod_of_a_statefulset(name: str) -> None:
    assert "POD_NAME" in complaint({**NEEDED, "POD_NAME": name})


@pytest.mark.parametrize("value", ["0", "-1", "1000", "1.5", "three", "\u0663", "1e2", "9" * 5000])
def test_replicas_is_a_small_number(value: str) -> None:
    assert "REPLICAS" in complaint({**NEEDED, f"{PREFIX}REPLICAS": value})


def test_only_a_sole_pod_may_do_without_dns() -> None:
    assert "NAMESERVER=none needs" in complaint({**NEEDED, f"{PREFIX}NAMESERVER": "none"})
    assert not settings(NAMESERVER="none", REPLICAS="1").has_dns
    assert settings(NAMESERVER="10.0.0.10").has_dns


@pytest.mark.parametrize("value", ["-1", "1000", "one"])
def test_the_first_ordinal_is_a_small_number(value: str) -> None:
    assert "ORDINALS_START" in complaint({**NEEDED, f"{PREFIX}ORDINALS_START": value})


def test_the_configured_ordinals_begin_where_those_of_the_statefulset_do() -> None:
    assert settings().configured_ordinals == {0, 1, 2}
    assert settings(REPLICAS="2", ORDINALS_START="5").configured_ordinals == {5, 6}


def test_a_pod_that_is_no_member_has_the_settings_of_the_lowest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "test")
    monkeypatch.setenv("POD_NAME", "backup-12345")
    assert settings_for_set().pod == "mysql-0"
    monkeypatch.setenv(f"{PREFIX}ORDINALS_START", "5")
    assert settings_for_set().pod == "mysql-5"
    monkeypatch.setenv(f"{PREFIX}SET", "shop-mysql-eu")
    assert settings_for_set().pod == "shop-mysql-eu-5"
    monkeypatch.setenv(f"{PREFIX}SET", "Not A Name")
    with pytest.raises(SettingInvalidError, match=f"^{PREFIX}SET 'Not A Name' is not the name of a StatefulSet$"):
        settings_for_set()


def test_a_member_refuses_settings_that_are_those_of_another_set() -> None:
    assert settings(SET="galera").set_name == "galera"
    assert complaint({**NEEDED, f"{PREFIX}SET": "shop"}) == f"{PREFIX}SET is 'shop', but this is a pod of 'galera'"


@pytest.mark.parametrize("value", ["-1", "65536", "http"])
def test_the_port_of_probes_is_a_port_or_0(value: str) -> None:
    assert "HEALTH_PORT" in complaint({**NEEDED, f"{PREFIX}HEALTH_PORT": value})
    assert settings().health_port == 8080
    assert settings(HEALTH_PORT="0").health_port == 0


def test_two_servers_cannot_have_one_port() -> None:
    text = complaint({**NEEDED, f"{PREFIX}EXCHANGE_PORT": "8080"})
    assert text == f"{PREFIX}HEALTH_PORT and {PREFIX}EXCHANGE_PORT are both 8080"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("pc.bootstrap = YES", "pc.bootstrap = YES"),
        ("gcache.size=1G;pc.bootstrap=1", "pc.bootstrap=1"),
        ("pc.weight=2;gcache.size=1G", "pc.weight=2"),
        ("gcache.size=1G\npc.bootstrap=1", r"gcache.size=1G\npc.bootstrap=1"),
        ('gcache.name=a";pc.bootstrap=1', 'gcache.name=a"'),
    ],
)
def test_each_of_the_provider_options_must_be_allowed(text: str, part: str) -> None:
    """Which of them are, `core.galera.provider_options` decides."""
    assert f"PROVIDER_OPTIONS: '{part}' is not allowed: " in complaint({**NEEDED, f"{PREFIX}PROVIDER_OPTIONS": text})


def test_other_provider_options_are_taken() -> None:
    found = settings(PROVIDER_OPTIONS=" gcache.size=1G ; evs.suspect_timeout = PT5S;; socket.recv_buf_size=1M ")
    expected = (("gcache.size", "1G"), ("evs.suspect_timeout", "PT5S"), ("socket.recv_buf_size", "1M"))
    assert found.provider_options == expected


@pytest.mark.parametrize("port", ["3306", "4444", "4567", "4568"])
@pytest.mark.parametrize("name", ["EXCHANGE_PORT", "HEALTH_PORT"])
def test_a_port_of_the_server_is_not_free_for_the_agent(name: str, port: str) -> None:
    assert f"{PREFIX}{name} {port} is the port of" in complaint({**NEEDED, f"{PREFIX}{name}": port})


BAD_ADDRESSES = [
    "0.0.0.0 wsrep",
    "0.0.0.0,::",
    "1.2.3.4 --x",
    "1.2.3",
    "01.2.3.4",
    "localhost",
    "239.1.1.1",
    "fe80::1%x",
]


@pytest.mark.parametrize("value", BAD_ADDRESSES)
@pytest.mark.parametrize("name", ["POD_IP", f"{PREFIX}BIND_ADDRESS"])
def test_what_is_no_single_address_is_refused(name: str, value: str) -> None:
    assert name in complaint({**NEEDED, name: value})


@pytest.mark.parametrize("value", ["0.0.0.0", "::", "10.1.2.3", "2001:db8::7", "127.0.0.1"])
def test_an_address_to_listen_at_may_be_all_addresses(value: str) -> None:
    assert settings(BIND_ADDRESS=value).bind_address == value
    is_all = value in ("0.0.0.0", "::")
    assert not is_all or "POD_IP" in complaint({**NEEDED, "POD_IP": value})


def test_the_clusters_name_is_short_and_differs_for_whatever_differs() -> None:
    found = settings(POD_NAME=f"{'long-' * 10}x-0")
    names = {
        found.cluster_name("a"), found.cluster_name("b"), settings().cluster_name("a"),
        settings(SERVICE="other").cluster_name("a"), settings(POD_NAMESPACE="other").cluster_name("a"),
    }  # fmt: skip
    assert len(names) == 5
    assert all(len(name) <= 32 for name in names)
    assert settings().cluster_name("a") == settings(POD_NAME="galera-0").cluster_name("a")


def test_every_setting_is_on_the_page_of_settings_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `GALERA_BOOTSTRAP_(\w+)` \| (.*?) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    )
    assert rows.keys() == DEFAULTS.keys()
    for name, (default, _) in DEFAULTS.items():
        assert not default or rows[name] == f"`{default}`"


# Secrets.

FILES = {
    "cluster-id": "c0ffee",
    "exchange-key": "0123456789abcdef-hush",
    "agent-password": "agent-hush",
    "root-password": "root-hush",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in FILES.items():
        (tmp_path / name).write_text(value)
    return tmp_path


def read_both(folder: Path) -> None:
    """Read as each container does: a file that only one of them needs is refused by that one."""
    read_agent_secrets(SecretFolder(folder))
    read_server_secrets(SecretFolder(folder))


def refused(folder: Path) -> str:
    with pytest.raises(SettingInvalidError) as raised:
        read_both(folder)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_each_container_needs_its_own_files_only(folder: Path) -> None:
    agent = AgentSecrets("c0ffee", (b"0123456789abcdef-hush",), "agent-hush")
    server = ServerSecrets("c0ffee", "agent-hush", "root-hush")
    assert (read_agent_secrets(SecretFolder(folder)), read_server_secrets(SecretFolder(folder))) == (agent, server)
    (folder / "root-password").unlink()
    assert read_agent_secrets(SecretFolder(folder)) == agent
    (folder / "root-password").write_text("root-hush")
    (folder / "exchange-key").unlink()
    assert read_server_secrets(SecretFolder(folder)) == server


def test_all_that_is_wrong_is_named_at_once(folder: Path) -> None:
    (folder / "exchange-key").write_text("hush")
    (folder / "exchange-key-previous").write_text("hush\a")
    (folder / "agent-password").unlink()
    complaint = refused(folder)
    assert "shorter than 16" in complaint
    assert "control characters" in complaint
    assert "agent-password is missing or empty" in complaint


def test_a_final_newline_is_not_part_of_a_secret(folder: Path) -> None:
    (folder / "root-password").write_text("root-hush\n")
    (folder / "agent-password").write_bytes(b"agent-hush\r\n")
    found = read_server_secrets(SecretFolder(folder))
    assert (found.root_password, found.agent_password) == ("root-hush", "agent-hush")


def test_a_previous_key_is_accepted_besides(folder: Path) -> None:
    (folder / "exchange-key-previous").write_text("yesterday's long key")
    assert read_agent_secrets(SecretFolder(folder)).keys == (b"0123456789abcdef-hush", b"yesterday's long key")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_empty_secret_is_named(name: str, folder: Path) -> None:
    (folder / name).write_text("\n")
    assert f"{folder / name} is missing or empty" in refused(folder)
    (folder / name).unlink()
    assert f"{folder / name} is missing or empty" in refused(folder)


@pytest.mark.parametrize("value", ["two\nhush lines", "hush\n\n", "nul\0hush", "tab\thush", "bell\ahush"])
@pytest.mark.parametrize("name", FILES)
def test_control_characters_in_a_secret_are_refused(name: str, value: str, folder: Path) -> None:
    (folder / name).write_text(value)
    assert "control characters" in refused(folder)


def test_a_secret_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "root-password").write_bytes(b"hush\xff")
    assert "not text" in refused(folder)


def test_a_secret_that_is_a_folder_is_refused(folder: Path) -> None:
    (folder / "root-password").unlink()
    (folder / "root-password").mkdir()
    assert "check the Secret's mode" in refused(folder)


def test_a_secret_that_may_not_be_read_is_refused(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as other:
        copy = Path(shutil.copytree(folder, other, dirs_exist_ok=True))
        copy.chmod(0o755)
        (copy / "root-password").chmod(0)
        with not_root():
            complaint = refused(copy)
    assert "root-password cannot be read" in complaint
    assert "check the Secret's mode" in complaint


@contextmanager
def not_root() -> Iterator[None]:
    """Read as somebody else: root may read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(12345)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("name", ["exchange-key", "exchange-key-previous"])
def test_a_short_key_is_refused_without_being_shown(name: str, folder: Path) -> None:
    (folder / name).write_text("hush")
    assert "shorter than 16" in refused(folder)


def test_a_member_has_its_own_server_id_and_with_a_domain_of_gtids_that_of_all() -> None:
    assert (settings().server_id, settings().gtid_domain, settings().own_gtid_domain) == (None, None, None)
    assert settings(SERVER_ID="100").server_id == 102
    found = settings(SERVER_ID="100", GTID_DOMAIN="7")
    assert (found.server_id, found.gtid_domain, found.own_gtid_domain) == (100, 7, 10)
    most = (1 << 32) - 1
    last = settings(POD_NAME="galera-999", SERVER_ID=str(most - 1000), GTID_DOMAIN=str(most - 1000))
    assert last.own_gtid_domain == most
    for name in ("SERVER_ID", "GTID_DOMAIN"):
        for value in ("0", "-1", "x", str(most - 999)):
            assert f"{name} '{value}' is not a number" in complaint({**NEEDED, f"{PREFIX}{name}": value})
    assert "GTID_DOMAIN needs GALERA_BOOTSTRAP_SERVER_ID" in complaint({**NEEDED, f"{PREFIX}GTID_DOMAIN": "7"})


def test_a_file_may_have_the_name_that_another_secret_gave_it(folder: Path) -> None:
    (folder / "root-password").rename(folder / "mariadb-root-password")
    assert f"{folder}/root-password is missing or empty" in refused(folder)
    named = settings(SECRET_FILES="root-password=mariadb-root-password; user=MARIADB_USER", SECRETS_DIR=str(folder))
    (folder / "MARIADB_USER").write_text("app\n")
    found = read_server_secrets(named.secrets)
    assert (found.root_password, found.user, found.password) == ("root-hush", "app", None)
    (folder / "MARIADB_USER").write_text("a\tb")
    with pytest.raises(SettingInvalidError, match="MARIADB_USER contains control characters"):
        read_server_secrets(named.secrets)


@pytest.mark.parametrize("value", ["rootpassword=x", "=x", "password=", "password=a/b", "password=..data", "user=a b"])
def test_other_names_of_files_are_checked(value: str) -> None:
    assert "SECRET_FILES" in complaint({**NEEDED, f"{PREFIX}SECRET_FILES": value})


def test_further_applications_are_read_with_their_defaults(folder: Path) -> None:
    files = {"shop.password": "hush 1\n", "crm.password": "hush 2", "crm.user": "Crm-2", "crm.database": "crm, log\n"}
    files |= {"none.password": "hush 3", "none.database": "\n", "lonely.user": "x", "..data": "", "mine.password": "p"}
    for name, value in files.items():
        (folder / name).write_text(value)
    found = read_server_secrets(SecretFolder(folder, {"password": "mine.password"}))
    assert found.password == "p"
    assert found.more == (
        Application("crm", "Crm-2", "hush 2", ("crm", "log")),
        Application("none", "none", "hush 3", ()),
        Application("shop", "shop", "hush 1", ("shop",)),
    )
    assert "hush" not in f"{found}{found.more}{found.more[0]}"


def test_what_is_wrong_with_further_applications_is_named(folder: Path) -> None:
    (folder / "shop.password").write_text("")
    (folder / "crm.password").write_text("hush\thush")
    (folder / "crm.user").write_text("")
    text = refused(folder)
    for name in ("shop.password is missing or empty", "crm.password contains control", "crm.user is missing or empty"):
        assert f"{folder}/{name}" in text


def test_no_secret_is_shown(folder: Path) -> None:
    for name in ("user", "password", "database"):
        (folder / name).write_text(f"{name}-hush")
    found = read_server_secrets(SecretFolder(folder))
    assert (found.user, found.password, found.database) == ("user-hush", "password-hush", "database-hush")
    both = [found, read_agent_secrets(SecretFolder(folder))]
    for text in (*map(repr, both), *map(str, both), f"{both[0]}{both[1]}", repr(both)):
        assert "hush" not in text
