"""Builds the manifests as a cluster would get them: every overlay, every component on base, every example."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT
from tests.support.manifests import kustomize

MANIFESTS = ROOT / "manifests"

Document = Mapping[str, Any]
"""One object of the Kubernetes API."""

Documents = tuple[Document, ...]

COMPONENTS = sorted(path.parent for path in MANIFESTS.glob("components/**/kustomization.yaml"))

FOLDERS = [MANIFESTS / "base", *sorted(MANIFESTS.glob("overlays/*")), *sorted(MANIFESTS.glob("examples/*"))]

NAMES = [str(path.relative_to(MANIFESTS)) for path in (*FOLDERS, *COMPONENTS)]
"""Everything that can be built; the name of a component means base with this component."""

CLUSTERS = [name for name in NAMES if not name.startswith("examples/")]
"""Those that have the database of base."""

FORM_OF_2017 = "examples/petset-2017"

CONFINED = [name for name in NAMES if name != FORM_OF_2017]
"""Those whose pods are confined as in base."""


def build(name: str, scratch: Path) -> Documents:
    """Build one of NAMES; for a component this writes a kustomization to the scratch folder, which must be empty."""
    folder = MANIFESTS / name
    if folder in COMPONENTS:
        lines = [
            "resources:",
            f"- {relative(MANIFESTS / 'base', scratch)}",
            "components:",
            f"- {relative(folder, scratch)}",
        ]
        (scratch / "kustomization.yaml").write_text("\n".join(lines) + "\n")
        folder = scratch
    return parse(kustomize.build(folder))


def make_builder(factory: pytest.TempPathFactory) -> Callable[[str], Documents]:
    """Make a function that builds each of NAMES once."""

    @cache
    def documents(name: str) -> Documents:
        return build(name, factory.mktemp("kustomization"))

    return documents


def parse(text: str) -> Documents:
    """The documents of a YAML text."""
    yaml = pytest.importorskip(
        "yaml", reason="NOT TESTED: the manifests; PyYAML is missing: run `scripts/setup.sh test`"
    )
    return tuple(yaml.safe_load_all(text))


def relative(path: Path, start: Path) -> str:
    """The path, relative to another folder: kustomize accepts no absolute paths."""
    up = "../" * (len(start.resolve().parts) - 1)
    return up + str(path.resolve()).lstrip("/")


def of_kind(documents: Documents, kind: str) -> dict[str, Document]:
    """The objects of a kind by their names."""
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def stateful_set(documents: Documents) -> Document:
    """The StatefulSet of the database."""
    return of_kind(documents, "StatefulSet")["mysql"]


def pods(documents: Documents) -> Iterator[tuple[str, Document]]:
    """Name and spec of every pod, or of the pod template of every controller."""
    for document in documents:
        if document["kind"] == "Pod":
            yield document["metadata"]["name"], document["spec"]
        elif document["kind"] == "CronJob":
            yield document["metadata"]["name"], document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in document.get("spec", {}):
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def containers(pod: Document) -> dict[str, Document]:
    """All containers of a pod by name, in the order in which they start."""
    return {c["name"]: c for kind in ("initContainers", "containers") for c in pod.get(kind, ())}


def template(documents: Documents) -> Document:
    """The spec of the database's pods."""
    spec: Document = stateful_set(documents)["spec"]["template"]["spec"]
    return spec
