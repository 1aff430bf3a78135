"""The commands of the tool image need a kernel and an old glibc, and nothing else from the system that they run on."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.cli import COMMANDS
from tests.dns.knot import free_port
from tests.lab.nameserver import NameServer, Zone
from tests.support.authority import Authority
from tests.support.images import elf
from tests.support.images.box import UID, podman, share
from tests.support.images.confined import run_confined
from tests.support.manuals.peer_finder import list_commands

pytestmark = pytest.mark.images

GLIBC_OF_RHEL_8 = (2, 28)
"""The glibc of the oldest supported system."""

OF_GLIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"}

SUITES = {"bullseye": "2.31", "bookworm": "2.36", "trixie": "2.41"}
"""Debian's releases 11, 12 and 13, and their glibc: older and newer than the image's."""


@pytest.fixture(params=SUITES)
def bare(request: pytest.FixtureRequest) -> str:
    """An image with nothing but Debian's essential packages, kept in the storage for the next run."""
    suite: str = request.param
    if shutil.which("mmdebstrap") is None:
        pytest.skip("NOT TESTED: mmdebstrap is missing; apt-get install mmdebstrap")
    tag = f"localhost/peerfinder-test-bare:{suite}"
    if podman("image", "exists", tag, check=False).returncode != 0:
        words = ("mmdebstrap", "--quiet", "--variant=essential", suite, "-")
        with subprocess.Popen(words, stdout=subprocess.PIPE) as maker:
            command = ("podman", "import", "--quiet", "-", tag)
            done = subprocess.run(command, stdin=maker.stdout, capture_output=True, check=False)
        if maker.returncode or done.returncode:
            podman("rmi", "--ignore", tag)  # the next run must not find half a system
            pytest.fail(f"mmdebstrap ended with {maker.returncode}, podman with {done.returncode}: {done.stderr!r}")
    return tag


@pytest.fixture
def nameserver() -> Iterator[NameServer]:
    zone = Zone("galera.db.svc.cluster.local", {"mysql-0": "127.0.0.1"})
    with NameServer("127.0.0.1", free_port("127.0.0.1"), zone) as server:
        yield server


def test_no_file_needs_a_newer_glibc_than_promised(tools: Path) -> None:
    files = elf.elf_files(tools)
    needed = {path.name: max(elf.glibc_versions(path), default=(2, 0)) for path in files}

    assert "galera-tools" in needed
    assert {name: version for name, version in needed.items() if version > GLIBC_OF_RHEL_8} == {}


def test_only_glibc_and_the_libraries_of_the_bundle_are_needed(tools: Path) -> None:
    files = elf.elf_files(tools)
    ours = {path.name for path in files}

    needed = {library for path in files for library in elf.libraries(path)}
    loaders = {library for library in needed if library.startswith("ld-linux")}
    assert needed - OF_GLIBC - loaders - ours == set()


def test_both_commands_run_without_python_or_a_home(bare: str, tool_image: str, work_dir: Path) -> None:
    """Copied by `install` into another image, read-only, as a uid without a name."""
    run_confined(tool_image, "--work-dir=/work-dir", options=(f"--volume={work_dir}:/work-dir",), check=True)
    inside = (f"--volume={work_dir}:/work-dir:ro", "--unsetenv=HOME")

    assert run_confined(bare, "sh", "-c", "command -v python3 python", options=inside).returncode != 0
    assert "version" in run_confined(bare, "/work-dir/galera-bootstrap", "--version", options=inside).stdout
    done = run_confined(bare, "/work-dir/peer-finder", "peers", "galera.db", "-o", "json", options=inside)
    assert done.returncode in {3, 4}
    assert done.stderr.count("\n") == 1
    rendered = run_confined(
        bare,
        *("/work-dir/galera-bootstrap", "render"),
        options=(*inside, *secrets(work_dir.parent), "--env=POD_NAME=mysql-0", "--env=POD_NAMESPACE=db", DOMAIN),
    )
    assert 'wsrep_node_name = "mysql-0"' in rendered.stdout


@pytest.mark.parametrize(
    ("command", "code"),
    [("healthz", 1), ("status", 17), ("explain", 17), ("inspect", 16), ("start -- mariadbd", 15), ("agent", 15)],
)
def test_every_command_runs_as_far_as_it_can_without_a_pod(
    tool_image: str, tmp_path: Path, command: str, code: int
) -> None:
    """No module is missing: without a pod, each command ends with its own code and one line."""
    done = run_confined(
        tool_image,
        *command.split(),
        options=(
            *("--entrypoint=/opt/galera-tools/galera-bootstrap", *secrets(tmp_path), DOMAIN),
            *("--env=POD_NAME=mysql-0", "--env=POD_NAMESPACE=db"),
        ),
    )

    assert (done.returncode, done.stderr.count("\n") + done.stdout.count("\n")) == (code, 1), done.stderr + done.stdout


def test_every_command_is_whole(tool_image: str) -> None:
    """Each command's help imports its module; `events` once came without a module that was left out."""
    calls = [
        *(f"galera-bootstrap {name}" for name in COMMANDS),
        *(f"peer-finder {name}" for name, _ in list_commands()),
    ]
    script = "\n".join(f"{call} --help >/dev/null || echo {call}" for call in calls)
    done = run_confined(tool_image, "-c", script, options=("--entrypoint=sh",))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(calls) > 25


def test_certificates_are_checked(tool_image: str, tmp_path: Path) -> None:
    """With the bundle's own OpenSSL: a module that only TLS needs is the first that could be missing."""
    authority = Authority(tmp_path / "authority")
    share(tmp_path / "tls", UID)
    for name in ("first", "second"):
        authority.sign(name, "galera")
    for source, name in (("first.crt", "tls.crt"), ("first.key", "tls.key"), ("ca.crt", "ca.crt")):
        (tmp_path / "tls" / name).write_bytes((authority.folder / source).read_bytes())
    options = (
        *("--entrypoint=/opt/galera-tools/galera-bootstrap", *secrets(tmp_path), DOMAIN),
        *("--env=POD_NAME=mysql-0", "--env=POD_NAMESPACE=db", f"--volume={tmp_path / 'tls'}:/tls:ro"),
        *("--env=GALERA_BOOTSTRAP_TLS_DIR=/tls", "--env=GALERA_BOOTSTRAP_SST_METHOD=mariabackup"),
    )

    assert "socket.ssl_cert=/tls/tls.crt" in run_confined(tool_image, "render", options=options, check=True).stdout
    (tmp_path / "tls/tls.key").write_bytes(authority.key("second").read_bytes())
    refused = run_confined(tool_image, "render", options=options)
    assert (refused.returncode, refused.stderr.count("\n")) == (15, 1)
    assert "/tls/tls.crt and /tls/tls.key do not fit together" in refused.stderr


DOMAIN = "--env=GALERA_BOOTSTRAP_DOMAIN=cluster.local"


def secrets(folder: Path) -> tuple[str, ...]:
    """Podman's option that mounts a Secret."""
    share(folder / "secrets", UID)
    for name in ("exchange-key", "cluster-id", "root-password", "agent-password", "sst-password"):
        (folder / "secrets" / name).write_text("0123456789abcdef")
    return (f"--volume={folder / 'secrets'}:/etc/galera-secrets:ro",)


@pytest.mark.parametrize("given", [{}, {"LD_LIBRARY_PATH": "/opt/mine", "PYTHONPATH": "/opt/evil", "LANG": "C"}])
def test_a_hook_gets_the_environment_unchanged(
    tool_image: str, nameserver: NameServer, given: dict[str, str], tmp_path: Path
) -> None:
    """A frozen program may point LD_LIBRARY_PATH at its own libraries; mariadbd then loads a foreign OpenSSL."""
    share(tmp_path / "out", UID)
    settings = {**given, "POD_NAME": "mysql-0", "PATH": "/usr/bin:/bin"}
    hook = r"tr '\0' '\n' < /proc/$PPID/environ > /out/ours; env > /out/hooks; cat > /out/peers"
    run_confined(
        tool_image,
        *("-service=galera.db", "-domain=cluster.local", f"-nameserver={nameserver.address}:{nameserver.port}"),
        f"-on-start={hook}",
        options=(
            *("--entrypoint=/opt/galera-tools/peer-finder", f"--volume={tmp_path / 'out'}:/out"),
            *(f"--env={name}={value}" for name, value in settings.items()),
        ),
        network="host",
        check=True,
    )

    assert (tmp_path / "out" / "peers").read_text() == "mysql-0.galera.db.svc.cluster.local\n"
    ours = (tmp_path / "out" / "ours").read_text().split("\n")
    hooks = set((tmp_path / "out" / "hooks").read_text().splitlines())
    kept = {line for line in ours if line.partition("=")[0] in settings}
    assert {line.partition("=")[0] for line in kept} == set(settings)
    assert kept <= hooks
    # The hook's shell adds variables, but the bundle adds none of its own.
    added = {line.partition("=")[0] for line in hooks} - {line.partition("=")[0] for line in ours}
    assert {name for name in added if not name.startswith("PEERFINDER_")} <= {"PWD", "SHLVL", "OLDPWD", "_"}
    assert ("LD_LIBRARY_PATH" in given) == any(line.startswith("LD_LIBRARY_PATH=") for line in hooks)


def test_the_bundle_has_no_authorities(tools: Path) -> None:
    """cx_Freeze would name such a list in SSL_CERT_FILE, and mariadbd would trust it instead of its image's list."""
    assert sorted(tools.rglob("*.pem")) == []


def test_the_environment_does_not_change_what_the_commands_run(tool_image: str) -> None:
    """They ignore PYTHON... variables, because a hostile or forgotten one must not load foreign code into the agent."""
    options = ("--env=PYTHONHOME=/nowhere", "--env=PYTHONPATH=/nowhere", "--env=PYTHONSTARTUP=/nowhere")
    done = run_confined(tool_image, "--version", options=(*options, "--entrypoint=/opt/galera-tools/galera-bootstrap"))

    assert "version" in done.stdout


def test_a_call_by_an_unknown_name_lists_the_known_names(tool_image: str) -> None:
    done = run_confined(tool_image, options=("--entrypoint=/opt/galera-tools/galera-tools",))

    assert done.returncode == 1
    assert "peer-finder, peer-list, galera-bootstrap" in done.stderr


def test_the_image_runs_install_as_a_numeric_user(tool_image: str) -> None:
    config = json.loads(podman("image", "inspect", tool_image).stdout)[0]["Config"]

    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/opt/galera-tools/galera-bootstrap", "install"]
    assert "Healthcheck" not in config
    assert config["Labels"]["org.opencontainers.image.title"] == "galera-install"
