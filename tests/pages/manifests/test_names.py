"""Under any name: every overlay and component, with prefix, suffix and label, and two clusters in one namespace.

The recipe is read from docs/manifests.md.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bootstrap.settings import from_environment
from tests.pages.manifests.conftest import Built
from tests.paths import ROOT
from tests.support.manifests import kustomize
from tests.support.manifests.built import (
    CLUSTERS,
    MANIFESTS,
    Document,
    Documents,
    containers,
    of_kind,
    parse,
    pods,
    relative,
)
from tests.support.manifests.selectors import of_owners, pod_labels, under

PAGE = (ROOT / "docs" / "manifests.md").read_text()

RECIPE, TAKEN_OVER = re.findall(r"```yaml\n(.*?)```", PAGE.split("\n## Names\n")[1].split("\n## ")[0], re.DOTALL)

PREFIX, SUFFIX = "shop-", "-eu"

METRICS = ("metrics/operator", "metrics/mysqld-exporter")

GUESTS = ("arbitrator", "backup-log", "restore", "writer-haproxy", *METRICS, "dual-stack")

ALL = "overlays/production with every guest"

SECRETS = {"galera", "galera-tls", "galera-accounts", "galera-repository", "galera-log", "galera-exporter"}
"""Those that people make themselves, so that no object of that name is built."""

FOREIGN = {
    ("PersistentVolumeClaim", "mysql-backups"),
    ("StorageClass", "galera-hostpath"),
    ("StorageClass", "galera-nfs"),
}
"""What docs/manifests.md says keeps its name, if no object of that name is built."""

SHARED = {"Namespace"}
"""Kinds whose objects belong to both clusters of a namespace."""

Ask = tuple[str, str]
"""Kind and name of an object that another one refers to."""


def write(folder: Path, name: str, recipe: str) -> Path:
    """Write a kustomization that builds one of CLUSTERS, or ALL, by a recipe."""
    if name == ALL:
        resource, components = MANIFESTS / "overlays/production", [MANIFESTS / "components" / one for one in GUESTS]
    elif name.startswith("components/"):
        resource, components = MANIFESTS / "base", [MANIFESTS / name]
    else:
        resource, components = MANIFESTS / name, []
    # Without a namespace kustomize would not know what belongs together: that of an overlay is for its own objects.
    lines = ["namespace: db", "resources:", f"- {relative(resource, folder)}"]
    lines += ["components:", *(f"- {relative(one, folder)}" for one in components)] if components else []
    (folder / "kustomization.yaml").write_text("\n".join(lines) + f"\n{recipe}")
    return folder


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Gives the documents of one of CLUSTERS, or of ALL, under the names of the recipe."""

    @cache
    def documents(name: str) -> Documents:
        return parse(kustomize.build(write(tmp_path_factory.mktemp("named"), name, RECIPE)))

    return documents


@pytest.fixture(scope="module")
def plain(documents_of: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Gives the same under their own names."""

    @cache
    def documents(name: str) -> Documents:
        if name != ALL:
            return documents_of(name)
        return parse(kustomize.build(write(tmp_path_factory.mktemp("plain"), name, "")))

    return documents


def references(documents: Documents) -> Iterator[Ask]:
    """Everything that an object says of another one by its name."""
    for document in documents:
        yield from references_of(document)
    for one in of_kind(documents, "StatefulSet").values():
        yield "Service", one["spec"]["serviceName"]
        for claim in one["spec"].get("volumeClaimTemplates", ()):
            if name := claim["spec"].get("storageClassName"):
                yield "StorageClass", name
    for _, pod in pods(documents):
        yield "ServiceAccount", pod["serviceAccountName"]
        for container in containers(pod).values():
            found = {one["name"]: one.get("value") for one in container.get("env", ())}
            yield from (("Service", str(value)) for name, value in found.items() if re.fullmatch(r"PROXY_\d+", name))
    for one in of_kind(documents, "ConfigMap").values():
        for key, kind in (("GALERA_BOOTSTRAP_SERVICE", "Service"), ("GALERA_BOOTSTRAP_SET", "StatefulSet")):
            if key in one.get("data", ()):
                yield kind, one["data"][key]


def references_of(document: Document) -> Iterator[Ask]:
    """References of kinds that stand in a pod, wherever its template is."""
    for key, kind in (("secret", "Secret"), ("secretRef", "Secret"), ("secretKeyRef", "Secret"),
                      ("configMap", "ConfigMap"), ("configMapRef", "ConfigMap"), ("configMapKeyRef", "ConfigMap"),
                      ("persistentVolumeClaim", "PersistentVolumeClaim")):  # fmt: skip
        for one in under(document.get("spec", {}), key):
            yield kind, one.get("name") or one.get("secretName") or one["claimName"]


def identities(documents: Documents) -> set[Ask]:
    return {(one["kind"], one["metadata"]["name"]) for one in documents}


def test_the_recipe_names_what_this_test_looks_for() -> None:
    (recipe,) = parse(RECIPE)

    assert (recipe["namePrefix"], recipe["nameSuffix"]) == (PREFIX, SUFFIX)
    assert recipe["labels"] == [{"includeSelectors": True, "pairs": {"app.kubernetes.io/instance": "shop"}}]


@pytest.mark.parametrize("name", [*CLUSTERS, ALL])
def test_every_reference_is_to_an_object_that_is_built_under_the_new_names(named: Built, name: str) -> None:
    documents = named(name)
    built = identities(documents)
    secrets = {("Secret", f"{PREFIX}{secret}{SUFFIX}") for secret in SECRETS}
    asked = set(references(documents))

    assert len(asked) >= 6
    assert asked - built - secrets <= FOREIGN
    for kind, found in built - {("Namespace", "galera-lab"), ("Namespace", "db")}:
        assert found.startswith(PREFIX), (kind, found)
        assert SUFFIX in found, (kind, found)


@pytest.mark.parametrize("name", [*CLUSTERS, ALL])
def test_the_programs_get_the_new_names(named: Built, name: str) -> None:
    (values,) = (one["data"] for key, one in of_kind(named(name), "ConfigMap").items() if "settings" in key)
    settings = from_environment({**values, "POD_NAMESPACE": "db"}, f"{PREFIX}mysql{SUFFIX}-0")

    assert (settings.service, settings.set_name) == (f"{PREFIX}galera{SUFFIX}", f"{PREFIX}mysql{SUFFIX}")


@pytest.mark.parametrize("name", [*CLUSTERS, ALL])
def test_two_clusters_in_one_namespace_have_no_object_and_no_pod_in_common(
    named: Built, plain: Built, name: str
) -> None:
    one, other = named(name), plain(name)
    common = {kind for kind, _ in identities(one) & identities(other)}
    pods_of_one, pods_of_other = pod_labels(one), pod_labels(other)

    assert common <= SHARED
    for documents, own, foreign in ((one, pods_of_one, pods_of_other), (other, pods_of_other, pods_of_one)):
        chosen = list(of_owners(documents))
        assert len(chosen) > 10
        for selector in chosen:
            assert any(selector.items() <= labels.items() for labels in own), selector
            assert not any(selector.items() <= labels.items() for labels in foreign), selector


def test_a_policy_names_clients_by_no_label_of_the_cluster(named: Built) -> None:
    """A client has labels of its own."""
    policies = of_kind(named(ALL), "NetworkPolicy")
    clients = {"matchExpressions": [{"key": "mysql-client", "operator": "In", "values": ["true"]}]}

    for policy in (f"{PREFIX}mysql{SUFFIX}", f"{PREFIX}mysql-writer{SUFFIX}"):
        assert clients in list(under(policies[policy]["spec"]["ingress"], "podSelector"))


def test_the_service_monitor_selects_only_the_service_of_its_cluster(named: Built, plain: Built) -> None:
    one, other = named("components/metrics/operator"), plain("components/metrics/operator")
    (monitor,) = of_kind(one, "ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()

    def chosen(documents: Documents) -> set[str]:
        services = of_kind(documents, "Service")
        return {name for name, found in services.items() if wanted <= found["metadata"]["labels"].items()}

    assert (chosen(one), chosen(other)) == ({f"{PREFIX}galera-metrics{SUFFIX}"}, set())


def test_no_other_text_of_the_new_objects_has_an_old_name(named: Built, plain: Built) -> None:
    """Whatever equals an old name, and is not a name inside of a pod or a label that both clusters share."""
    old = {found for kind, found in identities(plain(ALL)) if kind not in SHARED}
    inside = re.compile(
        r"\.(containers|initContainers|ports|groups)\.name$|\.kubectl\.kubernetes\.io/default-container$"
        r"|\.app\.kubernetes\.io/(name|component|part-of)$"
    )
    found = {
        (path, text)
        for document in named(ALL)
        for path, text in leaves(document, document["kind"])
        if text in old and not inside.search(path)
    }

    assert len(old) > 12
    assert found == set()


def leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path -> text, for all texts of a document; places in lists are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif isinstance(value, str):
        yield path, value


def test_the_set_and_its_claims_can_have_names_that_exist_already(tmp_path: Path) -> None:
    documents = parse(kustomize.build(write(tmp_path, "overlays/lab", TAKEN_OVER)))
    ((name, found),) = of_kind(documents, "StatefulSet").items()
    pod = found["spec"]["template"]["spec"]
    mounts = {
        (container, mount["name"])
        for container, one in containers(pod).items()
        for mount in one["volumeMounts"]
        if mount["mountPath"] == "/var/lib/galera"
    }

    assert name == "db-mariadb-galera"
    assert of_kind(documents, "ConfigMap")["galera-settings"]["data"]["GALERA_BOOTSTRAP_SET"] == name
    assert [claim["metadata"]["name"] for claim in found["spec"]["volumeClaimTemplates"]] == ["data"]
    assert mounts == {("agent", "data"), ("bootstrap", "data"), ("mysql", "data")}
    assert list(containers(pod)) == ["install", "agent", "bootstrap", "mysql"]
