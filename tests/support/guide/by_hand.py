"""Does what the pages leave to their reader: rows that can be lost, a server to move from."""

from collections.abc import Callable
from typing import Any

from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError, wait

Sql = Callable[[str, str, str], str]
"""Namespace, pod, statements -> the server's output."""

OLD = "old"
"""The name of the namespace, the Service and, with `-0` at the end, the pod of the server to move from."""

SHOP = """\
CREATE DATABASE shop;
USE shop;
CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40));
INSERT INTO items (name) SELECT CONCAT('item ', seq) FROM seq_1_to_1000;
CREATE USER 'shop'@'%' IDENTIFIED BY 'shop-password';
GRANT ALL PRIVILEGES ON shop.* TO 'shop'@'%';
"""

START = """
mariadb-install-db --no-defaults --datadir=/tmp/data --auth-root-authentication-method=normal --skip-test-db >/dev/null
exec mariadbd --no-defaults --datadir=/tmp/data --socket="$MYSQL_UNIX_PORT" --log-bin --server-id=77
"""


def old_server(image: str) -> tuple[dict[str, Any], ...]:
    """The objects of a single MariaDB with a binary log, as a human could have made it."""
    container = {
        "name": "mariadb",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", START],
        "env": [{"name": "MYSQL_UNIX_PORT", "value": "/tmp/socket"}],
    }
    spec = {"hostname": f"{OLD}-0", "subdomain": OLD, "terminationGracePeriodSeconds": 1, "containers": [container]}
    labels = {"app": OLD}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OLD}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": OLD, "namespace": OLD},
            "spec": {"clusterIP": "None", "selector": labels, "ports": [{"name": "mysql", "port": 3306}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{OLD}-0", "namespace": OLD, "labels": labels},
            "spec": spec,
        },
    )


def run_an_old_server(kubectl: Kubectl, image: str) -> None:
    """Start the old server, and create rows in it."""
    namespace, *rest = old_server(image)
    kubectl.apply(namespace)
    kubectl.in_namespace(OLD).apply(*rest)
    kubectl.in_namespace(OLD).wait(f"pod/{OLD}-0", "condition=Ready", seconds=90)

    def is_answering() -> bool:
        try:
            return bool(ask_old(kubectl, "SELECT 1"))
        except ClusterError:
            return False

    wait("the old server", is_answering, seconds=90)
    ask_old(kubectl, SHOP)


def ask_old(kubectl: Kubectl, statements: str) -> str:
    """Run statements on the old server; returns the output."""
    ask = ("exec", "--stdin", f"{OLD}-0", "--", "mariadb", "--user=root", "--batch", "--skip-column-names")
    return kubectl.in_namespace(OLD)(*ask, stdin=statements)
