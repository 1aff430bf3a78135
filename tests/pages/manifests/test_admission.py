"""A real API server with its admission, and its controllers, take the manifests; there is no node to run them on.

What a schema cannot say is found here: values that validation refuses, warnings, and Pod Security's own code.
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
"""What an API server takes only where the Prometheus operator's CRDs are."""

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
    """A new namespace that enforces *restricted*."""
    label = name.replace("/", "-")
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": label, "labels": ENFORCED}})
    return kubectl.in_namespace(label)


def here(documents: Documents, namespace: str) -> list[Document]:
    """The documents without their own namespace, for this one."""
    return [
        one if one["kind"] in CLUSTER_WIDE else {**one, "metadata": {**one["metadata"], "namespace": namespace}}
        for one in documents
        if one["kind"] != "Namespace" and one["apiVersion"] != OF_THE_OPERATOR
    ]


def wanted(documents: Documents) -> int:
    """How many pods the controllers should make of it."""
    return sum(1 if one["kind"] == "Pod" else one.get("spec", {}).get("replicas", 0) for one in documents)


def pods(kubectl: Kubectl) -> int:
    """How many there are."""
    return len(kubectl.get("pods")["items"])


@pytest.mark.parametrize("name", CONFINED)
def test_all_pods_are_made_without_a_warning(documents_of: Built, control_plane: Kubectl, name: str) -> None:
    documents = documents_of(name)
    kubectl = restricted(control_plane, name)
    strict = Kubectl((*kubectl.command, "--warnings-as-errors"), kubectl.namespace)

    strict.apply(*here(documents, kubectl.namespace))

    wait(f"{wanted(documents)} pods", lambda: pods(kubectl) == wanted(documents), seconds=30)


def test_the_form_of_2017_is_refused(documents_of: Built, control_plane: Kubectl) -> None:
    """So a warning is one, and a pod that is not allowed is not made."""
    kubectl = restricted(control_plane, FORM_OF_2017)
    documents = here(documents_of(FORM_OF_2017), kubectl.namespace)

    with pytest.raises(ClusterError, match="would violate PodSecurity"):
        Kubectl((*kubectl.command, "--warnings-as-errors"), kubectl.namespace).apply(*documents)
    wait("the refusal", lambda: "violates PodSecurity" in kubectl("get", "events", "--output=yaml"), seconds=30)
    assert pods(kubectl) == 0
