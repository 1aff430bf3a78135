"""The archive of the plugin and its manifest: krew's own validator takes it, and krew installs it."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from bootstrap import __version__
from tests.paths import ROOT
from tests.support.kubectl.tools import PLUGIN, SHELLS, require_krew, require_shell

URL = "https://example.org/releases/v0.1.0/kubectl-galera.tar.gz"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of what is packed, packed; returns the folder with archive and manifest."""
    shutil.copytree(PLUGIN, tmp_path / "scripts/plugin")
    shutil.copy(ROOT / "LICENSE", tmp_path)
    subprocess.run([tmp_path / "scripts/plugin/package.sh", URL], capture_output=True, check=True, timeout=60)
    return tmp_path / "dist/plugin"


def test_the_archive_has_the_plugin_its_completion_and_the_licence_and_is_the_same_each_time(
    package: Path, tmp_path: Path
) -> None:
    with tarfile.open(package / "kubectl-galera.tar.gz") as archive:
        modes = {one.name: one.mode for one in archive.getmembers()}
    assert modes == {"kubectl-galera": 0o755, "kubectl_complete-galera": 0o755, "LICENSE": 0o644}
    before = (package / "kubectl-galera.tar.gz").read_bytes()
    (tmp_path / "scripts/plugin/kubectl-galera").touch()
    subprocess.run([tmp_path / "scripts/plugin/package.sh", URL], capture_output=True, check=True, timeout=60)
    assert (package / "kubectl-galera.tar.gz").read_bytes() == before
    assert sorted(path.name for path in package.iterdir()) == ["galera.yaml", "kubectl-galera.tar.gz"]


def test_the_manifest_has_our_version(package: Path) -> None:
    text = (package / "galera.yaml").read_text()
    assert f"version: v{__version__}\n" in text
    assert f"uri: {URL}\n" in text
    assert "SHA256" not in text


def test_an_address_that_is_none_is_refused() -> None:
    script = str(PLUGIN / "package.sh")
    for words in ((), ("https://x/y|d",)):
        assert subprocess.run([script, *words], capture_output=True, check=False, timeout=60).returncode != 0


def test_krews_validator_takes_the_manifest(package: Path, tmp_path: Path) -> None:
    validator = require_krew("validate-krew-manifest")
    words = [str(validator), "-skip-install", "-manifest"]
    done = subprocess.run(
        [*words, str(package / "galera.yaml")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "structural validation OK" in done.stderr
    broken = tmp_path / "galera.yaml"
    broken.write_text((PLUGIN / "galera.yaml").read_text())  # without the sum
    assert subprocess.run([*words, str(broken)], capture_output=True, check=False, timeout=60).returncode != 0


def test_krew_installs_it_and_kubectl_would_find_it(package: Path, tmp_path: Path) -> None:
    krew = require_krew("krew")
    environment = {**os.environ, "KREW_ROOT": str(tmp_path / "krew"), "KREW_NO_UPGRADE_CHECK": "1"}
    done = subprocess.run(
        [krew, "install", f"--manifest={package / 'galera.yaml'}", f"--archive={package / 'kubectl-galera.tar.gz'}"],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    installed = tmp_path / "krew/bin/kubectl-galera"
    shown = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout == f"kubectl-galera {__version__}\n"
    assert (installed.resolve().parent / "kubectl_complete-galera").is_file()


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("file", ["kubectl-galera", "kubectl_complete-galera", "package.sh"])
def test_each_shell_can_read_each_file(name: str, file: str) -> None:
    subprocess.run([*require_shell(name), "-n", str(PLUGIN / file)], check=True, timeout=60)
