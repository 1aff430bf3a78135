"""One truth: the chart renders what kustomize builds, object by object."""

from base64 import b64decode

import pytest

from tests.pages.chart.conftest import Built
from tests.support.manifests import helm
from tests.support.manifests.built import CLUSTERS, of_kind
from tests.support.manifests.charts import (
    CASES,
    RELEASE,
    by_helm,
    by_kustomize,
    differences,
    merge,
    render,
)


def test_every_overlay_and_component_has_its_values() -> None:
    assert CASES.keys() == set(CLUSTERS)


@pytest.mark.parametrize("name", CASES)
def test_the_chart_renders_what_kustomize_builds(documents_of: Built, name: str) -> None:
    wanted = {key: one for key, one in by_kustomize(documents_of(name)).items() if key[0] != "Secret"}
    found = {key: one for key, one in by_helm(render(name)).items() if key[0] != "Secret"}

    assert found.keys() == wanted.keys()
    assert len(found) >= 8
    assert [line for key, one in wanted.items() for line in differences(found[key], one, " ".join(key))] == []


@pytest.mark.parametrize("name", ["base", "overlays/lab"])
def test_the_secret_has_the_keys_of_kustomize_and_one_for_a_method_that_may_come_later(
    documents_of: Built, name: str
) -> None:
    keys = ("exchangeKey", "clusterId", "rootPassword", "agentPassword", "sstPassword")
    values = merge({"fullnameOverride": "mysql", "auth": dict.fromkeys(keys, "long-enough-to-be-a-key")}, CASES[name])
    wanted = of_kind(documents_of(name), "Secret")["galera"]
    found = of_kind(helm.template(values, release=RELEASE), "Secret")["mysql"]

    assert found["data"].keys() == wanted["stringData"].keys() | {"sst-password"}
    assert found["type"] == wanted["type"]
    if name == "overlays/lab":
        given = {key: b64decode(value).decode() for key, value in found["data"].items()}
        assert wanted["stringData"].items() <= given.items()
