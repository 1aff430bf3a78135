"""What the chart renders is valid, restricted, and shows no secret; and what it refuses without a cluster."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT
from tests.support.manifests import helm
from tests.support.manifests.built import Documents, of_kind, parse, pods
from tests.support.manifests.charts import CASES, COMMON, LAB, RELEASE, merge, render
from tests.support.manifests.helm import CHART, HelmError, Values
from tests.support.manifests.pod_security import complaints
from tests.support.manifests.selectors import of_owners, pod_labels

EVERYTHING: Mapping[str, Any] = {
    "auth": {"existingSecret": "galera"},
    "tls": {"enabled": True, "existingSecret": "galera-tls"},
    **{name: {"enabled": True} for name in ("restore", "dualStack", "openshift")},
    "metrics": {"enabled": True, "mysqldExporter": {"enabled": True}},
    "backup": {"enabled": True, "s3": {"enabled": True}, "pointInTime": {"enabled": True}},
    "writer": {"haproxy": {"enabled": True}},
    "service": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["192.0.2.0/24"], "port": 3307},
    "networkPolicy": {"clients": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]},
}

GUESTS: Mapping[str, Any] = {**EVERYTHING, "replicaCount": 2, "arbitrator": {"enabled": True}}

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]


def full(release: str, values: Mapping[str, Any]) -> Documents:
    return helm.template(values, release=release)


@pytest.fixture(scope="module")
def everything() -> Documents:
    """The chart with all that it can make."""
    return full("db", GUESTS)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_objects_are_valid(everything: Documents, version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="NOT TESTED: schemas; run scripts/setup.sh test")
    for document in everything:
        validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", CASES)
def test_all_pods_are_allowed_where_restricted_is_enforced(name: str) -> None:
    found = {pod: complaints(spec) for pod, spec in pods(render(name))}

    assert len(found) >= 2  # the set, and the pod of `helm test`
    assert {pod: one for pod, one in found.items() if one} == {}


def test_on_openshift_no_pod_names_a_user_or_a_group(everything: Documents) -> None:
    for _, pod in pods(everything):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod["securityContext"].keys()
        assert complaints(pod) == []


def test_two_releases_in_one_namespace_have_nothing_in_common(everything: Documents) -> None:
    other = full("shop", GUESTS)
    identities = [{(one["kind"], one["metadata"]["name"]) for one in documents} for documents in (everything, other)]

    assert identities[0].isdisjoint(identities[1])
    for documents, foreign in ((everything, other), (other, everything)):
        for selector in of_owners(documents):
            assert any(selector.items() <= labels.items() for labels in pod_labels(documents)), selector
            assert not any(selector.items() <= labels.items() for labels in pod_labels(foreign)), selector


def test_objects_of_ones_own_are_rendered_and_clients_are_let_in() -> None:
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-mine"}}
    documents = full("db", {**EVERYTHING, "extraObjects": [extra, "apiVersion: v1\nkind: Secret\nmetadata: {name: x}"]})
    policy = of_kind(documents, "NetworkPolicy")["db-galera"]
    # The other rule with this port is for the program that sends the binary log.
    clients, _ = [rule for rule in policy["spec"]["ingress"] if rule["ports"] == [{"protocol": "TCP", "port": 3306}]]

    assert {"db-mine"} < of_kind(documents, "ConfigMap").keys()
    assert "x" in of_kind(documents, "Secret")
    assert EVERYTHING["networkPolicy"]["clients"][0] in clients["from"]
    open_to_all = full("db", {**EVERYTHING, "networkPolicy": {"allowExternal": True}})
    rules = of_kind(open_to_all, "NetworkPolicy")["db-galera"]["spec"]["ingress"]
    assert {"ports": [{"protocol": "TCP", "port": 3306}]} in rules


def test_without_a_cluster_nothing_random_is_made() -> None:
    """`lookup` sees nothing there: a second run would make another cluster-id."""
    with pytest.raises(HelmError, match="no access to a cluster") as refused:
        helm.template({})

    for key in ("cluster-id", "exchange-key", "root-password", "agent-password", "sst-password"):
        assert key in str(refused.value)
    with pytest.raises(HelmError, match="no access to a cluster"):
        helm.template({}, "--is-upgrade")


def test_with_all_values_given_two_runs_are_the_same() -> None:
    (lab,) = parse(LAB.read_text())

    assert helm.template(lab) == helm.template(lab, "--is-upgrade")


def test_a_secret_of_ones_own_may_have_other_keys() -> None:
    keys = {"root-password": "mariadb-root-password", "cluster-id": "id"}
    documents = full("db", {**EVERYTHING, "auth": {"existingSecret": "mine", "secretKeys": keys}})
    text = json.dumps([pod for _, pod in pods(documents)])

    assert of_kind(documents, "Secret") == {}
    assert '{"key": "mariadb-root-password", "path": "root-password"}' in text
    assert '"key": "root-password"' not in text
    assert '"key": "cluster-id"' not in text
    assert '"name": "mine"' in text


def test_a_package_has_files_in_place_of_links(tmp_path: Path) -> None:
    """Who gets the chart from a registry has no clone."""
    helm.run("package", str(CHART), f"--destination={tmp_path}")
    (archive,) = tmp_path.glob("galera-*.tgz")
    subprocess.run(("tar", "-xzf", archive, "-C", tmp_path), check=True)

    assert not [path for path in (tmp_path / "galera").rglob("*") if path.is_symlink()]
    found = helm.template(merge(COMMON, CASES["components/writer-haproxy"]), release=RELEASE, chart=tmp_path / "galera")
    assert found == render("components/writer-haproxy")


def render_notes(chart: Path, values: Values) -> Documents:
    """Render all, with the notes as an object: helm prints them only with a cluster."""
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "files/NOTES.txt")
    (chart / "templates/notes.yaml").write_text(
        'kind: Notes\nmetadata: {name: notes}\ntext: {{ tpl (.Files.Get "files/NOTES.txt") . | quote }}\n'
    )
    return helm.template(values, chart=chart)


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"replicaCount": 1}, "One member: no other one has the data"),
        ({"replicaCount": 2}, "TWO MEMBERS ARE WORSE THAN ONE"),
        ({"replicaCount": 2, "arbitrator": {"enabled": True}}, ""),
        ({"replicaCount": 3}, ""),
        ({"replicaCount": 4}, "An even number: 4 members bear no more losses at a time than 3."),
        ({"replicaCount": 5}, ""),
    ],
)
def test_the_notes_warn_of_numbers_of_members_that_nobody_wants(values: Values, warning: str, tmp_path: Path) -> None:
    documents = render_notes(tmp_path / "galera", merge(COMMON, values))
    text = of_kind(documents, "Notes")["notes"]["text"]
    found = [one for one in ("One member", "TWO MEMBERS", "An even number") if one in text]
    assert (warning in text, len(found)) == (True, 1 if warning else 0)


def test_the_notes_name_what_is_there(tmp_path: Path) -> None:
    documents = render_notes(tmp_path / "galera", EVERYTHING)
    text = of_kind(documents, "Notes")["notes"]["text"]
    services = of_kind(documents, "Service")

    for name, port in re.findall(r"^  ([a-z-]+):(\d+) ", text, re.MULTILINE):
        assert int(port) in [one["port"] for one in services[name]["spec"]["ports"]]
    assert "exec db-galera-0 -c agent -- /work-dir/galera-bootstrap status" in text
    assert "get secret galera -o jsonpath='{.data.root-password}'" in text
    assert "<no value>" not in text


def test_without_a_claim_a_copy_is_made_on_the_node_s_disk_and_sent() -> None:
    values = {"enabled": True, "persistence": {"enabled": False, "size": "7Gi"}, "s3": {"enabled": True}}
    documents = full("db", {"auth": {"existingSecret": "galera"}, "backup": values})
    (pod,) = (pod for owner, pod in pods(documents) if owner == "db-galera-backup")

    assert {"name": "backups", "emptyDir": {"sizeLimit": "7Gi"}} in pod["volumes"]
    assert of_kind(documents, "PersistentVolumeClaim") == {}


def test_checkov_finds_only_what_was_decided(everything: Documents, tmp_path: Path) -> None:
    """The same checks fail as for kustomize's objects: tests/pages/manifests/test_checkov.py has the reasons."""
    checkov = shutil.which("checkov") or shutil.which("checkov", path=ROOT / ".venv-checkov/bin")
    if checkov is None:
        pytest.skip("NOT TESTED: checkov's policies; `make manifest-tools` installs it")
    plain = full("db", {key: value for key, value in GUESTS.items() if key != "openshift"})
    (tmp_path / "chart.yaml").write_text("\n---\n".join(json.dumps(one) for one in plain))
    command = (checkov, "--framework=kubernetes", "--output=json", "--compact", f"--directory={tmp_path}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    results = json.loads(done.stdout)["results"]

    assert len(results["passed_checks"]) > 50
    # The pod of `helm test` serves nobody, and ends.
    failed = {one["check_id"] for one in results["failed_checks"] if not one["resource"].endswith("-test")}
    # CKV_K8S_9 is the container of mysqld_exporter.
    assert failed == {"CKV_K8S_8", "CKV_K8S_9", "CKV_K8S_15", "CKV_K8S_43"}
    of_test = {one["check_id"] for one in results["failed_checks"] if one["resource"].endswith("-test")}
    assert of_test <= {"CKV_K8S_8", "CKV_K8S_9", "CKV_K8S_15", "CKV_K8S_43", "CKV2_K8S_6"}
    assert everything


def test_data_come_from_a_backup_or_are_on_the_volumes_already() -> None:
    with pytest.raises(HelmError, match=r"restore.enabled and takeOver.enabled exclude each other"):
        helm.template(merge(COMMON, {"restore": {"enabled": True}, "takeOver": {"enabled": True}}))
