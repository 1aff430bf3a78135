"""The manifests agree with the code: commands, folders, ports, variables, secrets, images."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap import __version__
from bootstrap.errors import SettingInvalidError
from bootstrap.mariadb import config
from bootstrap.secret_files import AgentSecrets, SecretFolder, ServerSecrets, read_agent_secrets, read_server_secrets
from bootstrap.setting_checks import PREFIX
from bootstrap.settings import DEFAULTS, Settings, from_environment
from tests.lab import machine, nameserver, podman
from tests.lab.folders import Folders
from tests.lab.podman import AS_IN_2017, WITH_SIDECAR
from tests.lab.runtime import Run
from tests.pages.manifests.conftest import Built
from tests.paths import ROOT
from tests.support.exporter import CONTAINER
from tests.support.installed import require
from tests.support.manifests.built import (
    CLUSTERS,
    FORM_OF_2017,
    MANIFESTS,
    NAMES,
    Document,
    Documents,
    containers,
    of_kind,
    pods,
    stateful_set,
    template,
)
from tests.support.manifests.registry import LOCAL, REGISTRY
from tests.support.manifests.selectors import of_owners, pod_labels

POD = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "POD_IP": "status.podIP"}
"""Variable -> the pod's field that it contains."""

OURS = {
    name: f"{REGISTRY}/{name}:{__version__}"
    for name in ("galera-install", "mysql-galera", "haproxy")
    if (ROOT / "images" / name).is_dir()
}
"""Folder of images/ -> the reference of its release."""

SERVER_PORTS = {"mysql": 3306, "sst": config.SST_PORT, "galera": config.GROUP_PORT, "ist": config.IST_PORT}

PEER_PORTS = {**SERVER_PORTS, "bootstrap": int(DEFAULTS["EXCHANGE_PORT"][0])}

EXAMPLES_WITH_POLICIES = sorted(
    str(path.parent.relative_to(MANIFESTS)) for path in MANIFESTS.glob("examples/*/network-policy.yaml")
)

EXPORTER = "components/metrics/mysqld-exporter"

FOLDERS = {DEFAULTS[name][0] for name in ("DATA_ROOT", "RUN_DIR", "CONFIG_DIR", "SECRETS_DIR")}
"""The folders in which the code expects a pod's volumes."""


def argv(container: Document, values: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The command, with variables in the place of `$(NAME)` as the kubelet puts them there."""
    words = (*container.get("command", ()), *container.get("args", ()))
    return tuple(re.sub(r"\$\((\w+)\)", lambda name: (values or {})[name[1]], word) for word in words)


def mounts(container: Document) -> dict[str, bool]:
    """Path -> whether it is read-only."""
    return {mount["mountPath"]: mount.get("readOnly", False) for mount in container.get("volumeMounts", ())}


def mounts_in_the_lab(container: str) -> set[str]:
    """Return the folders of the lab's containers, without those that the kubelet itself mounts."""
    run = Run("mysql-0", container, (), {}, Folders(Path("/pod")), "mark")
    return {target for _, target, _ in podman.list_mounts(run)} - {"/etc/hosts", "/etc/resolv.conf"}


def variables(documents: Documents) -> dict[str, str]:
    """Return the variables that `envFrom` gives to the containers."""
    data: dict[str, str] = of_kind(documents, "ConfigMap")["galera-settings"]["data"]
    return data


def settings(documents: Documents) -> Settings:
    """Read the settings from the variables."""
    return from_environment({"POD_NAMESPACE": "db", **variables(documents)}, "mysql-0")


def test_the_containers_run_exactly_the_commands_of_the_lab(base: Documents) -> None:
    values = variables(base)

    assert {name: argv(container, values) for name, container in containers(template(base)).items()} == WITH_SIDECAR


def test_the_form_of_2017_runs_the_commands_of_the_lab(documents_of: Built) -> None:
    """Only the order of flags and the quotes in a value differ; they are as in 2017."""
    found = {name: argv(container) for name, container in containers(template(documents_of(FORM_OF_2017))).items()}

    assert {name: sorted(word.replace('"', "") for word in words) for name, words in found.items()} == {
        name: sorted(words) for name, words in AS_IN_2017.items()
    }


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_agent_starts_after_the_tools_are_installed_and_before_bootstrap_asks_it(
    documents_of: Built, name: str
) -> None:
    """Kustomize puts the containers first that a patch names."""
    pod = template(documents_of(name))

    more = {"components/restore": "restore", "components/restore-s3": "restore", "components/take-over": "relocate"}
    added = [more[name]] if name in more else []
    beside = ["mysqld-exporter"] if name == EXPORTER else []
    assert list(containers(pod)) == ["install", "agent", *added, "bootstrap", "mysql", *beside]
    assert [c["name"] for c in pod["initContainers"] if c.get("restartPolicy") == "Always"] == ["agent"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_folders_are_those_of_the_code_and_of_the_lab(documents_of: Built, name: str) -> None:
    found = containers(template(documents_of(name)))
    options = f"{DEFAULTS['CONFIG_DIR'][0]}/conf.d"

    settings = of_kind(documents_of(name), "ConfigMap")["galera-settings"]["data"]
    tls = {settings["GALERA_BOOTSTRAP_TLS_DIR"]} if "GALERA_BOOTSTRAP_TLS_DIR" in settings else set()

    assert mounts_in_the_lab("agent") == {*FOLDERS, str(podman.WORK_DIR)}
    assert set(mounts(found["agent"])) == {*mounts_in_the_lab("agent"), *tls}
    # Scripts run where the database is created, and the container before it does not see them.
    scripts = {"bootstrap": set[str](), "mysql": {DEFAULTS["INITDB_DIR"][0]}}
    for server in ("bootstrap", "mysql"):
        assert set(mounts(found[server])) == {*mounts_in_the_lab(server), options, *tls, *scripts[server]}
        read_only = {DEFAULTS["SECRETS_DIR"][0], options, *scripts[server]}
        assert mounts(found[server]).items() >= dict.fromkeys(read_only, True).items()
    assert set(mounts(found["install"])) == {str(podman.WORK_DIR), DEFAULTS["CONFIG_DIR"][0]}


@pytest.mark.parametrize("name", NAMES)
def test_every_mount_has_its_volume(documents_of: Built, name: str) -> None:
    documents = documents_of(name)
    sets = of_kind(documents, "StatefulSet")
    for owner, pod in pods(documents):
        claims = sets[owner]["spec"].get("volumeClaimTemplates", ()) if owner in sets else ()
        volumes = {*(v["name"] for v in pod.get("volumes", ())), *(c["metadata"]["name"] for c in claims)}
        mounted = {mount["name"] for c in containers(pod).values() for mount in c.get("volumeMounts", ())}

        assert mounted == volumes


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_variables_are_settings(documents_of: Built, name: str) -> None:
    documents = documents_of(name)
    pod = containers(template(documents))

    assert settings(documents).replicas == stateful_set(documents)["spec"]["replicas"]
    for container in ("agent", "bootstrap", "mysql"):
        fields = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in pod[container]["env"]}
        assert fields == POD
        assert pod[container]["envFrom"] == [{"configMapRef": {"name": "galera-settings"}}]


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_headless_service_is_the_one_that_all_programs_use(documents_of: Built, name: str) -> None:
    documents = documents_of(name)
    service = settings(documents).service
    found = of_kind(documents, "Service")[service]["spec"]

    assert stateful_set(documents)["spec"]["serviceName"] == service
    assert f"-service={service}" in argv(containers(template(documents))["bootstrap"], variables(documents))
    assert found["clusterIP"] == "None"
    assert found["publishNotReadyAddresses"] is True


def test_the_ports_are_those_of_the_code(base: Documents) -> None:
    services = of_kind(base, "Service")
    pod = containers(template(base))
    declared = {name: {one["name"]: one["containerPort"] for one in pod[name]["ports"]} for name in ("agent", "mysql")}

    assert {one["name"]: one["port"] for one in services["galera"]["spec"]["ports"]} == PEER_PORTS == nameserver.PORTS
    assert declared["mysql"] == SERVER_PORTS
    assert declared["agent"]["bootstrap"] == PEER_PORTS["bootstrap"]
    for clients in ("mysql", "mysql-writer"):
        assert services[clients]["spec"]["ports"] == [{"name": "mysql", "port": 3306}]


CLIENTS = [{"podSelector": {"matchExpressions": [{"key": "mysql-client", "operator": "In", "values": ["true"]}]}}]
"""A policy's selector for clients."""


def pods_with(labels: Document) -> list[Document]:
    """Return a policy's selector for only the pods of its own namespace with these labels."""
    return [{"podSelector": {"matchLabels": labels}}]


def test_the_network_policy_lets_members_reach_the_ports_of_members(base: Documents) -> None:
    spec = of_kind(base, "NetworkPolicy")["mysql"]["spec"]
    between = {port for name, port in PEER_PORTS.items() if name != "mysql"}
    members, clients = spec["ingress"]
    to_members, dns = spec["egress"]

    assert {one["port"] for one in members["ports"]} == {one["port"] for one in to_members["ports"]} == between
    assert [one["port"] for one in clients["ports"]] == [3306]
    assert {(one["protocol"], one["port"]) for one in dns["ports"]} == {("UDP", 53), ("TCP", 53)}


def test_the_network_policy_allows_no_other_connection(base: Documents) -> None:
    """A rule without `from` or `to` allows all peers, and an empty selector the whole namespace."""
    spec = of_kind(base, "NetworkPolicy")["mysql"]["spec"]
    members = pods_with(stateful_set(base)["spec"]["selector"]["matchLabels"])

    assert spec["podSelector"] == members[0]["podSelector"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [rule.get("from") for rule in spec["ingress"]] == [members, CLIENTS]
    # A node-local cache has any address.
    assert [rule.get("to") for rule in spec["egress"]] == [members, None]


@pytest.mark.parametrize("name", EXAMPLES_WITH_POLICIES)
def test_the_policies_of_the_examples_allow_no_other_connection(documents_of: Built, name: str) -> None:
    documents = documents_of(name)
    ((owner, policy),) = of_kind(documents, "NetworkPolicy").items()
    ((_, found),) = of_kind(documents, "StatefulSet").items()
    spec, template = policy["spec"], found["spec"]["template"]
    members = pods_with(found["spec"]["selector"]["matchLabels"])
    declared = {port["containerPort"] for one in containers(template["spec"]).values() for port in one.get("ports", ())}
    of_members, of_clients = ({port["port"] for port in rule["ports"]} for rule in spec["ingress"])

    assert spec["podSelector"] == members[0]["podSelector"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [rule.get("from") for rule in spec["ingress"]] == [members, pods_with({f"{owner}-client": "true"})]
    assert [rule.get("to") for rule in spec["egress"]] == [members, None]
    assert of_members | of_clients == declared
    assert {port["port"] for port in spec["egress"][0]["ports"]} == of_members
    assert {(one["protocol"], one["port"]) for one in spec["egress"][1]["ports"]} == {("UDP", 53), ("TCP", 53)}


@pytest.mark.parametrize("name", [*CLUSTERS, FORM_OF_2017])
def test_every_selector_selects_pods(documents_of: Built, name: str) -> None:
    documents = documents_of(name)
    labels_of_pods = pod_labels(documents)

    for selector in of_owners(documents):
        assert any(selector.items() <= labels.items() for labels in labels_of_pods), selector


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_claim_contains_nothing_that_changes_with_a_version(documents_of: Built, name: str) -> None:
    """The API refuses a change of a claim's template."""
    for claim in stateful_set(documents_of(name))["spec"].get("volumeClaimTemplates", ()):
        assert __version__ not in str(claim)


@pytest.mark.parametrize("name", NAMES)
def test_the_images_are_those_of_this_version(documents_of: Built, name: str) -> None:
    found = {c["image"] for _, pod in pods(documents_of(name)) for c in containers(pod).values()}
    elsewhere = {
        "overlays/lab": {reference.replace(REGISTRY, LOCAL) for reference in OURS.values()},
        "overlays/production": {reference.replace(REGISTRY, "registry.example") for reference in OURS.values()},
        EXPORTER: {*OURS.values(), CONTAINER["image"]},
        "components/official-image": {OURS["galera-install"], "docker.io/library/mariadb:11.8.8"},
        "examples/etcd": {OURS["galera-install"], "quay.io/coreos/etcd:v3.4.23"},
        "examples/rabbitmq": {OURS["galera-install"], "docker.io/library/rabbitmq:3.10.8"},
        "examples/redis": {OURS["galera-install"], "docker.io/library/redis:7.0.15-bookworm"},
        "examples/zookeeper": {OURS["galera-install"], "docker.io/library/zookeeper:3.8.0"},
    }

    assert found
    assert found <= elsewhere.get(name, set(OURS.values()))


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_version_is_that_of_the_project(documents_of: Built, name: str) -> None:
    found = stateful_set(documents_of(name))

    assert found["metadata"]["labels"]["app.kubernetes.io/version"] == __version__
    assert found["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] == __version__


def test_tools_and_databases_are_in_their_images(base: Documents) -> None:
    found = {name: container["image"] for name, container in containers(template(base)).items()}
    tool, database = OURS["galera-install"], OURS["mysql-galera"]

    assert found == {"install": tool, "agent": tool, "bootstrap": database, "mysql": database}


def test_the_uid_is_that_of_the_images(base: Documents) -> None:
    context = template(base)["securityContext"]
    for image in OURS:
        dockerfile = (ROOT / "images" / image / "Dockerfile").read_text()
        assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE) == [
            f"{context['runAsUser']}:{context['runAsGroup']}"
        ]
    assert context["fsGroup"] == context["runAsGroup"]


def written(secret: dict[str, str], folder: Path) -> Path:
    """Write the Secret as the kubelet mounts it."""
    folder.mkdir()
    for key, value in secret.items():
        (folder / key).write_text(value)
    return folder


def read_both(folder: Path) -> tuple[AgentSecrets, ServerSecrets]:
    return read_agent_secrets(SecretFolder(folder)), read_server_secrets(SecretFolder(folder))


@pytest.mark.parametrize("name", CLUSTERS)
def test_each_container_gets_the_keys_that_it_needs_and_no_other(
    documents_of: Built, name: str, tmp_path: Path
) -> None:
    """A way to read files in the server's container shows no key with which agents are believed."""
    pod = template(documents_of(name))
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    needed = {"agent": set(AgentSecrets._fields), "mysql": set(ServerSecrets._fields)}
    for container, fields in needed.items():
        (mount,) = [m for m in containers(pod)[container]["volumeMounts"] if m["mountPath"] == "/etc/galera-secrets"]
        secrets = [source["secret"] for source in volumes[mount["name"]]["projected"]["sources"]]
        sources = [source for source in secrets if source["name"] == "galera"]
        more = [(source["name"], source["optional"], "items" in source) for source in secrets if source not in sources]
        assert more == ([] if container == "agent" else [("galera-accounts", True, False)])
        keys = {item["key"] for source in sources for item in source["items"]}
        required = {item["key"] for source in sources for item in source["items"] if not source.get("optional")}
        folder = written(dict.fromkeys(required, "long-enough-to-be-a-key"), tmp_path / container)
        place = SecretFolder(folder)
        assert read_agent_secrets(place) if container == "agent" else read_server_secrets(place)
        names = {name.replace("_", "-") for name in fields - {"keys", "more"}} | ({"sst-password"})
        assert keys == names | ({"exchange-key", "exchange-key-previous"} if "keys" in fields else set())


@pytest.mark.parametrize("name", ["overlays/lab", FORM_OF_2017])
def test_the_filled_in_secret_is_complete(documents_of: Built, name: str, tmp_path: Path) -> None:
    secret = of_kind(documents_of(name), "Secret")["galera"]["stringData"]

    assert read_both(written(secret, tmp_path / "secret"))


def test_the_secret_of_base_has_the_keys_that_must_be_filled_in_and_no_other(base: Documents, tmp_path: Path) -> None:
    secret = of_kind(base, "Secret")["galera"]["stringData"]
    full = dict.fromkeys(secret, "long-enough-to-be-a-key")

    assert set(secret.values()) == {""}
    assert read_both(written(full, tmp_path / "full"))
    for key in secret:
        with pytest.raises(SettingInvalidError, match=f"{key} is missing or empty"):
            read_both(written({**full, key: ""}, tmp_path / key))


def test_production_contains_no_secret(documents_of: Built) -> None:
    documents = documents_of("overlays/production")

    assert of_kind(documents, "Secret") == {}
    (tls,) = (one for one in template(documents)["volumes"] if one["name"] == "tls")
    assert tls["secret"] == {"secretName": "galera-tls", "defaultMode": 0o440}
    volumes = {volume["name"]: volume for volume in template(documents)["volumes"]}
    for name, used in {"secrets": {"galera"}, "server-secrets": {"galera", "galera-accounts"}}.items():
        sources = volumes[name]["projected"]["sources"]
        assert {source["secret"]["name"] for source in sources} == used
        assert volumes[name]["projected"]["defaultMode"] == 0o440


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_server_has_time_to_end(documents_of: Built, name: str) -> None:
    """Kubernetes' default is half a minute, too short for a database, and preStop is part of this time."""
    pod = template(documents_of(name))
    last = containers(pod)["mysql"]["lifecycle"]["preStop"]["exec"]["command"][-1]

    assert pod["terminationGracePeriodSeconds"] - int(last.partition("=")[2]) > 30


@pytest.mark.parametrize("options", sorted(MANIFESTS.rglob("*.cnf")), ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_the_server_knows_its_options(options: Path, tmp_path: Path) -> None:
    require()
    command = ("mariadbd", f"--defaults-file={options}", f"--datadir={tmp_path}", "--user=root", "--verbose", "--help")
    environment = {"PATH": machine.command_path()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    names = re.findall(r"^([a-z_]+) *=", options.read_text(), re.MULTILINE)

    assert done.returncode == 0, done.stderr
    assert names
    for option in names:
        assert re.search(rf"^{option.replace('_', '-')} ", done.stdout, re.MULTILINE)


def test_no_variable_is_set_to_its_default(base: Documents) -> None:
    """The number of members is an exception, because it must be seen beside that of the StatefulSet; so are names."""
    assert set(variables(base)) == {f"{PREFIX}{name}" for name in ("REPLICAS", "SERVICE", "SET")}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "manifests.md").read_text()


def test_the_page_has_every_port(documents_of: Built) -> None:
    page = (ROOT / "docs" / "manifests.md").read_text()
    pod = containers(template(documents_of(EXPORTER)))
    declared = [one for container in pod.values() for one in container.get("ports", ())]

    assert sorted(re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE)) == sorted(
        (str(one["containerPort"]), one["name"]) for one in declared
    )
