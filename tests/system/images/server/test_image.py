"""What is in the server image, and what is not, by its files and its configuration."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from images.debian import OFFICIAL
from images.inputs import DEFAULT_SERIES, SERIES
from tests.paths import ROOT
from tests.support.images.box import podman, run
from tests.support.images.root_files import has_privileges, list_files, read_packages

pytestmark = pytest.mark.images

SOURCES = ROOT / "images" / "mysql-galera"

FIXED = {"10.11": "1:10.11.18-0+deb12u1", "11.8": "1:11.8.8-0+deb13u1"}
"""The first version with CVE-2026-49261 and CVE-2026-48165 fixed: by the changelogs of Debian 12 and 13."""

LOOKED_UP = re.compile(r"(?:commandex|wsrep_check_programs?) ['\"]?([a-z_-]+)")
"""How the scripts of a state transfer check for a program before they use it."""

CALLED = (
    *("awk", "bash", "cut", "du", "find", "grep", "gzip", "head", "mbstream", "mktemp", "my_print_defaults"),
    *("ps", "sed", "ss", "stdbuf", "tar", "tr", "uname", "xargs"),
)
"""The programs that they call without a check."""

NOT_NEEDED = {
    "ifconfig": "only where there is no ip",
    "logger": "only with [sst] sst-syslog: a container logs to stderr",
    "lsof": "only where there is no ss",
    "nc": "only with [sst] transferfmt=nc instead of socat",
    "qpress": "only for mariadb-backup's own compression, which is deprecated",
    "selinuxenabled": "if it is missing, SELinux is not enabled",
    "sfmt": "the name of a variable, whose value is mbstream",
    "sockstat": "only on FreeBSD",
    "stunnel": "only with TLS over rsync",
    "xbcrypt": "only with Percona's tools",
}
"""Programs that may be missing, and why."""


@pytest.fixture(scope="module")
def config(server_image: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(podman("image", "inspect", server_image).stdout)[0]
    return config


def test_the_user_is_a_number_and_not_root(config: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["Config"]["User"])


def test_there_is_no_volume_and_no_healthcheck(config: dict[str, Any]) -> None:
    assert not config["Config"].get("Volumes")
    assert not config.get("Healthcheck")
    assert not config["Config"].get("Healthcheck")


def test_the_ports_of_a_member_are_exposed(config: dict[str, Any]) -> None:
    expected = {"3306/tcp", "4444/tcp", "4567/tcp", "4567/udp", "4568/tcp", "4569/tcp", "8080/tcp"}

    assert expected == set(config["Config"]["ExposedPorts"])


def test_the_stop_signal_is_the_one_that_shuts_mariadbd_down(config: dict[str, Any]) -> None:
    assert config["Config"]["StopSignal"] in {"SIGTERM", "15"}


def test_without_arguments_the_dockerfile_builds_the_default_series() -> None:
    found = dict(re.findall(r"^ARG (\w+)=(\S+)$", (SOURCES / "Dockerfile").read_text(), re.MULTILINE))
    packages = SERIES[DEFAULT_SERIES]

    assert found["BASE"] == OFFICIAL.format(suite=packages.suite)
    assert (found["MARIADB_VERSION"], found["GALERA_VERSION"]) == (packages.mariadb, packages.galera)


def test_labels_describe_the_image(config: dict[str, Any], series: str) -> None:
    labels = config["Labels"]

    names = ("title", "description", "version", "revision", "created", "licenses", "base.name", "base.digest")
    assert all(labels.get(f"org.opencontainers.image.{name}") for name in names)
    assert SERIES[series].mariadb in labels["org.opencontainers.image.description"]


def test_no_password_is_in_the_environment(config: dict[str, Any]) -> None:
    names = {line.partition("=")[0] for line in config["Config"]["Env"]}

    assert {"PATH", "MYSQL_UNIX_PORT"} == {name for name in names if name != "container"}


def test_nothing_names_an_architecture() -> None:
    text = "".join(path.read_text() for path in SOURCES.iterdir() if path.is_file())

    assert not re.search(r"amd64|arm64|x86|aarch64|linux-gnu", text)


def test_no_file_gives_privileges(root: Path) -> None:
    assert [str(path) for path, status in list_files(root) if has_privileges(path, status)] == []


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_such_a_file_would_be_found(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "helper"
    path.touch()
    path.chmod(mode)

    assert [path] == [found for found, status in list_files(tmp_path) if has_privileges(found, status)]


def test_no_user_can_log_in(root: Path) -> None:
    hashes = {line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines()}

    assert hashes <= {"*", "!", "!*"}


def test_no_configuration_no_database_and_no_credentials_of_debian(root: Path) -> None:
    for name in ("etc/mysql", "run/galera", "var/lib/galera"):
        assert list((root / name).iterdir()) == []
    assert not (root / "var/lib/mysql").exists()
    found = [path for path, _ in list_files(root) if path.name in {"debian.cnf", "ibdata1", ".my.cnf", ".mylogin.cnf"}]
    assert found == []


def test_the_folders_of_a_pod_belong_to_the_user_and_to_the_group_of_random_users(
    root: Path, config: dict[str, Any]
) -> None:
    uid = int(config["Config"]["User"].partition(":")[0])
    for name in ("etc/mysql", "run/galera", "var/lib/galera"):
        status = (root / name).stat()
        assert (uid, 0, 0o770) == (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


def test_the_leftovers_of_a_build_are_removed(root: Path) -> None:
    for name in ("tmp", "var/tmp", "var/log", "var/cache/apt", "var/cache/ldconfig", "var/lib/apt/lists"):
        folder = root / name
        assert not folder.exists() or list(folder.iterdir()) == [], name
    assert [str(path) for path, _ in list_files(root) if path.suffix == ".deb"] == []


def test_the_database_has_the_pinned_version(root: Path, series: str) -> None:
    packages, pinned = read_packages(root), SERIES[series]

    assert pinned.galera == packages["galera-4"]
    for package in ("mariadb-server-core", "mariadb-client-core", "mariadb-backup"):
        assert pinned.mariadb == packages[package]


@pytest.mark.parametrize("package", ["mariadb-server-core", "mariadb-backup"])
def test_cve_2026_49261_and_cve_2026_48165_are_fixed(server_image: str, series: str, root: Path, package: str) -> None:
    """dpkg compares the versions, because 10.11.9 is older than 10.11.18."""
    compare = ("dpkg", "--compare-versions", read_packages(root)[package], "ge", FIXED[series])

    assert run(server_image, *compare, check=False).returncode == 0


def test_the_programs_have_the_pinned_version(server_image: str, series: str) -> None:
    upstream = re.fullmatch(r"\d+:([\d.]+)[+-].+", SERIES[series].mariadb)
    assert upstream

    for program in ("mariadbd", "mariadb", "mariadb-backup"):
        done = run(server_image, program, "--version")
        assert upstream[1] in done.stdout + done.stderr


def checked_programs(root: Path) -> set[str]:
    """The programs that the scripts of a state transfer check for."""
    scripts = [path.read_text() for path in (root / "usr/bin").glob("wsrep_sst_*")]
    assert len(scripts) == 3
    return {name for text in scripts for name in LOOKED_UP.findall(text)}


def test_every_program_of_a_state_transfer_is_there_or_not_needed(server_image: str, root: Path) -> None:
    """When a later version of the scripts needs another program, this fails until a human has decided about it."""
    wanted = checked_programs(root)
    assert {"rsync", "socat", "ss", "openssl", "pv", "timeout", "mariadb-backup"} <= wanted
    script = 'for name; do command -v "$name" >/dev/null || echo "$name"; done'

    done = run(server_image, "sh", "-c", script, "sh", *wanted, *CALLED)

    assert set(done.stdout.split()) <= set(NOT_NEEDED)


def test_every_library_is_found(server_image: str) -> None:
    """The image has files of the package mariadb-server without that package's dependencies."""
    script = (
        "for file in /usr/sbin/mariadbd /usr/bin/mariadb-backup /usr/bin/mbstream /usr/lib/galera/*.so "
        '/usr/lib/mysql/plugin/*.so; do echo "$file"; ldd "$file"; done'
    )

    done = run(server_image, "sh", "-c", script)

    assert "/usr/lib/mysql/plugin/server_audit.so" in done.stdout
    assert "not found" not in done.stdout
