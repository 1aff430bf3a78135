"""The look-alike of the official image: that it is laid out like it, and that a pod's server runs in it.

The flow of all containers of a pod, in this image too, is tests/system/containers' affair.
"""

import json
from pathlib import Path

import pytest

from tests.support.images.box import AS_A_POD, SECRETS, Volumes, podman, run, settings
from tests.system.images.server.conftest import Begin

pytestmark = [pytest.mark.images, pytest.mark.galera]


def test_it_is_laid_out_like_the_official_one(official_image: str) -> None:
    config = json.loads(podman("image", "inspect", official_image).stdout)[0]["Config"]
    script = "id -u mysql; which mariadbd gosu; stat -c %a /run/mysqld; ls -d /docker-entrypoint-initdb.d"

    told = run(official_image, "sh", "-c", script).stdout.split()

    assert config.get("User", "") == ""
    assert list(config["Volumes"]) == ["/var/lib/mysql"]
    assert config["Entrypoint"] == ["docker-entrypoint.sh"]
    assert told == ["999", "/usr/sbin/mariadbd", "/usr/sbin/gosu", "1777", "/docker-entrypoint-initdb.d"]


def test_its_own_entrypoint_makes_a_database_of_its_own(official_image: str, begin: Begin) -> None:
    """What a pod has to pass by."""
    options = (f"--env=MARIADB_ROOT_PASSWORD={SECRETS['root-password']}",)

    container = begin(official_image, options=options, hardening=("--network=none",))

    container.wait(lambda: container.sql("SELECT CURRENT_USER()") == "root@localhost", "login")
    assert "mysql" in container.run("ls", "/var/lib/mysql").split()


def test_a_pods_server_runs_in_it(official_image: str, tool_image: str, volumes: Volumes, begin: Begin) -> None:
    """Its entrypoint, its user, its volume and its configuration play no part."""
    tools = Path("/tools/opt/galera-tools/galera-bootstrap")
    options = (
        *(*settings(), *volumes.options, f"--mount=type=image,source={tool_image},destination=/tools"),
        *(f"--entrypoint={tools}", "--env=MYSQL_UNIX_PORT=/run/galera/mariadbd.sock"),
    )
    command = ("start", "--with-agent", "--", "mariadbd", "--defaults-file=/etc/mysql/my-galera.cnf")

    container = begin(official_image, *command, options=options, hardening=AS_A_POD)

    container.wait_synced()
    assert container.run("ls", "/var/lib/mysql") == ""
    assert "docker-entrypoint" not in container.run("ps", "-eo", "args=")
