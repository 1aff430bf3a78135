"""The commands of the tool image need a kernel and an old glibc, and nothing else of where they are run."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns.knot import free_port
from tests.lab.nameserver import NameServer, Zone
from tests.support.authority import Authority
from tests.support.images import elf
from tests.support.images.box import UID, podman, share
from tests.support.images.confined import confined

pytestmark = pytest.mark.images

GLIBC_OF_RHEL_8 = (2, 28)
"""The oldest system that is promised to work."""

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
        with subprocess.Popen(words, stdout=subprocess.PIPE) as made:
            into = ("podman", "import", "--quiet", "-", tag)
            taken = subprocess.run(into, stdin=made.stdout, capture_output=True, check=False)
        if made.returncode or taken.returncode:
            podman("rmi", "--ignore", tag)  # half a system must not be there at the next run
            pytest.fail(f"mmdebstrap ended with {made.returncode}, podman with {taken.returncode}: {taken.stderr!r}")
    return tag


@pytest.fixture
def nameserver() -> Iterator[NameServer]:
    zone = Zone("galera.db.svc.cluster.local", {"mysql-0": "127.0.0.1"})
    with NameServer("127.0.0.1", free_port("127.0.0.1"), zone) as server:
        yield server


def test_no_file_asks_for_a_newer_glibc_than_promised(tools: Path) -> None:
    files = elf.elf_files(tools)
    needed = {path.name: max(elf.glibc_versions(path), default=(2, 0)) for path in files}

    assert "galera-tools" in needed
    assert {name: version for name, version in needed.items() if version > GLIBC_OF_RHEL_8} == {}


def test_no_library_is_needed_but_glibc_and_the_bundle_s_own(tools: Path) -> None:
    files = elf.elf_files(tools)
    ours = {path.name for path in files}

    needed = {library for path in files for library in elf.libraries(path)}
    loaders = {library for library in needed if library.startswith("ld-linux")}
    assert needed - OF_GLIBC - loaders - ours == set()


def test_both_commands_run_without_python_or_a_home(bare: str, tool_image: str, work_dir: Path) -> None:
    """As copied by `install`, in another image, read-only, as a uid without a name."""
    confined(tool_image, "--work-dir=/work-dir", options=(f"--volume={work_dir}:/work-dir",), check=True)
    inside = (f"--volume={work_dir}:/work-dir:ro", "--unsetenv=HOME")

    assert confined(bare, "sh", "-c", "command -v python3 python", options=inside).returncode != 0
    assert "version" in confined(bare, "/work-dir/galera-bootstrap", "--version", options=inside).stdout
    told = confined(bare, "/work-dir/peer-finder", "peers", "galera.db", "-o", "json", options=inside)
    assert told.returncode in {3, 4}
    assert told.stderr.count("\n") == 1
    rendered = confined(
        bare,
        *("/work-dir/galera-bootstrap", "render"),
        options=(*inside, *secrets(work_dir.parent), "--env=POD_NAME=mysql-0", "--env=POD_NAMESPACE=db", DOMAIN),
    )
    assert 'wsrep_node_name = "mysql-0"' in rendered.stdout


@pytest.mark.parametrize(
    ("command", "code"),
    [("healthz", 1), ("status", 17), ("explain", 17), ("inspect", 16), ("start -- mariadbd", 15), ("agent", 15)],
)
def test_every_command_gets_as_far_as_it_can_alone(tool_image: str, tmp_path: Path, command: str, code: int) -> None:
    """No module was forgotten: without a pod around it each ends with its own code and one line."""
    done = confined(
        tool_image,
        *command.split(),
        options=(
            *("--entrypoint=/opt/galera-tools/galera-bootstrap", *secrets(tmp_path), DOMAIN),
            *("--env=POD_NAME=mysql-0", "--env=POD_NAMESPACE=db"),
        ),
    )

    assert (done.returncode, done.stderr.count("\n") + done.stdout.count("\n")) == (code, 1), done.stderr + done.stdout


def test_certificates_are_looked_at(tool_image: str, tmp_path: Path) -> None:
    """With the bundle's own OpenSSL: what nobody needs without TLS may be forgotten first."""
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

    assert "socket.ssl_cert=/tls/tls.crt" in confined(tool_image, "render", options=options, check=True).stdout
    (tmp_path / "tls/tls.key").write_bytes(authority.key("second").read_bytes())
    refused = confined(tool_image, "render", options=options)
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
def test_a_hook_gets_the_environment_as_it_was(
    tool_image: str, nameserver: NameServer, given: dict[str, str], tmp_path: Path
) -> None:
    """A frozen program may point LD_LIBRARY_PATH at its own libraries; mariadbd then loads a foreign OpenSSL."""
    share(tmp_path / "out", UID)
    settings = {**given, "POD_NAME": "mysql-0", "PATH": "/usr/bin:/bin"}
    hook = r"tr '\0' '\n' < /proc/$PPID/environ > /out/ours; env > /out/hooks; cat > /out/peers"
    confined(
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
    # What the shell of the hook adds, and nothing of a bundle that sets variables for itself.
    added = {line.partition("=")[0] for line in hooks} - {line.partition("=")[0] for line in ours}
    assert {name for name in added if not name.startswith("PEERFINDER_")} <= {"PWD", "SHLVL", "OLDPWD", "_"}
    assert ("LD_LIBRARY_PATH" in given) == any(line.startswith("LD_LIBRARY_PATH=") for line in hooks)


def test_the_bundle_brings_no_authorities_along(tools: Path) -> None:
    """Where cx_Freeze has such a list it names it in SSL_CERT_FILE: mariadbd would trust it in place of its image's."""
    assert sorted(tools.rglob("*.pem")) == []


def test_the_environment_does_not_change_what_the_commands_run(tool_image: str) -> None:
    """They ignore PYTHON... variables: a hostile or forgotten one must not put foreign code into the agent."""
    options = ("--env=PYTHONHOME=/nowhere", "--env=PYTHONPATH=/nowhere", "--env=PYTHONSTARTUP=/nowhere")
    done = confined(tool_image, "--version", options=(*options, "--entrypoint=/opt/galera-tools/galera-bootstrap"))

    assert "version" in done.stdout


def test_an_unknown_name_says_which_names_there_are(tool_image: str) -> None:
    done = confined(tool_image, options=("--entrypoint=/opt/galera-tools/galera-tools",))

    assert done.returncode == 1
    assert "peer-finder, galera-bootstrap" in done.stderr


def test_the_image_is_to_be_run_by_number_and_installs(tool_image: str) -> None:
    config = json.loads(podman("image", "inspect", tool_image).stdout)[0]["Config"]

    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/opt/galera-tools/galera-bootstrap", "install"]
    assert "Healthcheck" not in config
    assert config["Labels"]["org.opencontainers.image.title"] == "galera-install"
