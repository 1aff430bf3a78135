"""garbd's arguments, and what its log says."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootstrap.errors import ServerMissingError
from bootstrap.operations import arbitrator, backup
from bootstrap.settings import Settings, from_environment

PRIM = b"2026-11-26 06:31:23.111  INFO: view(view_id(PRIM,ed225543-981e,4) memb {"
NON_PRIM = b"2026-11-26 06:31:23.387  INFO: view(view_id(NON_PRIM,ed225543-981e,4) memb {"
ALONE = "2026-11-26 11:18:18.598  INFO: New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 1"


def settings(tmp_path: Path, **changes: str) -> Settings:
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "cluster-id").write_text("very-secret-id")
    env = {"SECRETS_DIR": str(tmp_path / "secrets"), "RUN_DIR": str(tmp_path / "run"), **changes}
    prefixed = {f"GALERA_BOOTSTRAP_{key}": value for key, value in env.items()}
    return from_environment({"POD_NAMESPACE": "db", "POD_NAME": "mysql-0", **prefixed}, "")


def test_the_list_is_whole_and_only_options_that_garbd_knows_are_passed_on(tmp_path: Path) -> None:
    given = settings(tmp_path, PROVIDER_OPTIONS="gcache.size=2G;evs.suspect_timeout=PT2S;gcs.fc_limit=99")
    argv = arbitrator.make_command(given, ("a", "fd00::7"), "garbd")

    assert "--address=gcomm://a,[fd00::7]" in argv
    assert f"--group={given.cluster_name('very-secret-id')}" in argv
    assert "--options=evs.suspect_timeout=PT2S;gmcast.listen_addr=tcp://0.0.0.0:4567;pc.recovery=no" in argv
    assert "very-secret-id" not in " ".join(argv)


def test_on_all_addresses_of_both_families(tmp_path: Path) -> None:
    argv = arbitrator.make_command(settings(tmp_path, BIND_ADDRESS="::"), ("a",), "garbd")

    assert "gmcast.listen_addr=tcp://[::]:4567" in argv[-1]


def test_it_is_ready_in_a_primary_component_and_not_after_it(tmp_path: Path) -> None:
    ready = tmp_path / "primary"
    assert arbitrator.read_line(b"INFO: gcomm: connecting", ready, None) is None
    assert not ready.exists()
    assert arbitrator.read_line(PRIM, ready, 5.0) is None
    assert ready.exists()
    lost = arbitrator.read_line(NON_PRIM, ready, None)
    assert lost is not None
    assert not ready.exists()
    # Another view outside does not restart the clock.
    assert arbitrator.read_line(NON_PRIM, ready, 5.0) == 5.0


def program(tmp_path: Path, body: str) -> tuple[str, ...]:
    path = tmp_path / "garbd.py"
    path.write_text(f"import sys, time\n{body}\n")
    return (sys.executable, "-u", str(path))


def test_one_that_stays_outside_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arbitrator, "LOST_S", 0.5)
    began = time.monotonic()
    why = arbitrator.run_garbd(
        program(tmp_path, f"print({NON_PRIM.decode()!r}); time.sleep(60)"), tmp_path, tmp_path / "p"
    )

    assert why.startswith("no Primary Component for 0.5 s")
    assert time.monotonic() - began < 30


def test_one_that_is_left_alone_in_the_primary_component_is_ended_at_once(tmp_path: Path) -> None:
    """Otherwise the members, which recover without it, would make a second one beside it."""
    others = ALONE.replace("memb_num = 1", "memb_num = 12")
    body = f"print({others!r}); time.sleep(1); print({PRIM.decode()!r}); print({ALONE!r}); time.sleep(60)"
    began = time.monotonic()
    why = arbitrator.run_garbd(program(tmp_path, body), tmp_path, tmp_path / "p")

    assert why.startswith("all members with data have left")
    assert 1 <= time.monotonic() - began < 30
    assert not (tmp_path / "p").exists()


def test_it_reports_how_garbd_has_ended(tmp_path: Path) -> None:
    why = arbitrator.run_garbd(program(tmp_path, f"print({PRIM.decode()!r}); sys.exit(3)"), tmp_path, tmp_path / "p")

    assert why == "garbd has ended with status 3; it is restarted"
    assert not (tmp_path / "p").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["garbd.py"]


def test_a_log_that_cannot_be_written_costs_no_vote(tmp_path: Path) -> None:
    argv = program(tmp_path, f"print({PRIM.decode()!r}); sys.exit(3)")
    code = (
        "from pathlib import Path; from bootstrap.operations import arbitrator; "
        f"print(arbitrator.run_garbd({argv!r}, Path({str(tmp_path)!r}), Path({str(tmp_path / 'p')!r})))"
    )
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert "garbd has ended with status 3" in done.stdout


def test_an_image_without_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServerMissingError, match="no-garbd"):
        arbitrator.run_garbd(("no-garbd",), tmp_path, tmp_path / "p")


@pytest.mark.parametrize(
    ("sparing", "expected"),
    [("mysql-0", "mysql-2,mysql-1,"), ("mysql-2", "mysql-1,mysql-0,"), ("", "mysql-2,mysql-1,mysql-0,")],
)
def test_the_writer_is_no_donor_while_there_is_another_one(tmp_path: Path, sparing: str, expected: str) -> None:
    """The last comma allows any other member (MariaDB, `wsrep_sst_donor`)."""
    assert backup.format_donors(settings(tmp_path), (0, 1, 2), sparing) == expected
