"""Every pod may run in a namespace that enforces *restricted*, and also has a read-only root."""

import copy
from typing import Any

import pytest

from tests.pages.manifests.conftest import Built
from tests.support.manifests.built import CONFINED, FORM_OF_2017, Documents, containers, of_kind, pods, template
from tests.support.manifests.pod_security import complaints


@pytest.mark.parametrize("name", CONFINED)
def test_all_pods_are_allowed(documents_of: Built, name: str) -> None:
    specs = dict(pods(documents_of(name)))

    assert specs
    assert [complaints(spec) for spec in specs.values()] == [[] for _ in specs]


@pytest.mark.parametrize("name", CONFINED)
def test_all_containers_have_a_read_only_root_and_limits(documents_of: Built, name: str) -> None:
    for _, pod in pods(documents_of(name)):
        assert pod["automountServiceAccountToken"] is False
        for container in containers(pod).values():
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            for bound in ("requests", "limits"):
                assert set(container["resources"][bound]) == {"cpu", "memory", "ephemeral-storage"}


def test_the_form_of_2017_would_be_refused(documents_of: Built) -> None:
    """This is written in docs/manifests.md."""
    (pod,) = (spec for _, spec in pods(documents_of(FORM_OF_2017)))

    assert complaints(pod)


CHANGES: dict[str, tuple[str, Any]] = {
    "a pod on the host's network": ("hostNetwork", True),
    "a pod with the host's processes": ("hostPID", True),
    "a folder of the host": ("volumes/0/hostPath", {"path": "/"}),
    "a pod that runs as root": ("securityContext/runAsUser", 0),
    "a pod that may run as root": ("securityContext/runAsNonRoot", False),
    "a pod without seccomp": ("securityContext/seccompProfile", {"type": "Unconfined"}),
    "an init container without seccomp": ("initContainers/0/securityContext/seccompProfile", {"type": "Unconfined"}),
    "an init container that runs as root": ("initContainers/0/securityContext/runAsUser", 0),
    "a sidecar that may gain privileges": ("initContainers/1/securityContext/allowPrivilegeEscalation", True),
    "a privileged server": ("containers/0/securityContext/privileged", True),
    "a server that keeps its capabilities": ("containers/0/securityContext/capabilities/drop", []),
    "a server with one more capability": ("containers/0/securityContext/capabilities/add", ["SYS_NICE"]),
    "a port of the host": ("containers/0/ports/0/hostPort", 3306),
    "a probe of another host": ("initContainers/1/livenessProbe/httpGet/host", "192.0.2.1"),
    "an unmasked /proc": ("containers/0/securityContext/procMount", "Unmasked"),
    "a sysctl": ("securityContext/sysctls", [{"name": "kernel.shm_rmid_forced", "value": "1"}]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_rules_find(base: Documents, change: str) -> None:
    path, value = CHANGES[change]
    pod = copy.deepcopy(dict(template(base)))
    *steps, last = path.split("/")
    place: Any = pod
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value

    assert complaints(pod) != []


@pytest.mark.parametrize("name", ["overlays/lab", "overlays/production"])
def test_the_namespace_enforces_it(documents_of: Built, name: str) -> None:
    (namespace,) = of_kind(documents_of(name), "Namespace").values()

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
