"""Every object is what the API takes, unknown fields refused, from the oldest supported Kubernetes to the newest."""

import json

import pytest

from tests.pages.manifests.conftest import Built
from tests.support.manifests.built import FOLDERS, MANIFESTS, NAMES, Document, Documents, parse

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="NOT TESTED: schemas; kubernetes-validate is missing: run scripts/setup.sh test"
)

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
"""Native sidecars are on by default since the first; the last is the newest that kubernetes-validate knows."""


NOT_OF_KUBERNETES = ("monitoring.coreos.com/v1",)
"""Kinds that somebody must have installed; `test_metrics` looks at ours."""


@pytest.fixture(scope="module")
def all_documents(documents_of: Built) -> Documents:
    """Each different document of all that can be built, once."""
    different = {json.dumps(one, sort_keys=True): one for name in NAMES for one in documents_of(name)}.values()
    return tuple(one for one in different if one["apiVersion"] not in NOT_OF_KUBERNETES)


def complaint(document: Document, version: str) -> str:
    """What is wrong with a document, or nothing."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as exc:
        return f"{document['kind']} {document['metadata']['name']}: {exc.message}"
    return ""


@pytest.mark.parametrize("version", VERSIONS)
def test_all_is_valid(all_documents: Documents, version: str) -> None:
    assert [found for one in all_documents if (found := complaint(one, version))] == []


def test_the_last_version_is_the_newest_that_is_known() -> None:
    """When it fails: a newer kubernetes-validate is installed; let VERSIONS reach further."""
    assert kubernetes_validate.latest_version() == f"{VERSIONS[-1]}.0"


def test_a_field_that_does_not_exist_is_found(base: Documents) -> None:
    wrong = [{**document, "specs": {}} for document in base if document["kind"] == "StatefulSet"]

    assert "specs" in complaint(wrong[0], VERSIONS[0])


def test_every_folder_is_built() -> None:
    kustomizations = {path.parent for path in MANIFESTS.rglob("kustomization.yaml")}

    assert {MANIFESTS / name for name in NAMES} == kustomizations
    assert set(FOLDERS) < kustomizations


def test_every_file_is_used_by_its_kustomization() -> None:
    for kustomization in MANIFESTS.rglob("kustomization.yaml"):
        (told,) = parse(kustomization.read_text())
        generated = [name for one in told.get("configMapGenerator", ()) for name in one["files"]]
        named = {*told.get("resources", ()), *(patch["path"] for patch in told.get("patches", ())), *generated}
        files = {path.name for path in kustomization.parent.iterdir() if path.is_file()}

        assert files - {"kustomization.yaml"} <= named, kustomization
