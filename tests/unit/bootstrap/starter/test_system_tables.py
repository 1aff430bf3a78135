"""The program that `start` leaves beside its server: real agent, real starter, and scripts as server and upgrade."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap.control.starter_messages import AgentDecision, DecisionKind, PermissionAnswer
from bootstrap.core.model.action import Action
from bootstrap.datadir.provenance import TABLES, note_tables, note_version
from bootstrap.process import child, keeper
from bootstrap.starter.launch import may_need_upgrade
from bootstrap.starter.pod import Pod
from tests.support.bootstrap.fleet import settings_of
from tests.support.bootstrap.machine import Machine, until

OLD, NEW = "mariadbd  Ver 10.11.19-MariaDB", "mariadbd  Ver 11.8.9-MariaDB"


def permission(action: Action, *tables: str) -> PermissionAnswer:
    decision = AgentDecision(
        DecisionKind.JOIN, action, "rule", "why", first=False, forced=False, adopt=False, history="", term=0
    )
    return PermissionAnswer(decision, (), tables)


@pytest.mark.parametrize(
    ("given", "tables", "is_on", "expected"),
    [
        (permission(Action.BOOTSTRAP, "10.11"), NEW, True, False),
        (permission(Action.BOOTSTRAP), OLD, True, True),
        (permission(Action.BOOTSTRAP), "", True, True),
        (permission(Action.JOIN, "11.8"), NEW, True, False),
        (permission(Action.JOIN, "11.8"), OLD, True, True),
        (permission(Action.JOIN, "10.11", "11.8"), NEW, True, True),
        (permission(Action.JOIN, "", "11.8"), NEW, True, True),
        (permission(Action.JOIN), NEW, True, True),
        (permission(Action.BOOTSTRAP), OLD, False, False),
        (permission(Action.JOIN, "10.11"), OLD, False, False),
    ],
)
def test_it_is_left_where_a_transfer_may_bring_other_tables_or_these_are_of_another_series(
    tmp_path: Path, given: PermissionAnswer, tables: str, is_on: bool, expected: bool
) -> None:
    settings: Any = settings_of(tmp_path, 0)._replace(upgrade_tables=is_on)
    pod = Pod(settings, Any, Any, print, frozenset())  # type: ignore[arg-type]  # neither the Secret nor DNS is read
    (pod.layout.data / "mysql").mkdir(parents=True)
    pod.layout.meta.mkdir()
    note_version(pod.layout.meta, NEW)
    note_tables(pod.layout.data, tables)
    assert may_need_upgrade(pod, given) is expected
    note_version(pod.layout.meta, "no version")
    assert may_need_upgrade(pod, given) is is_on


def find_upgraders(server: int) -> list[int]:
    """The processes of this command that belong to this server."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if words[-4:-1] == ["upgrade", "--server", str(server)]:
            found.append(int(folder.name))
    return found


def holds_lock(pid: int) -> bool:
    """Whether this process has the file of the volume's lock open."""
    names = [path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir() if path.exists()]
    return "lock" in names


def test_it_lives_beside_the_server_holds_no_lock_and_ends_with_it(machine: Machine) -> None:
    machine.install_server(seconds=600)
    machine.database()
    machine.agent()
    server = machine.start()
    until(machine.arguments.exists, "the server's start")
    until(lambda: find_upgraders(server.pid), "the program beside it")
    (upgrader,) = find_upgraders(server.pid)
    assert [holds_lock(pid) for pid in keeper.find_children(server.pid) if pid != upgrader] == [True]
    assert not holds_lock(upgrader)
    server.kill()
    server.wait()
    until(lambda: not find_upgraders(server.pid), "its end")


def test_a_program_whose_server_has_ended_already_does_nothing() -> None:
    code = "import os; from bootstrap.process import child; print(child.end_with(os.getppid()), child.end_with(1))"
    done = child.run((sys.executable, "-c", code))
    assert done.output.split() == ["True", "False"]


UPGRADE = """\
#!/bin/sh
[ "$MYSQL_PWD" = r ] || exit 9
{script}
"""


@pytest.fixture
def upgradable(machine: Machine) -> Machine:
    """A machine with a database whose server is newer than its tables."""
    machine.database()
    (machine.root / "data" / "meta" / "server-version").write_text(NEW)
    return machine


def upgrade(machine: Machine, script: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run the command as a human does, with this script as the program of the image."""
    path = machine.root / "mariadb-upgrade"
    path.write_text(UPGRADE.format(script=script))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{machine.root}:{os.environ['PATH']}")
    process = machine.begin("upgrade")
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def test_a_human_upgrades_without_the_agent_and_the_series_is_noted(
    upgradable: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, err = upgrade(upgradable, "exit 0", monkeypatch)
    assert (status, "the system tables are upgraded" in err) == (0, True)
    assert (upgradable.root / "data" / "data" / "mysql" / TABLES).read_text() == NEW


def test_nothing_is_noted_of_an_upgrade_that_has_failed(upgradable: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    status, err = upgrade(upgradable, "echo 'ERROR 3: no space'; exit 1", monkeypatch)
    assert (status, "are not upgraded: mariadb-upgrade ended with status 1: ERROR 3: no space" in err) == (26, True)
    assert not (upgradable.root / "data" / "data" / "mysql" / TABLES).exists()


def test_an_upgrade_that_cannot_be_noted_has_failed(upgradable: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (upgradable.root / "data" / "data" / "mysql").rmdir()
    status, err = upgrade(upgradable, "exit 0", monkeypatch)
    assert (status, "No such file or directory" in err) == (26, True)
