"""git ignores the files with secrets or data that the guide creates in a reader's clone, so they are not committed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.guide.pages import LONG, SHORT, find_page
from tests.support.guide.rehearsal import prepare, rehearse, texts

HARMLESS = re.compile(
    r"[.]gitignore|manifests/overlays/.*|[a-z-]+\.yaml|put\.sh|before|after|answer|(adopt|force)\.txt"
)
"""Objects without secrets, texts to type, and answers: previews of overrides, check sums, positions, versions."""


def git(folder: Path, *words: str) -> str:
    return subprocess.run(("git", *words), cwd=folder, capture_output=True, text=True, timeout=30, check=True).stdout


def prepare_clone(folder: Path) -> Path:
    """Prepare a clone in which `rm` removes nothing, so that files which a page removes later are also seen."""
    prepare(folder)
    (folder / "programs" / "rm").symlink_to("/bin/true")
    shutil.copy(ROOT / ".gitignore", folder)
    git(folder, "init", "--quiet")
    # Ignore the reader's own settings, and the files that the rehearsal itself needs.
    git(folder, "config", "core.excludesFile", "/dev/null")
    (folder / ".git/info/exclude").write_text("/programs/\n/notes/\n")
    return folder


def list_new_files(folder: Path) -> set[str]:
    """List the files that are new for git."""
    return set(git(folder, "ls-files", "--others", "--exclude-standard").splitlines())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone after all pages."""
    folder = prepare_clone(tmp_path_factory.mktemp("ignored") / "clone")
    for name in (*SHORT, *LONG):
        rehearse(folder, texts(find_page(name), folder))
    return folder


def test_no_secret_and_no_data_are_new_for_git(made: Path) -> None:
    assert {name for name in list_new_files(made) if not HARMLESS.fullmatch(name)} == set()


@pytest.mark.parametrize(
    "name",
    [
        "secret/root-password",
        "ca/ca.key",
        "tls/tls.key",
        "app/password",
        "backup/client.cnf",
        "old/client.cnf",
        "new/root-password",
        "try/exchange-key",
        "patch.json",
        "accounts.sql",
        "copy.mbstream",
    ],
)
def test_the_guide_makes(made: Path, name: str) -> None:
    """Without this, the test above would find nothing."""
    assert (made / name).exists()
    assert name not in list_new_files(made)


def test_only_folders_at_the_top_are_ignored_because_others_may_be_part_of_the_project(tmp_path: Path) -> None:
    clone = prepare_clone(tmp_path / "clone")  # its own: new files in the shared one would be found by the first test
    for name in ("manifests/overlays/try/one", "tests/secret/one", "docs/old/one"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()

        assert name in list_new_files(clone)
