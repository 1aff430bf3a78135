"""The look-alike of the official image has the same layout, and a pod's server runs in it.

tests/system/containers tests all containers of a pod together, also in this image.
"""

import json
from pathlib import Path

import pytest

from tests.support.images.box import AS_A_POD, SECRETS, Volumes, podman, run, settings
from tests.system.images.server.conftest import Begin

pytestmark = [pytest.mark.images, pytest.mark.galera]


def test_the_look_alike_has_the_layout_of_the_official_image(official_image: str) -> None:
    config = json.loads(podman("image", "inspect", official_image).stdout)[0]["Config"]
    script = "id -u mysql; which mariadbd gosu; stat -c %a /run/mysqld; ls -d /docker-entrypoint-initdb.d"

    output = run(official_image, "sh", "-c", script).stdout.split()

    assert config.get("User", "") == ""
    assert list(config["Volumes"]) == ["/var/lib/mysql"]
    assert config["Entrypoint"] == ["docker-entrypoint.sh"]
    assert output == ["999", "/usr/sbin/mariadbd", "/usr/sbin/gosu", "1777", "/docker-entrypoint-initdb.d"]


def test_the_own_entrypoint_of_the_image_makes_a_database_of_its_own(official_image: str, begin: Begin) -> None:
    """A pod must not use this entrypoint."""
    options = (f"--env=MARIADB_ROOT_PASSWORD={SECRETS['root-password']}",)

    container = begin(official_image, options=options, hardening=("--network=none",))

    container.wait(lambda: container.sql("SELECT CURRENT_USER()") == "root@localhost", "login")
    assert "mysql" in container.run("ls", "/var/lib/mysql").split()


def test_a_pods_server_runs_in_it(official_image: str, tool_image: str, volumes: Volumes, begin: Begin) -> None:
    """The image's entrypoint, user, volume and configuration are not used."""
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
