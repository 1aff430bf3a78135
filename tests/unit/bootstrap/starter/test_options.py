"""A server that refuses its options, or has no folder for a file, is not started; a corrected file is enough."""

from pathlib import Path

import pytest

from tests.support.bootstrap.machine import CHECK, Machine, until, wait_for_end
from tests.support.bootstrap.records import A

pytestmark = pytest.mark.galera


@pytest.fixture
def yours(machine: Machine) -> Path:
    """Your own option file."""
    folder = machine.root / "config" / "conf.d"
    folder.mkdir()
    machine.install_server(seconds=0, check=CHECK)
    return folder / "yours.cnf"


def decision(machine: Machine) -> tuple[str, str]:
    found = machine.status().get("decision", {})
    return str(found.get("kind")), str(found.get("rule"))


def test_a_typing_error_holds_before_the_permission_is_used_and_the_cure_is_enough(
    machine: Machine, yours: Path
) -> None:
    yours.write_text("[mysqld]\ninnodb_bufer_pool_size=64M\n")
    machine.database()
    state = machine.root / "data" / "data" / "grastate.dat"
    before = state.read_bytes()
    machine.agent()
    server = machine.start()
    until(lambda: decision(machine) == ("hold", "options"), "the hold")

    reason = machine.status()["decision"]["reason"]
    assert f"refuses its options: unknown variable 'innodb_bufer_pool_size=64M' ({yours}:2)" in reason
    assert server.poll() is None
    assert not machine.arguments.exists()
    assert not (machine.root / "run" / "permission.json").exists()
    assert state.read_bytes() == before

    yours.write_text("[mysqld]\ninnodb_buffer_pool_size=64M\n")
    status, log = wait_for_end(server)
    assert status == 0, log
    assert f"--wsrep_start_position={A}:7" in machine.arguments.read_text().splitlines()


def test_a_typing_error_holds_before_the_recovery_and_the_cure_is_enough(machine: Machine, yours: Path) -> None:
    yours.write_text("[mysqld]\ninnodb_force_recovery=6\n")
    machine.database(seqno=-1)
    machine.agent()
    hook = machine.begin("on-start")
    until(lambda: decision(machine) == ("hold", "options"), "the hold")
    assert machine.status()["members"][0]["class"] == "UNKNOWN"
    assert hook.poll() is None

    yours.write_text("[mysqld]\n")
    status, log = wait_for_end(hook)
    assert status == 0, log
    assert f"CRASHED at {A}:7" in log


def test_a_folder_that_is_not_there_holds_the_server_and_not_the_hook(machine: Machine, yours: Path) -> None:
    """The hook runs in another container, which may have other mounts."""
    logs = machine.root / "logs"
    yours.write_text(f"[mysqld]\nlog_bin={logs}/binlog\n")
    machine.database()
    machine.agent()
    assert wait_for_end(machine.begin("on-start"))[0] == 0
    server = machine.start()
    until(lambda: decision(machine) == ("hold", "options"), "the hold")
    assert f"there is no folder {logs}" in machine.status()["decision"]["reason"]

    logs.mkdir()
    assert wait_for_end(server)[0] == 0
    assert machine.arguments.exists()


def test_a_script_that_cannot_run_holds_the_first_start_before_anything_is_made(machine: Machine, yours: Path) -> None:
    yours.write_text("[mysqld]\n")
    scripts = machine.root / "scripts"
    scripts.mkdir()
    (scripts / "copy.tar.gz").touch()
    machine.more = {"INITDB_DIR": str(scripts)}
    machine.agent()
    server = machine.start()
    until(lambda: decision(machine) == ("hold", "options"), "the hold")
    reason = machine.status()["decision"]["reason"]
    assert f"{scripts}/copy.tar.gz would be restored by the official image" in reason
    assert server.poll() is None
    assert {path.name for path in (machine.root / "data").iterdir()} == {"meta"}

    (scripts / "copy.tar.gz").unlink()
    until(lambda: (machine.root / "data" / "data.tmp").exists() or server.poll() is not None, "the first start")


def test_what_ours_replaces_is_said_at_the_start(machine: Machine, yours: Path) -> None:
    yours.write_text('[galera]\nwsrep_provider_options="gcache.size=5G"\n')
    machine.database()
    machine.agent()
    status, log = wait_for_end(machine.start())
    assert status == 0
    assert f"{yours}:2 sets wsrep_provider_options, which has no effect: use GALERA_BOOTSTRAP_PROVIDER_OPTIONS" in log


def test_a_server_that_ends_again_and_again_is_counted(machine: Machine, yours: Path) -> None:
    yours.write_text("[mysqld]\n")
    machine.database()
    machine.agent()
    for _ in range(3):
        assert wait_for_end(machine.start())[0] == 0
    until(lambda: (machine.status().get("failed_starts") or {}).get("times") == 3, "the count")
    status = machine.status()
    assert "kubectl -n test logs galera-0 -c mysql --previous" in status["failed_starts"]["look"]
    assert status["decision"]["since"] <= status["failed_starts"]["since"]
    events = machine.root / "data" / "meta" / "events.json"
    until(lambda: events.read_text().count('"kind": "server-ended"') == 2, "the events from the second time on")
