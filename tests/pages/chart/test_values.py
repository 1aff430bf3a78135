"""No value is dead, none is unknown, and the pages about them are made from them."""

import json
import re
from base64 import b64decode
from typing import Any

import pytest

from bootstrap import __version__
from tests.support.manifests import helm
from tests.support.manifests.built import of_kind, parse
from tests.support.manifests.chart_pages import README, SCHEMA, SECRET_KEYS, readme, rows, schema, schema_text
from tests.support.manifests.helm import CHART, HelmError

ROWS = {row.path: row for row in rows()}

SECRETS = {f"auth.{name}": "" for name in ("clusterId", "exchangeKey", "rootPassword", "agentPassword", "sstPassword")}

ENABLED = (
    *("writer.haproxy", "tls", "tls.certManager", "metrics", "metrics.serviceMonitor", "metrics.prometheusRule"),
    "metrics.dashboard",
    "metrics.mysqldExporter",
    *("backup", "backup.s3", "backup.pointInTime", "restore"),
)

CHOSEN: dict[str, Any] = {
    "replicaCount": 2,
    "image.pullPolicy": "Always",
    "sst.method": "mariabackup",
    "persistence.whenDeleted": "Delete",
    "persistence.whenScaled": "Delete",
    "settings": {"PROVIDER_OPTIONS": "gcache.size=77G"},
    "auth.secretKeys": {key: f"theirs-{key}" for key in SECRET_KEYS},
    "tls.certManager.issuerRef": {"name": "mark-issuer"},
    **{f"{at}.type": "LoadBalancer" for at in ("service", "writer.service")},
    **{f"{at}.externalTrafficPolicy": "Local" for at in ("service", "writer.service")},
    **{f"{at}.sessionAffinity": "ClientIP" for at in ("service", "writer.service")},
    "backup.schedule": "1 2 3 4 5",
    "backup.timeZone": "Europe/Vaduz",
    "backup.s3.proof.schedule": "5 4 3 2 1",
    "fullnameOverride": "mark-name",
    "persistence.size": "71Gi",
    "backup.persistence.size": "72Gi",
    "backup.s3.proof.size": "73Gi",
    "tmpSize": "74Gi",
    "image.digest": "sha256:" + "1" * 64,
    "tools.image.digest": "sha256:" + "2" * 64,
    "writer.haproxy.image.digest": "sha256:" + "3" * 64,
    "metrics.mysqldExporter.image.digest": "sha256:" + "4" * 64,
}
"""Values that are not simply another text or number."""

OTHERS = {
    *(
        "auth.existingSecret",
        "auth.secretKeys",
        "existingConfigMap",
        "initdbScriptsConfigMap",
        "tls.existingSecret",
        "fullnameOverride",
    ),
    *("serviceAccount.name", "backup.persistence.existingClaim", "restore.existingClaim", "restore.name"),
    *("backup.s3.existingSecret", "backup.pointInTime.existingSecret", "metrics.mysqldExporter.existingSecret"),
    *("image.digest", "tools.image.digest", "writer.haproxy.image.digest", "metrics.mysqldExporter.image.digest"),
    *("global.imageRegistry", "affinity"),
}
"""Values that leave no room for others; they are tried in a second rendering."""

WITH_ARBITRATOR = {path for path in ROWS if path.startswith("arbitrator.")} | {
    *("replicaCount", "restore.s3.cluster", "restore.s3.until")
}
"""Those of a third one: two members and an arbitrator, restored from an object storage."""

THIRD = {"arbitrator.enabled": True, "restore.s3.enabled": True}

SWITCHES = {path for path, row in ROWS.items() if isinstance(row.default, bool)}
"""Values of which test_equal has most: each is turned into its opposite."""


def sample(path: str, number: int) -> Any:
    """A value that is found in the output."""
    if path in CHOSEN:
        return CHOSEN[path]
    default = ROWS[path].default
    mark = f"mark-{number}"
    if "integer or empty" in ROWS[path].text:
        return 30000 + number
    if isinstance(default, int):
        return 7000 + number
    if isinstance(default, list):
        return (
            [{"name": mark, "key": mark}] if path != "extraObjects" else [{"kind": "Mark", "metadata": {"name": mark}}]
        )
    return {"mark": mark} if isinstance(default, dict) else mark


def words(value: Any) -> list[str]:
    """The texts and numbers in a value."""
    if isinstance(value, dict):
        return [word for one in value.values() for word in words(one)]
    return [word for one in value for word in words(one)] if isinstance(value, list) else [str(value)]


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """The values as helm takes them."""
    found: dict[str, Any] = {}
    for path, value in flat.items():
        *above, name = path.split(".")
        at = found
        for part in above:
            at = at.setdefault(part, {})
        at[name] = value
    return found


def rendered(flat: dict[str, Any]) -> str:
    """What the chart makes of these values; Secrets in clear text."""
    documents = helm.template(nested(flat))
    secrets = [
        b64decode(one).decode() for secret in of_kind(documents, "Secret").values() for one in secret["data"].values()
    ]
    return json.dumps([documents, secrets])


@pytest.mark.parametrize("group", ["most", "others", "arbitrator"])
def test_every_value_reaches_an_object(group: str) -> None:
    numbered = {path: number for number, path in enumerate(ROWS) if path not in SWITCHES}
    wanted = {
        "most": numbered.keys() - OTHERS - WITH_ARBITRATOR - {"podAntiAffinityPreset"},  # test_equal has it
        "others": OTHERS,
        "arbitrator": WITH_ARBITRATOR - SWITCHES,
    }[group]
    given = {path: sample(path, numbered[path]) for path in wanted}
    given |= {f"{path}.enabled": True for path in ENABLED} if group != "arbitrator" else THIRD
    if group == "arbitrator":
        given |= dict.fromkeys(SECRETS, "s" * 32)
    if group == "others":
        given["tls.certManager.enabled"] = False
    text = rendered(given)

    assert [path for path in wanted if not any(word in text for word in words(given[path]))] == []


def test_the_groups_have_every_value() -> None:
    assert ROWS.keys() >= OTHERS | WITH_ARBITRATOR
    assert len(ROWS) > 130


@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_every_switch_changes_something(path: str) -> None:
    """Below another switch it counts when that one is on."""
    common: dict[str, Any] = {"auth.existingSecret": "galera", "tls.existingSecret": "galera-tls"}
    if path.startswith("arbitrator"):
        common["replicaCount"] = 2
    if path.startswith("tls.certManager"):
        common |= {"tls.enabled": True, "tls.existingSecret": "", "tls.certManager.issuerRef": {"name": "ca"}}
    if path.startswith("metrics.") and path != "metrics.enabled":
        common["metrics.enabled"] = True
    if path.startswith(("backup.s3", "backup.persistence", "backup.pointInTime")):
        common["backup.enabled"] = True
    if path in {"backup.persistence.enabled", "backup.pointInTime.enabled"}:
        common["backup.s3.enabled"] = True
    before = "" if path == "tls.certManager.enabled" else rendered(common)

    assert rendered({**common, path: not ROWS[path].default}) != before


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replicas": 5}, "additional properties 'replicas' not allowed"),
        ({"service": {"type": "Loadbalancer"}}, "value must be one of 'ClusterIP'"),
        ({"replicaCount": "three"}, "got string, want integer"),
        ({"settings": {"SST": "rsync"}}, "additional properties 'SST' not allowed"),
        ({"auth": {"secretKeys": {"rootpassword": "x"}}}, "additional properties 'rootpassword' not allowed"),
        ({"fullnameOverride": "Has.Dots"}, "cannot be that of a Service"),
        ({"arbitrator": {"enabled": True}}, "arbitrator.enabled needs replicaCount 2"),
        ({"backup": {"s3": {"enabled": True}}}, "backup.s3.enabled needs backup.enabled"),
        (
            {"backup": {"enabled": True, "pointInTime": {"enabled": True}}},
            "backup.pointInTime.enabled needs backup.s3.enabled",
        ),
        ({"restore": {"s3": {"until": "latest"}}}, "restore.s3.until needs restore.s3.enabled"),
        ({"backup": {"enabled": True, "persistence": {"enabled": False}}}, "each copy would be gone with its pod"),
        ({"restore": {"enabled": True, "s3": {"enabled": True}}}, "a cluster is restored from one place"),
        ({"metrics": {"prometheusRule": {"enabled": True}}}, "needs metrics.enabled"),
        ({"tls": {"enabled": True, "certManager": {"enabled": True}}}, "issuerRef.name is empty"),
        ({"tls": {"enabled": True}}, "makes no certificate that would be another one next time"),
        ({"podSecurityContext": {"enabled": True}}, "podSecurityContext.enabled is a switch of other charts"),
        ({"containerSecurityContext": {"enabled": False}}, "containerSecurityContext.enabled is a switch of other"),
        ({"global": {"storageClass": "fast"}}, "global.storageClass has no effect here: set persistence.storageClass"),
        ({"global": {"defaultStorageClass": ""}}, "global.defaultStorageClass has no effect here"),
        ({"fullnameOverride": "a" * 46, "writer": {"haproxy": {"enabled": True}}}, "give one of at most 45"),
        ({"fullnameOverride": "a" * 53}, "has 53 characters, and the names of all objects begin with it"),
        ({"image": {"repository": "bitnami/mariadb-galera"}}, "Bitnami's image has its own paths"),
        ({"configuration": "[mysqld]\nbasedir=/opt/bitnami/mariadb\n"}, "leave out basedir, plugin_dir"),
        ({"existingConfigMap": "a", "configuration": "[mysqld]"}, "existingConfigMap and configuration exclude"),
        ({"initdbScriptsConfigMap": "a", "initdbScripts": {"a.sql": ""}}, "initdbScripts exclude each other"),
        ({"extraEnv": [{"name": "GALERA_BOOTSTRAP_REPLICAS", "value": "5"}]}, "set settings.REPLICAS"),
        ({"persistence": {"size": "50GB"}}, "'50GB' does not match pattern"),
        ({"persistence": {"size": ""}}, "'' does not match pattern"),
        ({"persistence": {"claimName": "Data"}}, "'Data' does not match pattern"),
        ({"service": {"port": 99999}}, "maximum: got 99,999"),
        ({"service": {"annotations": {"a": True}}}, "got boolean, want string"),
        ({"podAnnotations": {"a": 1}}, "got number, want string"),
        ({"initContainers": ["x"]}, "got string, want object"),
        ({"fullnameOverride": "Shop"}, "cannot be that of a Service: give one of a-z"),
    ],
)
def test_a_mistake_is_refused_with_its_name(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(HelmError) as refused:
        helm.template({"auth": {"existingSecret": "galera"}, **values})

    assert complaint in str(refused.value)


def test_the_schema_and_the_readme_are_made_from_the_values() -> None:
    assert SCHEMA.read_text() == schema_text(), "run `make chart-docs`"
    assert README.read_text() == readme(), "run `make chart-docs`"


def test_the_schema_knows_every_value_and_no_other() -> None:
    def paths(at: dict[str, Any], above: str = "") -> set[str]:
        inner = {name: one for name, one in at.get("properties", {}).items() if f"{above}{name}" not in closed}
        below = {path for name, one in inner.items() for path in paths(one, f"{above}{name}.")}
        return below | {
            f"{above}{name}" for name in at.get("properties", {}) if not inner.get(name, {}).get("properties")
        }

    closed = {"settings", "auth.secretKeys"}
    assert paths(schema()) == set(ROWS)


@pytest.mark.parametrize("name", ["values-production.yaml", "values-lab.yaml"])
def test_the_files_of_values_are_refused_nothing(name: str) -> None:
    """Lint renders without a cluster, too, and says nothing of what only a cluster can have."""
    text = helm.run("lint", "--strict", str(CHART), f"--values={CHART / name}")

    assert "0 chart(s) failed" in text


def test_the_chart_has_the_version_of_the_project() -> None:
    (chart,) = parse((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_table_of_another_chart_s_values_names_values_that_exist() -> None:
    section = README.read_text().split("\n## From Bitnami's chart\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| `[^|]+\| ([^|]+) \|$", section, re.MULTILINE)
    named = [
        name
        for cell in cells[1:]
        if not cell.startswith("none")
        for name in re.findall(r"`([a-z]\w+(?:\.[a-z]\w+)*)`", cell)
    ]

    assert len(named) > 15
    assert [name for name in named if name not in ROWS and name not in {"tls.crt", "tls.key", "ca.crt"}] == []


@pytest.mark.parametrize("path", ["global.imagePullSecrets", "image.pullSecrets"])
@pytest.mark.parametrize("secret", ["corp-pull", {"name": "corp-pull"}])
def test_secrets_of_registries_are_names_or_objects_and_reach_every_pod(path: str, secret: Any) -> None:
    documents = helm.template(nested({"auth.existingSecret": "galera", path: [secret]}))
    pods = [one["spec"]["template"]["spec"] for one in of_kind(documents, "StatefulSet").values()]
    pods += [one["spec"] for one in of_kind(documents, "Pod").values()]
    assert [pod["imagePullSecrets"] for pod in pods] == [[{"name": "corp-pull"}]] * 2


@pytest.mark.parametrize(("length", "proxies"), [(52, False), (45, True)])
def test_the_longest_name_fits_wherever_it_goes(length: int, proxies: bool) -> None:
    values = {f"{path}.enabled": True for path in ENABLED if path not in {"tls", "tls.certManager", "restore"}}
    values["writer.haproxy.enabled"] = proxies
    flat = {"auth.existingSecret": "galera", "fullnameOverride": "a" * (length - 1) + "b", **values}
    documents = helm.template(nested(flat))
    limits = {"CronJob": 52, "StatefulSet": 52, "Service": 63}
    for kind, limit in limits.items():
        names = of_kind(documents, kind)
        assert names, kind
        assert max(map(len, names)) <= limit, kind
    jobs = of_kind(documents, "CronJob")
    assert {name.lstrip("ab") for name in jobs} == {"-backup", "-backup-proof"}
    labels = re.findall(r'"app\.kubernetes\.io/[a-z-]+": "([^"]*)"', json.dumps(documents))
    assert max(map(len, labels)) <= 63


def test_affinity_is_added_to_that_of_the_preset() -> None:
    nodes: dict[str, Any] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    }
    found = helm.template(nested({"auth.existingSecret": "galera", "podAntiAffinityPreset": "hard", "affinity": nodes}))
    (members,) = of_kind(found, "StatefulSet").values()
    affinity = members["spec"]["template"]["spec"]["affinity"]
    assert affinity["nodeAffinity"] == nodes["nodeAffinity"]
    assert affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
