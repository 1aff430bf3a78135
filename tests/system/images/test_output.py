"""What leaves the machine: labels, sizes and bills of materials of the real images."""

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from datetime import datetime
from email.parser import Parser
from functools import cache
from pathlib import Path

import pytest

from images import output
from images.archive import Archive
from images.bill import bill
from images.build import ensure, ensure_id
from images.inputs import BASES, RECIPES, ROOT, version

pytestmark = pytest.mark.images

ArchiveOf = Callable[[str], Archive]

BillOf = Callable[[str], list[dict[str, str]]]

NAMES = [name for name in RECIPES if name not in BASES.values()]


@pytest.fixture(scope="module")
def bill_of(archive_of: ArchiveOf) -> BillOf:
    """Returns the entries of an image's bill that have a package URL."""

    @cache
    def entries(name: str) -> list[dict[str, str]]:
        return [c for c in bill(archive_of(name), name, version())["components"] if "purl" in c]

    return entries


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_within_its_budget(name: str, archive_of: ArchiveOf) -> None:
    assert name in output.BUDGETS
    assert output.over_budget(name, archive_of(name)) is None


def test_an_image_over_its_budget_is_refused(archive_of: ArchiveOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(output.BUDGETS, "galera-install", 1_000_000)

    complaint = output.over_budget("galera-install", archive_of("galera-install"))

    assert complaint is not None
    assert "1 MB are allowed" in complaint


def test_the_compressed_size_is_that_in_a_registry(archive_of: ArchiveOf) -> None:
    archive = archive_of("galera-install")

    raw = subprocess.run(["skopeo", "inspect", "--raw", f"oci-archive:{archive.path}"], capture_output=True, check=True)
    layers = json.loads(raw.stdout)["layers"]

    assert all(layer["mediaType"].endswith("tar+gzip") for layer in layers)
    assert archive.compressed == sum(layer["size"] for layer in layers)
    assert archive.path.stat().st_size == pytest.approx(archive.compressed, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_labels_name_the_image_and_its_origin_and_its_base(name: str, archive_of: ArchiveOf) -> None:
    archive = archive_of(name)
    labels = {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in archive.config["config"]["Labels"].items()
    }

    assert labels["title"] == Path(RECIPES[name].folder).name
    assert labels["description"]
    assert labels["licenses"]
    assert labels["version"] == version()
    assert re.fullmatch(r"([0-9a-f]{40}(-dirty)?)?", labels["revision"])
    assert datetime.fromisoformat(labels["created"]) == datetime.fromisoformat(archive.config["created"])
    assert labels["base.name"].endswith(f"debian:{RECIPES[name].suite}-slim")
    assert re.fullmatch("sha256:[0-9a-f]{64}", labels["base.digest"])


@pytest.mark.parametrize("name", NAMES)
def test_the_user_is_a_number_and_not_root(name: str, archive_of: ArchiveOf) -> None:
    assert archive_of(name).config["config"]["User"] == "65532:65532"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_neither_volume_nor_healthcheck(name: str, archive_of: ArchiveOf) -> None:
    config = archive_of(name).config["config"]

    assert not config.get("Volumes")
    assert "Healthcheck" not in config


@pytest.mark.parametrize("name", NAMES)
def test_the_bill_has_every_debian_package_of_the_image(name: str, archive_of: ArchiveOf, bill_of: BillOf) -> None:
    archive = archive_of(name)
    status = archive.content("var/lib/dpkg/status")
    assert status is not None
    stanzas = [Parser().parsestr(text) for text in status.decode().split("\n\n") if text.strip()]
    installed = {(s["Package"], s["Version"]) for s in stanzas if s["Status"] == "install ok installed"}

    listed = {(c["name"], c["version"]) for c in bill_of(name) if c["purl"].startswith("pkg:deb/")}

    assert len(installed) > 80
    assert listed == installed


@pytest.mark.parametrize("name", NAMES)
def test_the_bill_has_the_interpreter_and_the_distributions_of_the_commands(name: str, bill_of: BillOf) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split("[<>=]", line)[0] for line in project["dependencies"]}

    pypi = {c["name"].lower(): c["version"] for c in bill_of(name) if c["purl"].startswith("pkg:pypi/")}
    python = [c["version"] for c in bill_of(name) if c["purl"].startswith("pkg:generic/python@")]

    # markupsafe is jinja2's own dependency.
    assert set(pypi) == wanted | {"markupsafe", project["name"]}
    assert pypi[project["name"]] == version()
    assert [re.fullmatch(r"3\.11\.\d+", one) is not None for one in python] == [True]


def test_equal_images_have_equal_bills(archive_of: ArchiveOf) -> None:
    archive = archive_of("base")

    assert bill(archive, "base", "1") == bill(archive, "base", "1")


def test_an_interrupted_run_leaves_no_archive_beside_the_bill_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {name: (tmp_path / f"base-1.{name}") for name in ("tar", "cdx.json")}
    for path in old.values():
        path.write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "bill", interrupt)
    image = output.Image(ensure("base"), ensure_id("base"))
    with pytest.raises(KeyboardInterrupt):
        output.write({"base": image}, "1", tmp_path)

    assert [path.read_text() for path in old.values()] == ["old", "old"]
    assert sorted(tmp_path.iterdir()) == sorted(old.values())
