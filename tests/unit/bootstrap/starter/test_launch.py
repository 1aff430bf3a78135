"""What the command of the server may have in it, and which data are opened by a permitted start."""

from pathlib import Path
from typing import cast

import pytest

from bootstrap.control.starter_messages import AgentDecision, DecisionKind
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, JournalHints
from bootstrap.errors import DatadirNotReadyError, SettingInvalidError
from bootstrap.mariadb.recover import Recover
from bootstrap.network.directory import Directory
from bootstrap.secret_files import ServerSecrets
from bootstrap.starter.launch import adopt, check_command, lacks_accounts, take_over
from bootstrap.starter.pod import Pod
from tests.support.bootstrap.fleet import settings_of

CNF = "/etc/mysql/my-galera.cnf"
GOOD = ("mariadbd", f"--defaults-file={CNF}")

OURS = [
    "--wsrep-new-cluster", "--wsrep_new_cluster", "--wsrep-new-cluster=1", "--wsrep-new", "--loose-wsrep-new-cluster",
    "--enable-wsrep-new-cluster", "--WSREP-NEW-CLUSTER", "--wsrep-cluster-address=gcomm://", "--wsrep_cluster_address",
    "--wsrep-start-position=x:1", "--wsrep-recover", "--wsrep-on=0", "--skip-wsrep-on", "--datadir=/x", "--datadir",
    "--data=/x", "--dat=/x", "--da=/x", "-h/x", "-h", "-vh/x", "-sh/x", "--wsrep-provider-options=pc.bootstrap=1",
]  # fmt: skip


@pytest.mark.parametrize("option", OURS)
def test_an_option_of_ours_is_refused_in_every_spelling(option: str) -> None:
    with pytest.raises(SettingInvalidError, match="remove it from the command"):
        check_command((*GOOD, option), CNF)


@pytest.mark.parametrize("option", ["--log-bin", "--log_bin=/logs/binlog", "--skip-log-bin", "--log-basename=x"])
def test_a_binary_log_that_the_recovery_would_not_know_is_refused(option: str) -> None:
    with pytest.raises(SettingInvalidError, match="write it into a file in"):
        check_command((*GOOD, option), CNF)


@pytest.mark.parametrize(
    "option", ["--defaults-file=/other", "--defaults-extra-file=/x", "--defaults-group-suffix=x", "--no-defaults"]
)
def test_another_configuration_is_refused(option: str) -> None:
    with pytest.raises(SettingInvalidError, match="the configuration is"):
        check_command((*GOOD, option), CNF)


def test_a_command_without_the_configuration_is_refused() -> None:
    with pytest.raises(SettingInvalidError, match="is missing in the command"):
        check_command(("mariadbd", "--user=mysql"), CNF)


@pytest.mark.parametrize("more", [("--max-connections=5", GOOD[1]), (GOOD[1], GOOD[1])])
def test_our_configuration_is_the_first_option_and_there_once(more: tuple[str, ...]) -> None:
    """The server aborts otherwise, and a permission would have been used up for nothing."""
    with pytest.raises(SettingInvalidError, match="first option"):
        check_command(("mariadbd", *more), CNF)


def test_a_wrapper_may_stand_before_the_server() -> None:
    check_command(("nice", "-n", "5", *GOOD), CNF)


@pytest.mark.parametrize(
    "option", ["-uhorst", "-P3307", "--max-connections=5", "--user=mysql", "--debug", "--port=3307", "--date-format=x"]
)
def test_other_options_are_the_users_own(option: str) -> None:
    check_command((*GOOD, option), CNF)


# Adopted data are opened under the same guards as at every other start.

SECRETS = ServerSecrets("cluster", agent_password="agent", root_password="root")

SERVER = """\
#!/bin/sh
case "$*" in
*--version*) echo "mariadbd  Ver {version}-MariaDB" ;;
*--bootstrap*) cat >{opened} ;;
esac
"""


def adopted(folder: Path, version: str) -> tuple[Pod, Recover]:
    """A pod with a whole database of a killed server, and a server of this version that keeps its arguments."""
    server = folder / "mariadbd"
    server.write_text(SERVER.format(version=version, opened=folder / "opened"))
    server.chmod(0o755)
    settings = settings_of(folder, 0)._replace(mariadbd=str(server))
    pod = Pod(settings, SECRETS, cast("Directory", None), lambda _: None, frozenset())
    (pod.layout.data / "mysql").mkdir(parents=True)
    pod.layout.meta.mkdir()
    (pod.layout.data / "ibdata1").touch()
    return pod, Recover((str(server), f"--defaults-file={folder}/my.cnf"))


def test_data_from_elsewhere_get_their_accounts(tmp_path: Path) -> None:
    pod, recover = adopted(tmp_path, "10.11.19")
    adopt(pod, recover)
    assert "galera_agent" in (tmp_path / "opened").read_text()


NEVER_HERE = JournalHints()

START = AgentDecision(DecisionKind.BOOTSTRAP, Action.BOOTSTRAP, "all-heard", "", False, False, False, "", 1)


@pytest.mark.parametrize("data", STARTABLE)
@pytest.mark.parametrize("action", [Action.BOOTSTRAP, Action.JOIN])
def test_usable_data_that_were_no_member_here_may_lack_our_accounts(data: DataClass, action: Action) -> None:
    decision = START._replace(action=action)
    assert lacks_accounts(Disk(data), NEVER_HERE, decision)
    assert lacks_accounts(Disk(data), NEVER_HERE._replace(joining=True), decision)


@pytest.mark.parametrize("data", sorted(set(DataClass) - set(STARTABLE)))
def test_data_that_no_server_is_started_on_get_none(data: DataClass) -> None:
    assert not lacks_accounts(Disk(data), NEVER_HERE, START._replace(action=Action.JOIN))


@pytest.mark.parametrize(
    ("hints", "decision"),
    [
        (NEVER_HERE._replace(was_synced=True), START),
        (NEVER_HERE._replace(initialised=True), START),
        (NEVER_HERE, START._replace(forced=True, adopt=True)),
    ],
)
def test_accounts_are_there_where_an_agent_was_logged_in_or_that_were_made_here(
    hints: JournalHints, decision: AgentDecision
) -> None:
    assert not lacks_accounts(Disk(DataClass.CLEAN), hints, decision)


def test_our_accounts_are_made_under_a_note_of_the_version(tmp_path: Path) -> None:
    """The server that makes them opens the data: an image of another series must not recover them after a kill."""
    pod, recover = adopted(tmp_path, "10.11.19")
    take_over(pod, recover)
    assert "galera_agent" in (tmp_path / "opened").read_text()
    assert "Ver 10.11.19" in (pod.layout.meta / "server-version").read_text()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("server-version", "mariadbd  Ver 10.11.19-MariaDB", "written by MariaDB 10.11"),
        ("server-version", "of no version", "names no version"),
        ("server-binlog", "--log-bin=/logs/b\n", "had a binary log"),
    ],
)
def test_data_that_the_server_must_not_recover_are_not_adopted(
    name: str, content: str, why: str, tmp_path: Path
) -> None:
    pod, recover = adopted(tmp_path, "11.8.2")
    (pod.layout.meta / name).write_text(content)
    with pytest.raises(DatadirNotReadyError, match=f"cannot be adopted .*{why}.*nothing is started"):
        adopt(pod, recover)
    assert not (tmp_path / "opened").exists()
