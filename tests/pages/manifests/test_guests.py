"""Pods that work for the members (an arbitrator, a backup), and what a restore adds to a member."""

from pathlib import Path

import pytest

from bootstrap.mariadb import config
from bootstrap.operations import arbitrator, backup, backup_store, repository
from bootstrap.settings import DEFAULTS
from tests.pages.manifests.conftest import Built
from tests.support.manifests import kustomize
from tests.support.manifests.built import MANIFESTS, Document, Documents, containers, of_kind, pods, relative, template

ARBITRATOR = "components/arbitrator"
BACKUP = "components/backup"
RESTORE = "components/restore"
SENT, FETCHED = "components/backup-s3", "components/restore-s3"
LOG = "components/backup-log"
DUAL_STACK = "components/dual-stack"


def pod_of(documents: Documents, name: str) -> Document:
    return dict(pods(documents))[name]


def mounted(pod: Document, container: str) -> dict[str, str]:
    """Path -> volume."""
    return {one["mountPath"]: one["name"] for one in containers(pod)[container]["volumeMounts"]}


def keys(pod: Document, secret: str) -> set[str]:
    """Return the keys of a Secret that a pod gets; empty if it gets all of them."""
    (volume,) = (one["secret"] for one in pod["volumes"] if one.get("secret", {}).get("secretName") == secret)
    return {one["key"] for one in volume.get("items", ())}


def opened(policy: Document, direction: str, peer: str) -> set[int]:
    key = "from" if direction == "ingress" else "to"
    return {
        port["port"]
        for rule in policy["spec"][direction]
        for one in rule.get(key, ())
        if one["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") == peer
        for port in rule["ports"]
    }


@pytest.mark.parametrize(("name", "pod"), [(ARBITRATOR, "mysql-arbitrator"), (BACKUP, "mysql-backup")])
def test_they_have_the_folders_of_the_program_and_only_the_keys_that_it_needs(
    documents_of: Built, name: str, pod: str
) -> None:
    found = pod_of(documents_of(name), pod)
    (container,) = containers(found)
    folders = mounted(found, container)

    assert {DEFAULTS["RUN_DIR"][0], DEFAULTS["SECRETS_DIR"][0]} <= set(folders)
    assert keys(found, "galera") == (
        {"cluster-id"} if name == ARBITRATOR else {"cluster-id", "agent-password", "sst-password"}
    )
    assert {"exchange-key", "root-password"}.isdisjoint(keys(found, "galera"))
    # There is a certificate only with TLS: its folder is the same as for members, and may be empty.
    tls = of_kind(documents_of("components/tls"), "ConfigMap")["galera-settings"]["data"]["GALERA_BOOTSTRAP_TLS_DIR"]
    assert folders[tls] == "tls"
    assert next(one for one in found["volumes"] if one["name"] == "tls")["secret"]["optional"] is True


@pytest.mark.parametrize(("name", "pod"), [(ARBITRATOR, "mysql-arbitrator"), (BACKUP, "mysql-backup")])
def test_they_get_the_same_settings_as_members(documents_of: Built, name: str, pod: str) -> None:
    (container,) = containers(pod_of(documents_of(name), pod)).values()
    fields = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in container["env"]}

    assert fields.items() <= {"POD_NAMESPACE": "metadata.namespace", "POD_IP": "status.podIP"}.items()
    assert container["envFrom"] == [{"configMapRef": {"name": "galera-settings"}}]


def test_members_and_arbitrator_reach_each_other_only_at_the_group_port(documents_of: Built) -> None:
    policies = of_kind(documents_of(ARBITRATOR), "NetworkPolicy")
    members, own = policies["mysql"], policies["mysql-arbitrator"]
    group = {config.GROUP_PORT}

    assert opened(members, "ingress", "mysql-arbitrator") == opened(members, "egress", "mysql-arbitrator") == group
    assert opened(own, "ingress", "mysql") == opened(own, "egress", "mysql") == group
    assert [one.get("from") is not None for one in own["spec"]["ingress"]] == [True]
    assert own["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_members_and_guest_reach_each_other_as_members_do_and_no_client_reaches_a_guest(documents_of: Built) -> None:
    policies = of_kind(documents_of(BACKUP), "NetworkPolicy")
    members, own = policies["mysql"], policies["mysql-backup"]
    transfer = {config.GROUP_PORT, config.IST_PORT, config.SST_PORT}

    assert opened(members, "ingress", "mysql-backup") == opened(own, "egress", "mysql") == {config.GROUP_PORT}
    assert opened(members, "egress", "mysql-backup") == opened(own, "ingress", "mysql") == transfer
    assert len(own["spec"]["ingress"]) == 1
    (container,) = containers(pod_of(documents_of(BACKUP), "mysql-backup")).values()
    assert {one["containerPort"] for one in container["ports"]} == transfer


def test_there_is_one_arbitrator_for_two_members(documents_of: Built) -> None:
    documents = documents_of(ARBITRATOR)
    found = of_kind(documents, "Deployment")["mysql-arbitrator"]["spec"]
    probe = containers(found["template"]["spec"])["arbitrator"]["readinessProbe"]["exec"]["command"]

    assert found["replicas"] == 1
    assert found["strategy"] == {"type": "Recreate"}
    assert of_kind(documents, "StatefulSet")["mysql"]["spec"]["replicas"] == 2
    assert probe == ["test", "-e", str(Path(DEFAULTS["RUN_DIR"][0]) / arbitrator.READY)]


def test_a_guest_has_the_options_and_the_memory_of_a_member(documents_of: Built) -> None:
    documents = documents_of(BACKUP)
    own, member = pod_of(documents, "mysql-backup"), template(documents)
    options = {one["name"]: one.get("configMap") for pod in (own, member) for one in pod["volumes"]}["options"]
    conf_d = f"{DEFAULTS['CONFIG_DIR'][0]}/conf.d"

    assert mounted(own, "backup")[conf_d] == mounted(member, "mysql")[conf_d] == "options"
    assert next(one for one in own["volumes"] if one["name"] == "options")["configMap"] == options
    assert containers(own)["backup"]["resources"] == containers(member)["mysql"]["resources"]
    assert own["terminationGracePeriodSeconds"] >= backup.GRACE_S


def test_one_backup_runs_at_a_time_and_not_forever(documents_of: Built) -> None:
    spec = of_kind(documents_of(BACKUP), "CronJob")["mysql-backup"]["spec"]

    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_a_restore_reads_the_volume_that_backups_are_written_to(documents_of: Built) -> None:
    documents = documents_of(RESTORE)
    pod, job = template(documents), pod_of(documents_of(BACKUP), "mysql-backup")
    claim = next(one for one in job["volumes"] if one["name"] == "backups")["persistentVolumeClaim"]["claimName"]
    restore = containers(pod)["restore"]

    assert next(one for one in pod["volumes"] if one["name"] == "backups")["persistentVolumeClaim"] == {
        "claimName": claim,
        "readOnly": True,
    }
    assert of_kind(documents_of(BACKUP), "PersistentVolumeClaim").keys() == {claim}
    assert f"--from={'/backups'}" in restore["command"]
    assert restore["image"] == containers(pod)["mysql"]["image"]
    assert {DEFAULTS["RUN_DIR"][0], DEFAULTS["DATA_ROOT"][0], "/backups"} < set(mounted(pod, "restore"))
    assert backup_store.NAME.fullmatch("20261126T031700Z")


def test_a_copy_is_sent_when_it_is_whole_and_no_container_has_the_secrets_of_both(documents_of: Built) -> None:
    pod = pod_of(documents_of(SENT), "mysql-backup")
    before = containers(pod_of(documents_of(BACKUP), "mysql-backup"))["backup"]
    found = {kind: [one["name"] for one in pod[kind]] for kind in ("initContainers", "containers")}

    # An init container must end well before the next one starts.
    assert found == {"initContainers": ["backup"], "containers": ["send"]}
    assert containers(pod)["backup"] == before
    assert {DEFAULTS["SECRETS_DIR"][0], str(repository.FOLDER)} & set(mounted(pod, "backup")) == {
        DEFAULTS["SECRETS_DIR"][0]
    }
    assert {DEFAULTS["SECRETS_DIR"][0], str(repository.FOLDER)} & set(mounted(pod, "send")) == {str(repository.FOLDER)}
    assert mounted(pod, "send")["/backups"] == mounted(pod, "backup")["/backups"]


def test_the_proof_has_the_options_of_a_member_and_no_secret_of_the_cluster(documents_of: Built) -> None:
    documents = documents_of(SENT)
    pod, member = pod_of(documents, "mysql-backup-proof"), template(documents)
    folders = mounted(pod, "prove")

    assert folders[f"{DEFAULTS['CONFIG_DIR'][0]}/conf.d"] == "options"
    assert containers(pod)["prove"]["resources"] == containers(member)["mysql"]["resources"]
    assert {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one} == {"galera-repository"}
    assert folders[str(repository.FOLDER)] == "repository"
    assert "--in=/scratch" in containers(pod)["prove"]["command"]
    assert folders["/scratch"] == "scratch"


def test_only_jobs_with_the_repository_reach_the_storage_and_nobody_reaches_the_proof(documents_of: Built) -> None:
    def outside(name: str) -> set[str]:
        policies = of_kind(documents_of(name), "NetworkPolicy").items()
        return {
            owner
            for owner, policy in policies
            for rule in policy["spec"]["egress"]
            if "to" not in rule and 443 in {port["port"] for port in rule["ports"]}
        }

    assert outside(BACKUP) == outside(RESTORE) == set()
    assert outside(SENT) == {"mysql-backup", "mysql-backup-proof"}
    assert outside(FETCHED) == {"mysql"}
    assert of_kind(documents_of(SENT), "NetworkPolicy")["mysql-backup-proof"]["spec"]["ingress"] == []


def test_the_log_is_read_like_by_a_replica_and_sent_without_any_secret_of_the_cluster(documents_of: Built) -> None:
    documents = documents_of(LOG)
    pod, policies = pod_of(documents, "mysql-backup-log"), of_kind(documents, "NetworkPolicy")
    folders = mounted(pod, "log")

    assert {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one} == {
        *("galera-log", "galera-repository", "galera-tls")
    }
    assert keys(pod, "galera-tls") == {"ca.crt"}
    assert (folders["/etc/galera-log"], folders[str(repository.FOLDER)]) == ("login", "repository")
    assert "--spool=/spool" in containers(pod)["log"]["command"]
    assert (
        opened(policies["mysql"], "ingress", "mysql-backup-log")
        == opened(policies["mysql-backup-log"], "egress", "mysql")
        == {3306}
    )
    settings = of_kind(documents, "ConfigMap")["galera-settings"]["data"]
    assert {"GALERA_BOOTSTRAP_SERVER_ID", "GALERA_BOOTSTRAP_GTID_DOMAIN"} < settings.keys()
    assert of_kind(documents, "Deployment")["mysql-backup-log"]["spec"]["replicas"] == 1


def test_a_replay_has_the_options_of_a_member(documents_of: Built) -> None:
    folders = mounted(template(documents_of(FETCHED)), "restore")

    assert folders[f"{DEFAULTS['CONFIG_DIR'][0]}/conf.d"] == "options"


def test_a_restore_from_the_storage_needs_no_claim_beside_the_datadir(documents_of: Built) -> None:
    pod = template(documents_of(FETCHED))
    restore, local = containers(pod)["restore"], containers(template(documents_of(RESTORE)))["restore"]

    assert not [one for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert f"--repository={repository.FOLDER}" in restore["command"]
    assert mounted(pod, "restore")[str(repository.FOLDER)] == "repository"
    other = {"command", "volumeMounts", "resources"}
    assert {key: one for key, one in restore.items() if key not in other} == {
        key: one for key, one in local.items() if key not in other
    }


@pytest.mark.parametrize("order", [("tls", "restore"), ("restore", "tls")])
def test_a_restore_must_come_after_tls_or_nothing_is_built(order: tuple[str, str], tmp_path: Path) -> None:
    """Both patches name the other containers by their positions."""
    lines = ["resources:", f"- {relative(MANIFESTS / 'base', tmp_path)}", "components:"]
    lines += [f"- {relative(MANIFESTS / 'components' / name, tmp_path)}" for name in order]
    (tmp_path / "kustomization.yaml").write_text("\n".join(lines) + "\n")

    if order == ("tls", "restore"):
        assert "galera-tls" in kustomize.build(tmp_path)
    else:
        with pytest.raises(Exception, match="test"):
            kustomize.build(tmp_path)


def test_with_dual_stack_every_service_asks_for_both_families_and_members_listen_on_both(documents_of: Built) -> None:
    documents = documents_of(DUAL_STACK)

    assert {one["spec"].get("ipFamilyPolicy") for one in of_kind(documents, "Service").values()} == {"PreferDualStack"}
    settings = of_kind(documents, "ConfigMap")["galera-settings"]["data"]
    assert settings["GALERA_BOOTSTRAP_BIND_ADDRESS"] == "::"
