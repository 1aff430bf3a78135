"""`make release` writes a version into every place, and into no other number."""

import datetime as dt
import importlib.util
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.paths import ROOT
from tests.support.actionlint import ACTIONLINT

NEW = f"{98}.76.54"
"""Not as a text: this file is one of those that are written."""


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts/release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the repository's files that git knows."""
    folder = tmp_path / "clone"
    names = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(("git", "init", "-q"), cwd=folder, check=True)
    subprocess.run(("git", "add", "-A"), cwd=folder, check=True)
    return folder


def test_a_version_is_written_everywhere_and_nothing_else_changes(release: ModuleType, clone: Path) -> None:
    old = release.read_version(ROOT)
    changed = {str(path.relative_to(clone)) for path in release.write_version(clone, NEW)}

    assert release.read_version(clone) == NEW
    for name in ("manifests/base/stateful-set.yaml", "images/galera-install/Dockerfile", "docs/images.md"):
        assert name in changed
    for name in changed:
        assert (clone / name).read_text().replace(NEW, old) == (ROOT / name).read_text()
    leftover = re.compile(rf"(?<![\d.]){re.escape(old)}(?![\d.]*\d)")
    found = {str(path.relative_to(clone)) for path in release.list_files(clone) if leftover.search(read(path))}
    assert found == set()
    ours = re.compile(r"image: \S*(?:galera-install|mysql-galera|haproxy):\S+")
    images = {hit[0] for path in (clone / "manifests").rglob("*.yaml") for hit in ours.finditer(path.read_text())}
    assert images
    assert {image for image in images if NEW not in image} == set()


def read(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_the_same_digits_in_another_number_stay(release: ModuleType) -> None:
    mentions = release.find_mentions("3.1.4")

    for text in ("127.3.1.4", "13.1.4", "3.1.41", "3.1.4.4", "10.3.1.4/24"):
        assert mentions.sub("X", text) == text
    assert mentions.sub("X", "v3.1.4, a:3.1.4-amd64, a-3.1.4.tar, 3.1.4.") == "vX, a:X-amd64, a-X.tar, X."


def test_the_registry_is_in_all_manifests_but_the_lab_which_takes_what_was_built(
    release: ModuleType, clone: Path
) -> None:
    before = release.read_registry(clone)
    for registry in ("ghcr.io/a-first-one", "registry.example:5000/a/b"):
        changed = {str(path.relative_to(clone)) for path in release.write_registry(clone, registry)}

        assert release.read_registry(clone) == registry
        assert {name.split("/")[0] for name in changed} == {"manifests", "docs"}
        images = re.compile(r"(image|name): (\S+)/(?:galera-install|mysql-galera|haproxy)(?![\w-])")
        manifests = [path.read_text() for path in (clone / "manifests").rglob("*.yaml") if not path.is_symlink()]
        assert {found[2] for text in manifests for found in images.finditer(text)} == {registry}
        lab = yaml.safe_load((clone / "manifests/overlays/lab/kustomization.yaml").read_text())
        assert {one["newName"].split("/")[0] for one in lab["images"]} == {"localhost"}
        values = yaml.safe_load((clone / "manifests/chart/galera/values-lab.yaml").read_text())
        assert values["global"]["imageRegistry"] == "localhost"
    release.write_registry(clone, before)
    assert subprocess.run(("git", "diff", "--quiet"), cwd=clone, check=False).returncode == 0


@pytest.mark.parametrize("registry", ["", "Ghcr.io/x", "https://ghcr.io/x", "ghcr.io/x/", "a b", "$(id)"])
def test_what_is_no_registry_changes_nothing(release: ModuleType, clone: Path, registry: str) -> None:
    with pytest.raises(release.ReleaseError, match="is no registry"):
        release.write_registry(clone, registry)


def test_the_home_page_is_in_package_and_chart_and_can_be_changed(release: ModuleType, clone: Path) -> None:
    for url in ("https://github.com/a-first/one", "https://git.example.org/group/sub/galera"):
        release.write_homepage(clone, url)

        assert release.read_homepage(clone) == url
        project = tomllib.loads((clone / "pyproject.toml").read_text())["project"]
        assert (project["urls"], "peer-finder" in project["scripts"]) == ({"Homepage": url, "Source": url}, True)
        chart = yaml.safe_load((clone / "manifests/chart/galera/Chart.yaml").read_text())
        assert (chart["home"], chart["sources"], chart["name"]) == (url, [url], "galera")
    assert release.write_homepage(clone, url) == []


@pytest.mark.parametrize(
    "url", ["", "github.com/x/y", "http://x.org/y", "https://x.org", 'https://x.org/"y', "https://x.org/y\nz"]
)
def test_what_is_no_home_page_changes_nothing(release: ModuleType, clone: Path, url: str) -> None:
    with pytest.raises(release.ReleaseError, match="is no home page"):
        release.write_homepage(clone, url)


@pytest.mark.parametrize(
    ("name", "line"), [("pyproject.toml", "[project.scripts]\n"), ("manifests/chart/galera/Chart.yaml", "keywords: ")]
)
def test_without_its_place_in_one_file_the_home_page_is_written_to_none(
    release: ModuleType, clone: Path, name: str, line: str
) -> None:
    path = clone / name
    path.write_text(path.read_text().replace(line, "", 1))

    with pytest.raises(release.ReleaseError, match=f"{name} has no place for the home page"):
        release.write_homepage(clone, "https://github.com/a-third/one")
    assert not any("a-third" in (clone / file).read_text() for file in release.HOMES)


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3+build", "01.2.3", "1.2.3\n", ""])
def test_what_is_no_version_changes_nothing(release: ModuleType, clone: Path, version: str) -> None:
    with pytest.raises(release.ReleaseError, match="is no version"):
        release.write_version(clone, version)


def test_the_unreleased_section_gets_version_and_day_once(release: ModuleType, clone: Path) -> None:
    today = dt.date(2031, 2, 3)
    log = clone / "CHANGELOG.md"
    if "(unreleased)" not in log.read_text():  # right after a release
        log.write_text(f"\n## Next (unreleased)\n\n{log.read_text()}")
    release.date_changelog(clone, NEW, today)

    assert f"\n## {NEW} (2031-02-03)\n" in (clone / "CHANGELOG.md").read_text()
    with pytest.raises(release.ReleaseError, match="no section"):
        release.date_changelog(clone, NEW, today)


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_few_rights_and_takes_actions_by_commit(path: Path) -> None:
    """A tag of an action can be moved by its owner, or by who has taken the owner's account."""
    workflow = yaml.safe_load(path.read_text())

    assert workflow["permissions"] == {"contents": "read"}
    uses = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert uses
    moving = [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use)]
    # Trusted publishing works from this branch only: its authors ask for it, and it runs an image of its own release.
    assert set(moving) <= {"pypa/gh-action-pypi-publish@release/v1"}
    # What others write, as a branch's name, must not be put into a script's text.
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert [script for script in scripts if re.search(r"\$\{\{\s*github\.(event|head_ref)", script)] == []


@pytest.fixture
def actionlint() -> str:
    program = ACTIONLINT.find()
    if program is None:
        pytest.skip("NOT TESTED: the workflows; there is no actionlint: run `make manifest-tools`")
    return program


def test_the_workflows_are_valid(actionlint: str) -> None:
    done = subprocess.run((actionlint, *map(str, WORKFLOWS)), capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_a_workflow_with_a_mistake_is_refused(actionlint: str, tmp_path: Path) -> None:
    """Without this, the test above could pass for nothing."""
    (tmp_path / "bad.yml").write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    done = subprocess.run(
        (actionlint, str(tmp_path / "bad.yml")), capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert "run-on" in done.stdout
