"""What the command of the server may have in it."""

import pytest

from bootstrap.errors import SettingInvalidError
from bootstrap.starter.launch import check_command

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
