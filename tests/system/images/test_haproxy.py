"""The proxies' image: its content, and that it runs the component's hook with a pod's security context."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.build import ensure_id
from images.inputs import ROOT
from tests.lab.podman import check, ulimits
from tests.lab.user import NotInstalledError
from tests.support.images.box import AS_A_POD, Container, mounted, podman, run, share
from tests.support.images.root_files import has_privileges, list_files, read_packages

pytestmark = [pytest.mark.images]

COMPONENT = ROOT / "manifests/components/writer-haproxy"

DOCKERFILE = (ROOT / "images/haproxy/Dockerfile").read_text()

ENVIRONMENT = {
    "POD_NAME": "mysql-writer-0",
    "POD_IP": "127.0.0.1",
    "PROXIES": "127.0.0.1:10000 127.0.0.1:10001",
}

NAMES = "mysql-0.galera.db.svc.cluster.local mysql-1.galera.db.svc.cluster.local"

METRICS = "printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | socat - TCP:127.0.0.1:8404"


@pytest.fixture(scope="module")
def image() -> str:
    try:
        check()
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    return ensure_id("haproxy")


@pytest.fixture(scope="module")
def root(image: str) -> Iterator[Path]:
    """The image's files, mounted so that this process can read them."""
    with mounted(image) as root:
        yield root


def test_no_file_gives_privileges_and_no_user_can_log_in(root: Path) -> None:
    hashes = {line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines()}

    assert [str(path) for path, status in list_files(root) if has_privileges(path, status)] == []
    assert hashes <= {"*", "!", "!*"}


def test_the_image_has_no_configuration_and_no_leftovers_of_its_build(root: Path) -> None:
    for name in ("etc/haproxy", "run/haproxy", "tmp", "var/tmp", "var/log", "var/cache/apt", "var/lib/apt/lists"):
        folder = root / name
        assert not folder.exists() or list(folder.iterdir()) == [], name


def test_haproxy_has_the_pinned_version(image: str, root: Path) -> None:
    pinned = re.findall(r"^ARG HAPROXY_VERSION=(\S+)$", DOCKERFILE, re.MULTILINE)

    assert [read_packages(root)["haproxy"]] == pinned
    assert pinned[0] in run(image, "haproxy", "-v").stdout


def test_the_hook_and_haproxy_run_under_any_uid_without_a_writable_root(image: str, tmp_path: Path) -> None:
    uid = int(AS_A_POD[1].removeprefix("--user=").split(":")[0])
    share(tmp_path / "run", uid)
    options = (
        *(f"--volume={COMPONENT}:/etc/haproxy:ro", f"--volume={tmp_path / 'run'}:/run/haproxy"),
        *(f"--env={name}={value}" for name, value in ENVIRONMENT.items()),
    )
    hook = f"printf '%s\\n' {NAMES} | sh /etc/haproxy/writer.sh"
    podman("run", "--rm", "--pull=never", *ulimits(), *AS_A_POD, *options, image, "sh", "-c", hook)

    with Container(f"haproxy-test-{os.getpid()}", image, options) as proxy:
        proxy.wait(lambda: "Loading success" in proxy.log, "worker")
        assert proxy.run("sh", "-c", f"{hook} 2>&1") == "writer: members 0 1 \n"
        assert 'haproxy_server_status{proxy="writer",server="mysql-1"' in proxy.run("sh", "-c", METRICS)
        podman("stop", "--time=20", proxy.name)
        # haproxy ends at SIGUSR1, and not at the SIGKILL after 20 s.
        assert proxy.exit_code != 137
