"""What the witness reports about a volume: an unknown state is never "empty", and a first start ends forever."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.waiting import wait
from tests.support.manifests.built import MANIFESTS

pytestmark = pytest.mark.examples

WITNESS = str(MANIFESTS / "components/witness/witness.pl")

SECONDS = 60.0


def look(volume: Path, sign: str = "datadir/log") -> "subprocess.CompletedProcess[str]":
    words = ("perl", WITNESS, "look", str(volume / "mark"), str(volume / sign))
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[None]:
    """The witness of a pod with this volume, in a network of its own, because its port is fixed."""
    words = ("unshare", "--net", "perl", WITNESS, "serve", str(tmp_path / "mark"), str(tmp_path / "datadir/log"))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, env={**os.environ, "POD_NAMESPACE": "db", "POD_NAME": "etcd-0"}, stderr=log)
    yield
    process.kill()
    process.wait()


def test_an_empty_volume_is_reported_as_empty(tmp_path: Path) -> None:
    assert look(tmp_path).stdout == "empty\n"


def test_a_mark_means_a_first_start_until_there_are_data_and_is_then_removed(tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    assert look(tmp_path, "sign").stdout == "first\n"

    (tmp_path / "sign").touch()

    assert look(tmp_path, "sign").stdout == "data\n"
    assert not (tmp_path / "mark").exists()
    (tmp_path / "sign").unlink()
    assert look(tmp_path, "sign").stdout == "empty\n"


@pytest.mark.parametrize("mark", [True, False], ids=["marked", "not marked"])
def test_a_sign_that_cannot_be_read_does_not_count_as_absent(tmp_path: Path, mark: bool) -> None:
    """A file is in the place of the folder, so the error is another one than "no such file"."""
    (tmp_path / "datadir").touch()
    if mark:
        (tmp_path / "mark").touch()

    seen = look(tmp_path)

    assert seen.returncode != 0
    assert seen.stdout == ""
    assert seen.stderr == (
        f"witness: it is not known whether this volume has data: {tmp_path}/datadir/log: Not a directory;"
        " check the volume, nothing starts before\n"
    )
    assert (tmp_path / "mark").exists() == mark


@pytest.mark.usefixtures("serving")
def test_the_mark_is_removed_although_no_pod_asks_and_the_volume_was_unreadable_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    (tmp_path / "datadir").touch()
    wait("its complaint", lambda: "not known" in (tmp_path / "log").read_text(), seconds=SECONDS)
    assert (tmp_path / "mark").exists()

    (tmp_path / "datadir").unlink()
    (tmp_path / "datadir").mkdir()
    (tmp_path / "datadir/log").touch()

    wait("no mark", lambda: not (tmp_path / "mark").exists(), seconds=SECONDS)
