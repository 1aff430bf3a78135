"""The values on the pages of a take-over find the claims, the uid and the datadir of the old set."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bootstrap.core.galera import binlog_options
from bootstrap.mariadb.recover import Recover
from tests.support.manifests import helm
from tests.support.manifests.built import of_kind, parse
from tests.support.manifests.pod_security import complaints
from tests.support.manifests.take_over import PAGES, read_blocks, read_values


class Old(NamedTuple):
    """What the old set has, by its published source."""

    claims: str
    uid: int
    at_root: bool
    service: str


OLD = {
    # bitnami/charts, bitnami/mariadb-galera/templates/statefulset.yaml and values.yaml, 16.0.2
    "from-bitnami": Old("data-shop-mariadb-galera-0", 1001, at_root=False, service="shop-mariadb-galera"),
    # CloudPirates-io/helm-charts, charts/mariadb/templates/statefulset.yaml and values.yaml, 0.16.11
    "from-cloudpirates": Old("data-shop-mariadb-0", 999, at_root=True, service="shop-mariadb"),
    # mariadb-operator, pkg/builder/statefulset_builder.go and container_builder.go, 26.6
    "from-mariadb-operator": Old("storage-shop-0", 999, at_root=True, service="shop-writer"),
    "from-hand-made": Old("mysql-db-0", 999, at_root=True, service="db"),
}


def render(name: str) -> Any:
    return helm.template(parse(read_values(name))[0], release="shop")


def test_every_page_of_an_origin_is_known_and_linked() -> None:
    origins = {path.stem for path in PAGES.glob("from-*.md")}
    assert origins == OLD.keys()
    assert all(f"({name}.md)" in (PAGES / "README.md").read_text() for name in origins)


@pytest.mark.parametrize("name", OLD)
def test_the_values_find_the_old_volumes(name: str) -> None:
    documents, old = render(name), OLD[name]
    ((set_name, members),) = of_kind(documents, "StatefulSet").items()
    pod, (claim,) = members["spec"]["template"]["spec"], members["spec"]["volumeClaimTemplates"]

    assert f"{claim['metadata']['name']}-{set_name}-0" == old.claims
    assert {pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {old.uid}
    inits = [one["name"] for one in pod["initContainers"]]
    assert inits == ["install", "agent", *(["relocate"] if old.at_root else []), "bootstrap"]
    mounted = {
        one["name"]
        for one in (*pod["initContainers"], *pod["containers"])
        if {"name": claim["metadata"]["name"], "mountPath": "/var/lib/galera"} in one["volumeMounts"]
    }
    assert mounted == {*inits, "mysql"} - {"install"}
    assert old.service in of_kind(documents, "Service")
    assert old.claims in (PAGES / f"{name}.md").read_text()


def options_of(name: str) -> str:
    """The server's options on a page."""
    maps = of_kind(render(name), "ConfigMap").values()
    (options,) = [text for one in maps for text in one.get("data", {}).values() if "[mysqld]" in text]
    return str(options)


def test_bitnami_s_binary_log_stays_on() -> None:
    """Without it the data of a killed server hold."""
    lines = [line.replace(" ", "") for line in options_of("from-bitnami").splitlines()]
    given = tuple(f"--{line}" for line in lines if "=" in line)
    assert binlog_options.find_index(binlog_options.find_options(given), ()) == "mysql-bin.index"
    assert binlog_options.is_on(given)


@pytest.mark.galera
def test_a_real_server_takes_the_options_that_stay(tmp_path: Path) -> None:
    cnf = tmp_path / "server.cnf"
    cnf.write_text(options_of("from-bitnami"))
    recover = Recover(("mariadbd", f"--defaults-file={cnf}"))
    assert recover.why_refused() == ""


def test_the_pods_of_the_page_are_allowed_where_restricted_is_enforced() -> None:
    pods = [parse(block)[0] for block in read_blocks("README")]
    assert [pod["metadata"]["name"] for pod in pods] == ["inspect", "relocate-back"]
    assert [one for pod in pods for one in complaints(pod["spec"])] == []
