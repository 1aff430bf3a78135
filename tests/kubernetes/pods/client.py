"""A client in the cluster: a pod that writes through a Service, and prints the acknowledged rows."""

from collections.abc import Mapping
from typing import Any

from images.inputs import version
from tests.lab.writer import TABLE

WRITE = """
set -u
write() {
    id=$1
    while :; do
        id=$((id + 1))
        # A server that has vanished sends nothing: without a limit, the client would wait forever.
        # A client of 11.4 or newer demands TLS otherwise, and a server of 10.11 may have none.
        if timeout 8 mariadb --connect-timeout=2 --skip-ssl-verify-server-cert \
            --host=%(service)s --user="$USER_NAME" "$DATABASE" \
            --execute="INSERT INTO %(table)s VALUES ($id, '$HOSTNAME')" 2>/tmp/error.$1
        then echo "$id"
        else sleep 0.2
        fi
        sleep 0.1
    done
}
for number in 1 2; do write "$((BASE + number * 1000000))" & done
wait
"""
"""Writes rows through the Service, each with a connection of its own; prints the ids of acknowledged rows, and never
uses the id of a failed row again."""


def writer_pod(name: str, *, base: int, service: str = "mysql", secret: str = "galera") -> dict[str, Any]:
    """A client of a Service that the namespace's Pod Security and the network policy allow."""

    def key_of(key: str) -> Mapping[str, Any]:
        return {"secretKeyRef": {"name": secret, "key": key}}

    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"mysql-client": "true"}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "writer",
                    "image": f"localhost/mysql-galera:{version()}",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", WRITE % {"table": TABLE, "service": service}],
                    "env": [
                        {"name": "BASE", "value": str(base)},
                        {"name": "USER_NAME", "valueFrom": key_of("user")},
                        {"name": "MYSQL_PWD", "valueFrom": key_of("password")},
                        {"name": "DATABASE", "valueFrom": key_of("database")},
                    ],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
