"""What the pages leave to their reader, done for the tests: rows to lose, a server to move from."""

from collections.abc import Callable
from typing import Any

from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError, wait

Sql = Callable[[str, str, str], str]
"""Namespace, pod, statements -> what the server printed."""

OLD = "old"
"""Namespace, Service and, with `-0` behind it, pod of the server to move from."""

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
    """A single MariaDB with a binary log, as somebody made it by hand."""
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
    """Start it, and let there be something in it."""
    namespace, *rest = old_server(image)
    kubectl.apply(namespace)
    kubectl.in_namespace(OLD).apply(*rest)
    kubectl.in_namespace(OLD).wait(f"pod/{OLD}-0", "condition=Ready", seconds=90)

    def answers() -> bool:
        try:
            return bool(ask_old(kubectl, "SELECT 1"))
        except ClusterError:
            return False

    wait("the old server", answers, seconds=90)
    ask_old(kubectl, SHOP)


def ask_old(kubectl: Kubectl, statements: str) -> str:
    """What the old server prints."""
    ask = ("exec", "--stdin", f"{OLD}-0", "--", "mariadb", "--user=root", "--batch", "--skip-column-names")
    return kubectl.in_namespace(OLD)(*ask, stdin=statements)
