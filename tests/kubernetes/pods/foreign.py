"""Another Galera cluster in Kubernetes: a StatefulSet that knows nothing of this toolkit, and its claims.

It is laid out as the Bitnami chart or the official image lay out their volumes.  The images of both could not be had,
so it runs the server of ours.
"""

from typing import Any, NamedTuple

from images.inputs import version
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError, wait

ROOT_PASSWORD = "the-old-root-password"

START = """
set -eu
data=%(data)s ordinal=${HOSTNAME##*-} first=
mkdir -p "$data"
if [ ! -d "$data/mysql" ] && [ "$ordinal" = 0 ]; then
    mariadb-install-db --no-defaults --datadir="$data" --auth-root-authentication-method=normal --skip-test-db \
        >/dev/null
    mariadbd --no-defaults --datadir="$data" --bootstrap --wsrep-on=OFF <<END
FLUSH PRIVILEGES;
CREATE USER root@'%%' IDENTIFIED BY '%(password)s';
GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User IN ('root', '') AND Host <> '%%';
END
    first=--wsrep-new-cluster
elif [ "$ordinal" = 0 ] && grep -q '^safe_to_bootstrap: 1' "$data/grastate.dat"; then
    first=--wsrep-new-cluster
fi
exec mariadbd --no-defaults --datadir="$data" --socket=/tmp/old.sock --pid-file=/tmp/old.pid --bind-address=0.0.0.0 \
    --log-bin=mysql-bin --binlog-format=ROW --innodb-autoinc-lock-mode=2 --innodb-flush-log-at-trx-commit=2 \
    --wsrep-on=ON --wsrep-provider=/usr/lib/galera/libgalera_smm.so --wsrep-cluster-name=galera \
    --wsrep-cluster-address=gcomm://%(peers)s --wsrep-sst-method=rsync --wsrep-node-address="$POD_IP" $first
"""


class Foreign(NamedTuple):
    """The set, in kubectl's namespace."""

    kubectl: Kubectl
    name: str
    claim: str
    """The name of its claim template."""
    mount: str
    """Where a volume is mounted; the datadir is the folder `place` there."""
    place: str
    uid: int

    def up(self) -> None:
        """Create it, and wait until all three members are Synced."""
        self.kubectl.apply(*self._objects())
        for ordinal in range(3):
            self._wait_size(ordinal)

    def stop(self) -> None:
        """Stop the members in order, and delete the set; its claims stay."""
        self.kubectl("scale", f"statefulset/{self.name}", "--replicas=0")
        pods = [f"pod/{self.name}-{ordinal}" for ordinal in range(3)]
        self.kubectl("wait", *pods, "--for=delete", "--timeout=200s", seconds=210)
        self.kubectl("delete", f"statefulset/{self.name}")

    def kill(self) -> None:
        """Delete the set without its pods, and then all pods by force."""
        self.kubectl("delete", f"statefulset/{self.name}", "--cascade=orphan")
        self.kubectl("delete", "pod", f"--selector=app={self.name}", "--force", "--grace-period=0")

    def sql(self, ordinal: int, statement: str) -> list[str]:
        """The lines that a member returns."""
        words = ("--socket=/tmp/old.sock", "--user=root", f"--password={ROOT_PASSWORD}")
        client = ("mariadb", *words, "--batch", "--skip-column-names")
        return self.kubectl("exec", f"{self.name}-{ordinal}", "--", *client, f"--execute={statement}").splitlines()

    def history(self) -> str:
        """The uuid of the cluster's history."""
        (line,) = self.sql(0, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")
        return line.split("\t")[1]

    def _wait_size(self, ordinal: int) -> None:
        ask = (
            "SELECT GROUP_CONCAT(variable_value ORDER BY variable_name) FROM information_schema.global_status"
            " WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_local_state_comment')"
        )

        def is_there() -> bool:
            try:
                return self.sql(ordinal, ask) == ["3,Synced"]
            except ClusterError:
                return False

        try:
            wait(f"the old member {ordinal}", is_there, seconds=240, step=1)
        except ClusterError as exc:
            pods = self.kubectl("get", "pods")
            log = self.kubectl("logs", f"{self.name}-{ordinal}", "--tail=30")
            raise ClusterError(f"{exc}\n{pods}\n{log}") from exc

    def _objects(self) -> tuple[dict[str, Any], ...]:
        labels = {"app": self.name}
        peers = ",".join(f"{self.name}-{ordinal}.{self.name}-headless" for ordinal in range(3))
        script = START % {"data": f"{self.mount}/{self.place}", "password": ROOT_PASSWORD, "peers": peers}
        container = {
            "name": "mariadb",
            "image": f"localhost/mysql-galera:{version()}",
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", script],
            "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": self.claim, "mountPath": self.mount}],
        }
        confined = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        ids = {"runAsUser": self.uid, "runAsGroup": self.uid, "fsGroup": self.uid}
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        ports = [{"name": "mysql", "port": 3306}]
        headless = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": labels, "ports": ports}
        spec = {
            "serviceName": f"{self.name}-headless",
            "podManagementPolicy": "Parallel",
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 60,
                    "securityContext": confined | ids,
                    "containers": [container],
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": self.claim}, "spec": claim}],
        }
        return (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{self.name}-headless"}, "spec": headless},
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": self.name}, "spec": spec},
        )
