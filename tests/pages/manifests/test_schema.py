"""Every object matches the schema of the API, without unknown fields, from the oldest supported Kubernetes on."""

import json

import pytest

from tests.pages.manifests.conftest import Built
from tests.support.manifests.built import FOLDERS, MANIFESTS, NAMES, Document, Documents, parse

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="NOT TESTED: schemas; kubernetes-validate is missing: run scripts/setup.sh test"
)

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
"""The first has native sidecars on by default; the last is the newest that kubernetes-validate knows."""


NOT_OF_KUBERNETES = ("monitoring.coreos.com/v1",)
"""APIs that are not part of Kubernetes; `test_metrics` checks our objects of these."""


@pytest.fixture(scope="module")
def all_documents(documents_of: Built) -> Documents:
    """All different documents of all manifests."""
    different = {json.dumps(one, sort_keys=True): one for name in NAMES for one in documents_of(name)}.values()
    return tuple(one for one in different if one["apiVersion"] not in NOT_OF_KUBERNETES)


def complaint(document: Document, version: str) -> str:
    """Return the fault of a document, or an empty text."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as exc:
        return f"{document['kind']} {document['metadata']['name']}: {exc.message}"
    return ""


@pytest.mark.parametrize("version", VERSIONS)
def test_all_documents_are_valid(all_documents: Documents, version: str) -> None:
    assert [found for one in all_documents if (found := complaint(one, version))] == []


def test_the_last_version_is_the_newest_that_is_known() -> None:
    """If this fails, a newer kubernetes-validate is installed: add its versions to VERSIONS."""
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
        (content,) = parse(kustomization.read_text())
        generated = [name for one in content.get("configMapGenerator", ()) for name in one.get("files", ())]
        listed = [name for field in ("resources", "configurations") for name in content.get(field, ())]
        named = {*listed, *(patch["path"] for patch in content.get("patches", ())), *generated}
        files = {path.name for path in kustomization.parent.iterdir() if path.is_file()}

        assert files - {"kustomization.yaml"} <= named, kustomization
