"""The Secret changes while a client writes: no server restarts, and no member is shut out.

An agent reads the Secret's files when it starts.  So a change has three steps: the Secret, the files in each pod (by
the kubelet), and a restart of each agent's container, one member after the other.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from secrets import token_hex
from threading import Event, Thread

import pytest

from tests.kubernetes.database import SOCKET, UNNOTICED, Database, is_ready
from tests.kubernetes.shared import Shared, full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError, wait

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

FOLDER = "/etc/galera-secrets"
KEY = "rotated-rotated-rotated"


@pytest.fixture(scope="module", autouse=True)
def _others_keep_their_secret(shared: Shared) -> Iterator[None]:
    """Remove the members: a test that applies the lab again changes the Secret back, and they do not know that one."""
    yield
    shared.remove()


def test_the_exchange_key_is_rotated_in_two_steps_and_the_new_key_works_in_a_full_outage(
    database: Database, times: Times
) -> None:
    servers = database.containers("mysql")
    old = secret(database, "exchange-key")
    with database.writer(), refusals(database) as refused:
        database.wait_acknowledged(20)
        with times.measure("exchange-key rotated: the Secret twice, each agent twice"):
            change(database, {"exchange-key": KEY, "exchange-key-previous": old})
            restart_agents(database)
            change(database, {"exchange-key-previous": None})
            restart_agents(database)
        database.wait_acknowledged(10)

    assert refused == []
    assert database.longest_gap() < UNNOTICED
    assert database.containers("mysql") == servers

    assert secret(database, "exchange-key") == KEY
    database.delete_all_pods()
    database.wait_synced(3)
    assert database.judge().complaints == []


def test_without_the_previous_key_the_members_go_on_and_report_the_refused_key(database: Database) -> None:
    """The mistake is one step instead of two: no server stops because of it, and the right key fixes it."""
    servers = database.containers("mysql")
    right = secret(database, "exchange-key")
    change(database, {"exchange-key": f"{KEY}-in-one-step"})
    restart_agent(database, "mysql-0")

    wait("a refused key", lambda: "our key" in str(database.answers("mysql-0")), seconds=60)
    database.wait_synced(3)
    change(database, {"exchange-key": right})
    restart_agent(database, "mysql-0")
    wait("all answers", lambda: has_all_answers(database, "mysql-0"), seconds=60)
    assert database.containers("mysql") == servers


def test_the_root_password_is_changed_in_the_database_and_in_the_secret(database: Database) -> None:
    """A Secret changes no account: until SQL changes it in the database, only the old password works."""
    servers = database.containers("mysql")
    old, new = secret(database, "root-password"), "another-root-password"
    change(database, {"root-password": new})

    with pytest.raises(ClusterError, match="Access denied"):
        database.sql("mysql-0", "SELECT 1")
    sql_as(database, old, f"ALTER USER root@localhost IDENTIFIED BY '{new}'")

    for pod in servers:
        assert database.sql(pod, "SET SESSION wsrep_sync_wait=1; SELECT 1") == [["1"]]
    assert database.containers("mysql") == servers
    database.wait_synced(3)


def test_the_agents_password_is_changed_without_a_gap(database: Database, times: Times) -> None:
    """An account may have two passwords, so agents with the old one and agents with the new one work together."""
    servers = database.containers("mysql")
    old, new = secret(database, "agent-password"), "another-agent-password"
    both = " OR ".join(f"mysql_native_password USING PASSWORD('{password}')" for password in (old, new))
    with database.writer():
        database.sql("mysql-0", f"ALTER USER galera_agent@localhost IDENTIFIED VIA {both}")
        database.wait_synced(3)
        with times.measure("agent-password changed: the Secret, and each agent once"):
            change(database, {"agent-password": new})
            restart_agents(database)
        database.sql("mysql-0", f"ALTER USER galera_agent@localhost IDENTIFIED BY '{new}'")
        database.wait_acknowledged(10)

    database.wait_synced(3)
    assert all(has_all_answers(database, pod) for pod in servers)
    assert database.containers("mysql") == servers
    assert database.judge().complaints == []


def change(database: Database, values: dict[str, str | None]) -> None:
    """Change or remove keys of the Secret, and wait until every pod has the files.

    The kubelet reads a Secret when it checks the pod, which is about once a minute; after a new annotation it checks at
    once.
    """
    data = {key: None for key, value in values.items() if value is None}
    text = {key: value for key, value in values.items() if value is not None}
    database.kubectl("patch", "secret", "galera", f"--patch={json.dumps({'data': data, 'stringData': text})}")
    for pod in (pod["metadata"]["name"] for pod in database.pods()):
        database.kubectl("annotate", "pod", pod, f"look-again={token_hex(4)}", "--overwrite")
        wait(f"the files of {pod}", partial(has_files, database, pod, values), seconds=150)


def has_files(database: Database, pod: str, values: dict[str, str | None]) -> bool:
    """Whether the files in a pod have these values."""
    return all(read_file(database, pod, key) == (value or "") for key, value in values.items())


def read_file(database: Database, pod: str, key: str) -> str:
    """The content of a file of the Secret; empty when there is no such file.

    Each container has only the keys that it needs.
    """
    read, container = f"cat {FOLDER}/{key} 2>/dev/null || :", "mysql" if key == "root-password" else "agent"
    return database.kubectl("exec", pod, f"--container={container}", "--", "sh", "-c", read).strip()


def secret(database: Database, key: str) -> str:
    return read_file(database, "mysql-0", key)


def restart_agents(database: Database) -> None:
    """Restart all agents, one after the other, as a human would."""
    for pod in (pod["metadata"]["name"] for pod in database.pods()):
        restart_agent(database, pod)


def restart_agent(database: Database, pod: str) -> None:
    """End the container; the kubelet starts it again, the second time after ten seconds."""
    before = database.restarts()[pod]
    database.kubectl("exec", pod, "--container=agent", "--", "sh", "-c", "kill 1")

    def is_back() -> bool:
        member = next(p for p in database.pods() if p["metadata"]["name"] == pod)
        try:
            return database.restarts()[pod] > before and is_ready(member) and bool(database.answers(pod))
        except ClusterError:
            return False  # the answers of the API are some seconds old

    wait(f"the agent of {pod}", is_back, seconds=120)


def has_all_answers(database: Database, pod: str) -> bool:
    """Whether the agent of a pod gets answers from all three."""
    return list(database.answers(pod).values()) == ["ok"] * 3


@contextmanager
def refusals(database: Database) -> Iterator[list[str]]:
    """Collect, during the block, what the agents report about a refused key."""
    seen: list[str] = []
    over = Event()

    def watch() -> None:
        while not over.wait(0.3):
            for pod in ("mysql-0", "mysql-1", "mysql-2"):
                try:
                    answers = database.answers(pod)
                except ClusterError:
                    continue  # the agent is being restarted
                seen.extend(f"{pod}: {answer}" for answer in answers.values() if "key" in answer)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def sql_as(database: Database, password: str, statement: str) -> None:
    """Run SQL as root with a password that is not in the Secret any more; the password is passed on stdin."""
    ask = f'read -r MYSQL_PWD; export MYSQL_PWD; exec mariadb --socket={SOCKET} --user=root --execute="$0"'
    database.kubectl(
        "exec", "--stdin", "mysql-0", "--container=mysql", "--", "sh", "-c", ask, statement, stdin=f"{password}\n"
    )
