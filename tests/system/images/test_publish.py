"""A release reaches a real registry, and the commands leave the tool image as an archive of their own."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from images.archive import Archive
from images.inputs import ROOT, version
from images.output import export
from images.running import BuildError
from images.tools import write_tools
from tests.support.images.registry import PROGRAM, Registry, registry

pytestmark = [pytest.mark.images]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Registry]:
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"NOT TESTED: how a release is published; no {PROGRAM} here (setup.sh test)")
    with registry(tmp_path) as hub:
        yield hub


def make_archive(folder: Path, architecture: str, content: str, name: str = "tiny:1.2.3") -> Path:
    """Make an archive of an image with one file, as the builder of that architecture would leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    context = folder / "context"
    context.mkdir(exist_ok=True)
    (context / "content").write_text(content)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
    tag = f"localhost/publish-test-{architecture}"
    build = ("buildah", "build", "--quiet", f"--arch={architecture}", f"--tag={tag}", str(context))
    subprocess.run(build, check=True, capture_output=True)
    path = folder / f"{name.replace(':', '-')}.tar"
    try:
        export(tag, path, f"localhost/{name}")
    finally:
        subprocess.run(("buildah", "rmi", tag), check=True, capture_output=True)
    return path


def publish(hub: Registry, *folders: Path) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "images.publish", "--plain-http", f"{hub.address}/someone", *map(str, folders))
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def read_pulled(hub: Registry, architecture: str, folder: Path) -> str:
    """What a node of that architecture gets by the plain name."""
    target = folder / f"pulled-{architecture}.tar"
    choice = (f"--override-arch={architecture}", "copy", "--quiet", "--src-tls-verify=false")
    subprocess.run(
        ("skopeo", *choice, f"docker://{hub.address}/someone/tiny:1.2.3", f"oci-archive:{target}"), check=True
    )
    content = Archive(target).content("content")
    assert content is not None
    return content.decode()


def test_each_architecture_gets_its_own_image_by_one_name(hub: Registry, tmp_path: Path) -> None:
    folders = [tmp_path / architecture for architecture in ("amd64", "arm64")]
    for folder in folders:
        make_archive(folder, folder.name, f"for {folder.name}")

    done = publish(hub, *folders)

    assert done.returncode == 0, done.stderr
    digest = hub.digest("someone/tiny", "1.2.3")
    assert done.stdout == f"{hub.address}/someone/tiny:1.2.3@{digest}\n"
    assert [read_pulled(hub, folder.name, tmp_path) for folder in folders] == ["for amd64", "for arm64"]
    # The same again, as after a failure in the middle, changes nothing.
    assert publish(hub, *folders).stdout == done.stdout


def test_a_tag_that_is_published_is_never_moved(hub: Registry, tmp_path: Path) -> None:
    make_archive(tmp_path / "one", "amd64", "first")
    make_archive(tmp_path / "two", "amd64", "second")
    assert publish(hub, tmp_path / "one").returncode == 0
    before = hub.digest("someone/tiny", "1.2.3")

    done = publish(hub, tmp_path / "two")

    assert done.returncode == 1
    assert "a version is published once" in done.stderr
    assert hub.digest("someone/tiny", "1.2.3") == before


def test_an_architecture_that_lacks_an_image_publishes_nothing(hub: Registry, tmp_path: Path) -> None:
    make_archive(tmp_path / "amd64", "amd64", "one")
    make_archive(tmp_path / "amd64", "amd64", "two", "other:1.2.3")
    make_archive(tmp_path / "arm64", "arm64", "one")

    done = publish(hub, tmp_path / "amd64", tmp_path / "arm64")

    assert done.returncode == 1
    assert "other:1.2.3 is not there for arm64" in done.stderr
    assert done.stdout == ""


def test_a_registry_that_does_not_answer_is_not_an_empty_one(tmp_path: Path) -> None:
    make_archive(tmp_path / "amd64", "amd64", "one")

    done = publish(Registry(9), tmp_path / "amd64")

    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert "127.0.0.1:9" in done.stderr


def test_the_commands_run_from_their_archive(archive_of: Callable[[str], Archive], tmp_path: Path) -> None:
    archive = archive_of("galera-install")
    path = write_tools(archive, tmp_path, version())

    assert path.name == f"galera-tools-{version()}-linux-{archive.config['architecture']}.tar.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  {path.name}\n"
    subprocess.run(("sha256sum", "--check", "--strict", "SHA256SUMS"), cwd=tmp_path, check=True, capture_output=True)
    with tarfile.open(path) as tools:
        assert {member.name.partition("/")[0] for member in tools.getmembers()} == {path.name.removesuffix(".tar.gz")}
        tools.extractall(tmp_path, filter="data")
    for program in ("peer-finder", "galera-bootstrap", "peer-list"):
        command = (tmp_path / path.name.removesuffix(".tar.gz") / program, "--version")
        assert version() in subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout
    again = write_tools(archive, tmp_path, version())
    assert hashlib.sha256(again.read_bytes()).hexdigest() == digest


def test_an_image_without_commands_makes_no_archive(tmp_path: Path) -> None:
    archive = Archive(make_archive(tmp_path, "amd64", "nothing"))

    with pytest.raises(BuildError, match="no tool image"):
        write_tools(archive, tmp_path, "1.2.3")

    assert list(tmp_path.glob("galera-tools*")) == []
