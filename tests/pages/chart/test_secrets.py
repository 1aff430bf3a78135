"""Random secrets are made once: a real helm, which finds in an API what was there before."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.mariadb.tls import why_unusable
from tests.support.manifests import helm
from tests.support.manifests.helm import CHART, HelmError
from tests.support.manifests.store import Store

SECRET = "db-galera"
KEYS = {"cluster-id", "exchange-key", "root-password", "agent-password", "sst-password"}

CLAIM = "/api/v1/namespaces/db/persistentvolumeclaims/datadir-db-galera-0"


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as store:
        yield store


def run(store: Store, command: str, *words: str) -> str:
    """Run helm for the release `db` in the namespace `db`."""
    return helm.run(command, "db", *words, "--namespace=db", f"--kube-apiserver={store.url}")


def install(store: Store, *words: str) -> str:
    return run(store, "install", str(CHART), "--disable-openapi-validation", *words)


def upgrade(store: Store, *words: str) -> str:
    return run(store, "upgrade", str(CHART), "--disable-openapi-validation", *words)


def test_an_upgrade_and_a_rollback_change_no_secret(store: Store) -> None:
    output = install(store)
    first = store.secret(SECRET)
    upgrade(store, "--set=replicaCount=5,tls.enabled=true,auth.username=app,auth.database=app")
    second = store.secret(SECRET)
    certificate = store.secret("db-galera-tls")
    upgrade(store, "--set=replicaCount=5,tls.enabled=true,auth.username=app,auth.database=app")

    assert "db-galera-writer:3306" in output
    assert first.keys() == KEYS
    assert len(set(first.values())) == len(KEYS)
    assert min(map(len, first.values())) == 32
    assert first.items() <= second.items()
    assert second.keys() - KEYS == {"user", "password", "database"}
    assert store.secret(SECRET) == second
    assert store.secret("db-galera-tls") == certificate
    assert certificate.keys() == {"tls.crt", "tls.key", "ca.crt"}
    run(store, "rollback", "1")
    assert first.items() <= store.secret(SECRET).items()


def test_a_password_that_was_rotated_stays_and_one_that_is_given_counts(store: Store) -> None:
    install(store)
    path = f"/api/v1/namespaces/db/secrets/{SECRET}"
    store.put(path, {**store.objects[path], "stringData": {"root-password": "rotated-by-hand"}})
    upgrade(store)
    assert store.secret(SECRET)["root-password"] == "rotated-by-hand"
    upgrade(store, "--set=auth.rootPassword=rotated-by-value")
    assert store.secret(SECRET)["root-password"] == "rotated-by-value"


def test_uninstalling_keeps_the_secret_and_the_next_release_of_this_name_takes_it(store: Store) -> None:
    install(store, "--set=tls.enabled=true")
    first, certificate = store.secret(SECRET), store.secret("db-galera-tls")
    run(store, "uninstall")
    store.put(CLAIM, {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": {"name": "datadir-db-galera-0"}})

    assert store.secret(SECRET) == first
    assert not [path for path in store.objects if "statefulsets" in path]
    install(store, "--set=tls.enabled=true")
    assert (store.secret(SECRET), store.secret("db-galera-tls")) == (first, certificate)


def test_without_its_secret_a_release_is_not_upgraded(store: Store) -> None:
    install(store)
    del store.objects[f"/api/v1/namespaces/db/secrets/{SECRET}"]

    with pytest.raises(HelmError, match="the Secret db-galera of this release is gone"):
        upgrade(store)
    assert store.secret(SECRET) == {}


def test_with_volumes_and_without_a_secret_no_new_cluster_is_invented(store: Store) -> None:
    store.put(CLAIM, {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": {"name": "datadir-db-galera-0"}})

    with pytest.raises(HelmError, match="the claim datadir-db-galera-0 is there already, but not its Secret db-galera"):
        install(store)
    install(store, "--set=auth.clusterId=a-new-one")
    assert store.secret(SECRET)["cluster-id"] == "a-new-one"


def test_a_cluster_id_never_changes(store: Store) -> None:
    install(store)

    with pytest.raises(HelmError, match=r"auth\.clusterId is another one than in the Secret db-galera"):
        upgrade(store, "--set=auth.clusterId=another")


def test_a_client_s_dry_run_sees_no_cluster_and_refuses(store: Store) -> None:
    install(store)

    with pytest.raises(HelmError, match="no access to a cluster"):
        upgrade(store, "--dry-run=client")
    upgrade(store, "--dry-run=server")


def test_the_certificate_is_of_its_ca_for_servers_and_clients_and_for_every_name(store: Store, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("NOT TESTED: the certificate; openssl is missing: run `scripts/setup.sh test`")
    install(store, "--set=tls.enabled=true")
    for name, text in store.secret("db-galera-tls").items():
        (tmp_path / name).write_text(text)
    assert why_unusable(tmp_path) == ""
    verify = ("openssl", "verify", "-CAfile", str(tmp_path / "ca.crt"), str(tmp_path / "tls.crt"))
    names = ("db-galera", "db-galera-writer.db.svc", "db-galera-2.db-galera-peers.db.svc.cluster.local")
    checks = (("-purpose", "sslserver"), ("-purpose", "sslclient"), *(("-verify_hostname", name) for name in names))

    for check in checks:
        done = subprocess.run((*verify[:2], *check, *verify[2:]), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_secret_that_lacks_keys_is_refused_before_all_pods_wait_for_it(store: Store) -> None:
    path = "/api/v1/namespaces/db/secrets/shop-creds"
    given = {"mariadb-root-password": "r", "cluster-id": "c", "exchange-key": "k" * 20}
    store.put(path, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop-creds"}, "stringData": given})
    words = ("--set=auth.existingSecret=shop-creds,auth.secretKeys.root-password=mariadb-root-password",)
    with pytest.raises(HelmError, match="the Secret shop-creds lacks agent-password: add them, or name the keys"):
        install(store, *words)
    with pytest.raises(HelmError, match="lacks agent-password, sst-password: "):
        install(store, *words, "--set=sst.method=mariabackup")
    given |= {"agent-password": "a"}
    store.put(path, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop-creds"}, "stringData": given})
    install(store, *words)


def test_claims_that_must_be_there_are_looked_for_by_the_names_that_the_members_will_have(store: Store) -> None:
    words = ("--set=persistence.existingClaims=true,persistence.claimName=data,fullnameOverride=shop",)
    with pytest.raises(HelmError, match="there is no data-shop-0, data-shop-1, data-shop-2 in the namespace db"):
        install(store, *words)
    for ordinal in (0, 1, 2):
        path = f"/api/v1/namespaces/db/persistentvolumeclaims/data-shop-{ordinal}"
        kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        store.put(path, {**kind, "metadata": {"name": f"data-shop-{ordinal}"}})
    with pytest.raises(HelmError, match="there is no data-shop-3, data-shop-4 in"):
        install(store, *words, "--set=replicaCount=5", "--set=auth.clusterId=old")
    install(store, *words, "--set=auth.clusterId=old,auth.rootPassword=old")
