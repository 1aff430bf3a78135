"""Another series of MariaDB: where its packages are, and that it is really the one that runs."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.lab import debian, series, user
from tests.lab.user import NotInstalledError
from tests.support.installed import require_series

TARGETS = """\
Debian\thttp://archive.example/debian/\tmain
Debian\thttp://archive.example/debian/\tcontrib
Debian\thttp://archive.example/debian/\tmain
Debian-Security\thttp://security.example/\tmain
Debian Backports\thttp://archive.example/debian/\tmain
. nodistro\thttps://deb.example/node\tmain
"""
"""What apt-get prints for bookworm, bookworm-updates and bookworm-security, beside archives of others."""


def test_a_suite_is_fetched_from_the_archives_of_debian_that_apt_uses() -> None:
    assert debian.parse_targets(TARGETS, "trixie") == [
        "deb http://archive.example/debian/ trixie main",
        "deb http://archive.example/debian/ trixie-updates main",
        "deb http://security.example/ trixie-security main",
    ]


def test_a_machine_whose_apt_knows_no_debian_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NotInstalledError, match=r"knows no archive of Debian: apt-get update$"):
        debian.find_sources("trixie")


def test_an_unknown_series_is_refused_by_name() -> None:
    with pytest.raises(NotInstalledError, match=r"^MariaDB '11\.7' is not known here: SERIES is one of 10\.11, 11\.8$"):
        series.make_path("11.7")


def test_the_series_of_this_machine_needs_no_other_root() -> None:
    if not (own := series.read_series("mariadbd")):
        pytest.skip("NOT TESTED: this machine has no mariadbd")
    assert series.make_path(own) == user.SYSTEM_PATH


@pytest.mark.galera
@pytest.mark.parametrize("name", series.SUITES)
def test_the_server_of_each_series_runs_with_its_own_libraries_and_nobody_else_sees_them(name: str) -> None:
    require_series(name)
    before = Path("/etc/debian_version").read_text()
    done = subprocess.run(
        user.wrap_for_pod(("mariadbd", "--no-defaults", "--version")),
        env={"PATH": series.make_path(name)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Ver {name}." in done.stdout
    assert Path("/etc/debian_version").read_text() == before
