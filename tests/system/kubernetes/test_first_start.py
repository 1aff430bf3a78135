"""The first start on a real Kubernetes: scripts of a ConfigMap and accounts of a second Secret are on every member."""

import pytest

from tests.kubernetes.overlay import Overlay
from tests.kubernetes.shared import full
from tests.kubernetes.waiting import ClusterError

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

SCRIPTS = {
    "10-schema.sql": "CREATE TABLE steps (id INT PRIMARY KEY, step TEXT);\nINSERT INTO steps VALUES (1, 'schema');\n",
    "20-data.sql": "INSERT INTO steps VALUES (2, 'data');\n",
    "30-more.sh": "exit 1\n",
}

ACCOUNTS = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "galera-accounts"},
    "stringData": {
        "shop.password": "a password of one line",
        "reports.password": "another one",
        "reports.user": "Reports-2",
        "reports.database": "shop,reports",
    },
}

ASK = """
mariadb --host=mysql --user="$1" --password="$2" --skip-ssl-verify-server-cert --batch --skip-column-names -e "$3"
"""


def test_scripts_and_accounts_are_in_the_first_database_and_on_every_member(overlay: Overlay) -> None:
    database, kubectl = overlay.database, overlay.database.kubectl
    overlay.apply(scripts=SCRIPTS, objects=(ACCOUNTS,))
    database.wait_synced(3)

    for ordinal in range(3):
        pod = f"mysql-{ordinal}"
        assert database.sql(pod, "SELECT step FROM app.steps ORDER BY id") == [["schema"], ["data"]]
        assert {row[0] for row in database.sql(pod, "SHOW DATABASES")} >= {"app", "shop", "reports"}
    logs = [kubectl("logs", f"mysql-{n}", "--container=mysql", "--tail=-1") for n in range(3)]
    assert ["30-more.sh" in log for log in logs].count(True) == 1, "only the pod that creates the database has them"

    with database.writer():
        database.wait_acknowledged(5)

        def ask(user: str, password: str, statement: str) -> str:
            return kubectl("exec", "writer-1", "--", "sh", "-c", ASK, "ask", user, password, statement)

        ask("shop", "a password of one line", "CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (7)")
        assert ask("Reports-2", "another one", "SELECT id FROM shop.t").split() == ["7"]
        with pytest.raises(ClusterError, match="denied"):
            ask("shop", "a password of one line", "CREATE TABLE reports.t (id INT PRIMARY KEY)")


def test_a_script_that_fails_leaves_nothing_and_the_corrected_one_is_enough(overlay: Overlay) -> None:
    database = overlay.database
    broken = "CREATE TABLE good (id INT PRIMARY KEY);\n\nINSERT INTO nowhere VALUES (1);\n"
    overlay.apply(scripts={"10-schema.sql": broken})
    error = r"10-schema.sql, line 3: ERROR 1146 .*the volume is empty as before"
    database.wait_log("mysql-0", "mysql", error)
    assert database.stays_down()

    overlay.apply(scripts={"10-schema.sql": broken.replace("nowhere", "good")})
    database.wait_synced(3)
    assert [database.sql(f"mysql-{n}", "SELECT id FROM app.good") for n in range(3)] == [[["1"]]] * 3
    with pytest.raises(ClusterError, match="nowhere"):
        database.sql("mysql-0", "SELECT * FROM app.nowhere")
