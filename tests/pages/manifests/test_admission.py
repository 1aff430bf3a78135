"""A real API server with admission and controllers accepts the manifests; there is no node to run them on.

This finds what a schema cannot: values that validation refuses, warnings, and the checks of Pod Security itself.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.kubernetes.cluster import NotHereError, check
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.machines.control import ControlPlane
from tests.kubernetes.waiting import ClusterError, wait
from tests.pages.manifests.conftest import Built
from tests.support.manifests.built import CONFINED, FORM_OF_2017, Document, Documents

CLUSTER_WIDE = {"Namespace", "PersistentVolume", "StorageClass"}

OF_THE_OPERATOR = "monitoring.coreos.com/v1"
"""The API of the Prometheus operator's CRDs, which this API server does not have."""

ENFORCED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    try:
        check()
    except NotHereError as exc:
        pytest.skip(f"NOT TESTED: the manifests on a real API server; {exc}")
    control = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    with ExitStack() as stack:
        stack.callback(control.down)
        control.up(bound=True)
        yield control.kubectl()


def restricted(kubectl: Kubectl, name: str) -> Kubectl:
    """Create a namespace that enforces *restricted*."""
    label = name.replace("/", "-")
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": label, "labels": ENFORCED}})
    return kubectl.in_namespace(label)


def here(documents: Documents, namespace: str) -> list[Document]:
    """Return the documents for this namespace instead of their own."""
    return [
        one if one["kind"] in CLUSTER_WIDE else {**one, "metadata": {**one["metadata"], "namespace": namespace}}
        for one in documents
        if one["kind"] != "Namespace" and one["apiVersion"] != OF_THE_OPERATOR
    ]


def wanted(documents: Documents) -> int:
    """Count the pods that the controllers should create."""
    return sum(1 if one["kind"] == "Pod" else one.get("spec", {}).get("replicas", 0) for one in documents)


def pods(kubectl: Kubectl) -> int:
    """Count the pods that exist."""
    return len(kubectl.get("pods")["items"])


@pytest.mark.parametrize("name", CONFINED)
def test_all_pods_are_created_without_a_warning(documents_of: Built, control_plane: Kubectl, name: str) -> None:
    documents = documents_of(name)
    kubectl = restricted(control_plane, name)
    strict = Kubectl((*kubectl.command, "--warnings-as-errors"), kubectl.namespace)

    strict.apply(*here(documents, kubectl.namespace))

    wait(f"{wanted(documents)} pods", lambda: pods(kubectl) == wanted(documents), seconds=120)


def test_the_form_of_2017_is_refused(documents_of: Built, control_plane: Kubectl) -> None:
    """This shows that warnings are seen, and that a forbidden pod is not created."""
    kubectl = restricted(control_plane, FORM_OF_2017)
    documents = here(documents_of(FORM_OF_2017), kubectl.namespace)

    with pytest.raises(ClusterError, match="would violate PodSecurity"):
        Kubectl((*kubectl.command, "--warnings-as-errors"), kubectl.namespace).apply(*documents)
    wait("the refusal", lambda: "violates PodSecurity" in kubectl("get", "events", "--output=yaml"), seconds=120)
    assert pods(kubectl) == 0
