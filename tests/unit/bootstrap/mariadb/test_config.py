"""my-galera.cnf: the server reads exactly what was meant, whatever the values are."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bootstrap.errors import ConfigNotWrittenError, SettingInvalidError
from bootstrap.mariadb import config
from bootstrap.mariadb.config import FORBIDDEN, Cnf, render, write
from bootstrap.mariadb.tls import Tls
from tests.support.bootstrap.records import examples

CNF = Cnf(
    datadir="/var/lib/galera/data",
    files_dir="/var/lib/galera/files",
    socket="/run/galera/mariadbd.sock",
    cluster_name="galera-0123",
    node_name="galera-0",
    members=("galera-0.galera.test.svc.cluster.local", "galera-1.galera.test.svc.cluster.local"),
    node_address="10.0.0.1",
    bind_address="0.0.0.0",
    provider="/usr/lib/galera/libgalera_smm.so",
    provider_options=(("gcache.size", "1G"),),
    sst_method="rsync",
    sst_auth="",
    tls=None,
    server_id=None,
    gtid_domain=None,
    own_gtid_domain=None,
    flush_log_at_trx_commit="1",
    user="",
    include_dir="",
)

TEXT_FIELDS = (
    "datadir",
    "files_dir",
    "socket",
    "cluster_name",
    "node_name",
    "node_address",
    "provider",
    "user",
    "include_dir",
)


def options(text: str) -> dict[str, str]:
    """What an option file says, read as the server does: no escapes and no comments behind values occur in ours."""
    values: dict[str, str] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and line[0] not in "#;!":
            assert section in ("mysqld", "sst"), line
            key, _, value = map(str.strip, line.partition("="))
            name = key.replace("-", "_") if section == "mysqld" else f"sst: {key}"
            assert name not in values, f"{key} is there twice"
            values[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return values


PLAIN = options(render(CNF))


def test_the_plain_file() -> None:
    assert PLAIN["datadir"] == "/var/lib/galera/data"
    assert PLAIN["wsrep_cluster_address"] == f"gcomm://{CNF.members[0]},{CNF.members[1]}"
    assert PLAIN["wsrep_node_address"] == "10.0.0.1:4567"
    assert PLAIN["wsrep_sst_receive_address"] == "10.0.0.1:4444"
    assert PLAIN["wsrep_provider_options"] == "gcache.size=1G"
    assert "user" not in PLAIN


def test_the_state_of_galera_is_beside_the_data_whatever_the_user_has_set() -> None:
    assert PLAIN["wsrep_data_home_dir"] == PLAIN["datadir"]


def test_what_the_user_may_change_stands_before_the_user_s_files_and_all_else_after_them() -> None:
    before, _, after = render(CNF._replace(include_dir="/etc/mysql/conf.d")).partition("!includedir")
    assert options(before) == {"secure_file_priv": "/var/lib/galera/files", "symbolic_links": "OFF"}
    assert not options(before).keys() & options(after.partition("\n")[2]).keys()


def test_permission_to_bootstrap_never_stands_in_the_file() -> None:
    assert PLAIN["wsrep_new_cluster"] == "OFF"
    assert "pc.bootstrap" not in render(CNF)


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@examples(150)
@given(st.sampled_from(TEXT_FIELDS), words)
def test_a_value_is_itself_or_is_refused(name: str, value: str) -> None:
    changed: dict[str, Any] = {name: value}
    try:
        values = options(render(CNF._replace(**changed)))
    except SettingInvalidError as exc:
        assume("\n" not in str(exc))
        assert FORBIDDEN & set(value) or not value.isprintable() or value != value.strip()
        return
    expected = {**PLAIN, **expectation(name, value)}
    assert values == expected


def expectation(name: str, value: str) -> dict[str, str]:
    """Which options change with a field."""
    host = f"[{value}]" if ":" in value else value
    return {
        "datadir": {"datadir": value, "wsrep_data_home_dir": value},
        "files_dir": {"secure_file_priv": value},
        "socket": {"socket": value},
        "cluster_name": {"wsrep_cluster_name": value},
        "node_name": {"wsrep_node_name": value},
        "node_address": {"wsrep_node_address": f"{host}:4567", "wsrep_sst_receive_address": f"{host}:4444"},
        "provider": {"wsrep_provider": value},
        "user": {"user": value},
        "include_dir": {},
    }[name]


INJECTIONS = [
    "a\nwsrep_new_cluster=1", "a\rb", 'a"', "a'b", "a#b", "a;b", "a\\", "a$b", "a`b`", "a\0b", "a\x1bb", "a\x85b",
    "a\u2028b", "a{b}", "a%b", "a?b", "a&b", " a", "a ", "\ta", "{{ 7 * 7 }}", "a\u200b",
]  # fmt: skip


@pytest.mark.parametrize("value", INJECTIONS, ids=ascii)
@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_a_value_that_could_mean_more_is_refused(name: str, value: str) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(SettingInvalidError, match="could mean more than itself") as refused:
        render(CNF._replace(**changed))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", INJECTIONS, ids=ascii)
def test_a_provider_option_that_could_mean_more_is_refused(value: str) -> None:
    for pair in ((value, "1"), ("gcache.name", value)):
        with pytest.raises(SettingInvalidError):
            render(CNF._replace(provider_options=(pair,)))


@pytest.mark.parametrize(
    "members", [(), ("",), ("a", ""), (",",), (" ",), ("a,b",), ("a/b",), ("a?b",), ("-",), ("[::1]",)]
)
def test_a_list_that_is_empty_or_holds_no_names_is_refused(members: tuple[str, ...]) -> None:
    with pytest.raises(SettingInvalidError):
        render(CNF._replace(members=members))


labels = st.from_regex(re.compile(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", re.ASCII), fullmatch=True)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
addresses = st.ip_addresses().map(str)


@examples(80)
@given(st.lists(names | addresses, min_size=1, max_size=5))
def test_the_list_holds_every_member_and_is_never_bare(members: list[str]) -> None:
    values = options(render(CNF._replace(members=tuple(members))))["wsrep_cluster_address"]
    expected = [f"[{member}]" if ":" in member else member for member in members]
    assert values.removeprefix("gcomm://").split(",") == expected


def test_with_one_bind_address_all_ports_are_bound_to_it() -> None:
    values = options(render(CNF._replace(bind_address="127.0.0.7")))
    assert values["bind_address"] == "127.0.0.7"
    assert values["wsrep_provider_options"].split(";") == [
        "gcache.size=1G", "gmcast.listen_addr=tcp://127.0.0.7:4567", "ist.recv_addr=127.0.0.7:4568",
    ]  # fmt: skip
    assert values["sst: sockopt"] == ",bind=127.0.0.7"


TLS = Tls("/etc/galera-tls/tls.crt", "/etc/galera-tls/tls.key", "/etc/galera-tls/ca.crt")


def test_with_tls_everything_that_leaves_the_pod_is_encrypted() -> None:
    values = options(render(CNF._replace(tls=TLS, sst_method="mariabackup", sst_auth="galera_sst:secret")))
    assert {values[f"ssl_{name}"] for name in ("cert", "key", "ca")} == {TLS.certificate, TLS.key, TLS.ca}
    assert values["wsrep_provider_options"].split(";") == [
        "gcache.size=1G", "socket.ssl=yes", "socket.ssl_cert=/etc/galera-tls/tls.crt",
        "socket.ssl_key=/etc/galera-tls/tls.key", "socket.ssl_ca=/etc/galera-tls/ca.crt",
    ]  # fmt: skip
    assert values["sst: ssl-mode"] == "VERIFY_CA"
    assert values["sst: sst-log-archive"] == "0"
    assert values["wsrep_sst_auth"] == "galera_sst:secret"


def test_without_tls_no_word_of_it() -> None:
    assert "ssl" not in render(CNF).lower()
    assert "[sst]" not in render(CNF)


def test_ipv6_addresses_stand_in_brackets_where_a_port_follows() -> None:
    values = options(render(CNF._replace(bind_address="fd00::7", node_address="fd00::7", members=("fd00::7",))))
    assert values["bind_address"] == "fd00::7"
    assert values["wsrep_node_address"] == "[fd00::7]:4567"
    assert values["wsrep_cluster_address"] == "gcomm://[fd00::7]"
    assert "gmcast.listen_addr=tcp://[fd00::7]:4567" in values["wsrep_provider_options"]


def test_on_all_addresses_of_both_families_the_group_listens_on_both() -> None:
    """Galera's own default is 0.0.0.0."""
    values = options(render(CNF._replace(bind_address="::", node_address="fd00::7")))
    assert values["bind_address"] == "*"
    assert "gmcast.listen_addr=tcp://[::]:4567" in values["wsrep_provider_options"]
    assert "ist.recv_addr" not in values["wsrep_provider_options"]


def test_without_an_address_the_server_finds_its_own() -> None:
    values = options(render(CNF._replace(node_address="")))
    assert not {"wsrep_node_address", "wsrep_sst_receive_address"} & values.keys()


def test_the_users_folder_is_read_before_ours_so_that_ours_wins() -> None:
    text = render(CNF._replace(include_dir="/etc/mysql/conf.d"))
    assert text.index("!includedir /etc/mysql/conf.d\n") < text.index("datadir = ")


@pytest.mark.skipif(shutil.which("my_print_defaults") is None, reason="NOT TESTED: there is no my_print_defaults here")
def test_the_database_itself_reads_the_same(tmp_path: Path) -> None:
    users = tmp_path / "conf.d"
    users.mkdir()
    (users / "mine.cnf").write_text(
        "[mysqld]\nmax_connections=7\nwsrep_cluster_address=gcomm://\nwsrep_new_cluster=1\n"
        "wsrep_data_home_dir=/elsewhere\n"
    )
    values = CNF._replace(include_dir=str(users), cluster_name="a name, with = and [x]", user="mysql")
    path = tmp_path / "my-galera.cnf"
    write(path, render(values))
    command = ["my_print_defaults", f"--defaults-file={path}", "mysqld"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    last = {}
    for line in lines:
        key, _, value = line.removeprefix("--").partition("=")
        last[key.replace("-", "_")] = value  # the last one wins
    assert last.pop("max_connections") == "7"
    assert last == options(path.read_text())


def test_a_file_that_is_as_it_should_be_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "my-galera.cnf"
    assert write(path, "one\n")
    before = path.stat()
    assert not write(path, "one\n")
    assert path.stat().st_ino == before.st_ino
    assert write(path, "two\n")
    assert path.read_text() == "two\n"
    assert [p.name for p in path.parent.iterdir()] == ["my-galera.cnf"]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one page."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("NOT TESTED: mounting a tiny tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_on_a_full_disk_the_old_file_stays_whole(tiny: Path) -> None:
    path = tiny / "my-galera.cnf"
    assert write(path, "old\n" * 100)
    with pytest.raises(ConfigNotWrittenError, match="No space left on device"):
        write(path, "new\n" * 100)
    assert path.read_text() == "old\n" * 100
    assert [p.name for p in tiny.iterdir()] == ["my-galera.cnf"]


def test_a_folder_in_its_place_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "my-galera.cnf").mkdir()
    with pytest.raises(ConfigNotWrittenError, match="make its folder writable"):
        write(tmp_path / "my-galera.cnf", "x")


def test_a_file_that_these_values_made_is_not_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my-galera.cnf"
    assert config.update(path, CNF)
    assert re.fullmatch(re.escape(render(CNF)) + "# galera-bootstrap fingerprint [0-9a-f]{64}\n", path.read_text())
    assert options(path.read_text()) == PLAIN
    monkeypatch.setattr(config, "render", None)
    assert not config.update(path, CNF)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("4567", "4568", 1),
        lambda text: text + "wsrep_on = OFF\n",
        lambda text: text[: len(text) // 2],
        config.without_fingerprint,
        lambda _: "",
    ],
)
def test_a_file_that_was_changed_by_hand_or_torn_is_written_again(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    path = tmp_path / "my-galera.cnf"
    config.update(path, CNF)
    whole = path.read_text()
    path.write_text(spoil(whole))
    assert path.read_text() != whole
    assert config.update(path, CNF)
    assert path.read_text() == whole


def test_without_its_fingerprint_a_file_is_as_it_was_rendered(tmp_path: Path) -> None:
    path = tmp_path / "my-galera.cnf"
    config.update(path, CNF)
    assert config.without_fingerprint(path.read_text()) == render(CNF)
    assert config.without_fingerprint(path.read_text() + "by_hand = 1\n") == render(CNF) + "by_hand = 1\n"


def test_other_values_make_another_file(tmp_path: Path) -> None:
    path = tmp_path / "my-galera.cnf"
    config.update(path, CNF)
    changed = CNF._replace(members=(*CNF.members, "mysql-9.galera"))
    assert config.update(path, changed)
    assert path.read_text().startswith(render(changed))
    assert not config.update(path, changed)


def test_replication_has_one_sequence_of_gtids_and_a_domain_for_what_a_member_writes_alone() -> None:
    plain = render(CNF)
    for name in ("server_id", "gtid", "log_bin", "log_slave_updates", "binlogs"):
        assert name not in plain
    made = render(CNF._replace(server_id=100, gtid_domain=7, own_gtid_domain=9))
    ours = made.partition("wsrep_on = ON")[0].rpartition("[mysqld]")[2].splitlines()
    wanted = (
        "server_id = 100",
        "wsrep_gtid_mode = ON",
        "wsrep_gtid_domain_id = 7",
        "gtid_domain_id = 9",
        "log_slave_updates = ON",
    )
    assert set(wanted) <= set(ours)
    # Only a default: a binary log may have its place elsewhere.
    assert "log_bin = mysql-bin" in made.partition("# Your own options")[0].splitlines()
    assert "log_bin" not in "".join(ours)
    assert "[sst]\n" in made.partition("# Your own options")[0]
    assert "sst-max-binlogs = 4" in made.partition("# Your own options")[0].splitlines()
    assert "server_id = 3" in render(CNF._replace(server_id=3)).splitlines()


@pytest.mark.parametrize(("flush", "is_fixed"), [("0", False), ("1", True), ("2", False), ("3", False)])
def test_a_binary_log_is_as_durable_as_the_data_and_only_the_setting_loosens_both(flush: str, is_fixed: bool) -> None:
    """A recovery after a power cut rolls back each transaction that the binary log has lost."""
    text = render(CNF._replace(flush_log_at_trx_commit=flush, include_dir="/etc/mysql/conf.d"))
    before, _, after = text.partition("!includedir")
    assert ("sync_binlog = 1" in after, "sync_binlog = 1" in before) == (is_fixed, not is_fixed)
