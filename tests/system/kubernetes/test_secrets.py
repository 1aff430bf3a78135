"""The Secret is changed while a client writes: no server is restarted, and nobody is shut out.

An agent reads the Secret's files when it starts.  So a change is made in three steps that each member can take by
itself: the Secret, the files in the pod (the kubelet), the agent's container.
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

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1200), full]

FOLDER = "/etc/galera-secrets"
KEY = "rotated-rotated-rotated"


@pytest.fixture(scope="module", autouse=True)
def _others_keep_their_secret(shared: Shared) -> Iterator[None]:
    """Who applies the lab again gets its Secret again, which these members know no longer."""
    yield
    shared.remove()


def test_the_exchange_key_is_rotated_in_two_steps_and_a_full_outage_is_recovered_with_the_new_one(
    database: Database, times: Times
) -> None:
    servers = database.containers("mysql")
    old = secret(database, "exchange-key")
    with database.writer(), refusals(database) as refused:
        database.wait_acknowledged(20)
        with times.of("exchange-key rotated: the Secret twice, each agent twice"):
            change(database, {"exchange-key": KEY, "exchange-key-previous": old})
            restart_agents(database)
            change(database, {"exchange-key-previous": None})
            restart_agents(database)
        database.wait_acknowledged(10)

    assert refused == []
    assert database.silence() < UNNOTICED
    assert database.containers("mysql") == servers

    assert secret(database, "exchange-key") == KEY
    database.delete_all_pods()
    database.wait_synced(3)
    assert database.judge().complaints == []


def test_without_the_previous_key_the_members_live_on_and_say_whose_key_is_refused(database: Database) -> None:
    """The mistake of one step in place of two: nobody is stopped by it, and the cure is the key."""
    servers = database.containers("mysql")
    right = secret(database, "exchange-key")
    change(database, {"exchange-key": f"{KEY}-in-one-step"})
    restart_agent(database, "mysql-0")

    wait("a refused key", lambda: "our key" in str(database.answers("mysql-0")), seconds=60)
    database.wait_synced(3)
    change(database, {"exchange-key": right})
    restart_agent(database, "mysql-0")
    wait("all answers", lambda: all_answer(database, "mysql-0"), seconds=60)
    assert database.containers("mysql") == servers


def test_the_root_password_is_changed_in_the_database_and_in_the_secret(database: Database) -> None:
    """A Secret alone changes no account: until it is changed there by SQL, the old password is the one that counts."""
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
    """An account may have two passwords while agents that know the one and agents that know the other live."""
    servers = database.containers("mysql")
    old, new = secret(database, "agent-password"), "another-agent-password"
    both = " OR ".join(f"mysql_native_password USING PASSWORD('{word}')" for word in (old, new))
    with database.writer():
        database.sql("mysql-0", f"ALTER USER galera_agent@localhost IDENTIFIED VIA {both}")
        database.wait_synced(3)
        with times.of("agent-password changed: the Secret, and each agent once"):
            change(database, {"agent-password": new})
            restart_agents(database)
        database.sql("mysql-0", f"ALTER USER galera_agent@localhost IDENTIFIED BY '{new}'")
        database.wait_acknowledged(10)

    database.wait_synced(3)
    assert all(all_answer(database, pod) for pod in servers)
    assert database.containers("mysql") == servers
    assert database.judge().complaints == []


def change(database: Database, words: dict[str, str | None]) -> None:
    """Change or remove keys of the Secret, and wait until every pod has the files.

    The kubelet looks at a Secret when it looks at the pod, which is about once a minute; a new annotation makes it look
    at once.
    """
    data = {key: None for key, word in words.items() if word is None}
    text = {key: word for key, word in words.items() if word is not None}
    database.kubectl("patch", "secret", "galera", f"--patch={json.dumps({'data': data, 'stringData': text})}")
    for pod in (pod["metadata"]["name"] for pod in database.pods()):
        database.kubectl("annotate", "pod", pod, f"look-again={token_hex(4)}", "--overwrite")
        wait(f"the files of {pod}", partial(has, database, pod, words), seconds=150)


def has(database: Database, pod: str, words: dict[str, str | None]) -> bool:
    """Whether the files in a pod are these."""
    return all(found(database, pod, key) == (word or "") for key, word in words.items())


def found(database: Database, pod: str, key: str) -> str:
    """What stands in a file of the Secret; nothing when there is none."""
    read = f"cat {FOLDER}/{key} 2>/dev/null || :"
    return database.kubectl("exec", pod, "--container=mysql", "--", "sh", "-c", read).strip()


def secret(database: Database, key: str) -> str:
    return found(database, "mysql-0", key)


def restart_agents(database: Database) -> None:
    """One after the other, as an operator would."""
    for pod in (pod["metadata"]["name"] for pod in database.pods()):
        restart_agent(database, pod)


def restart_agent(database: Database, pod: str) -> None:
    """End the container; the kubelet starts it again, the second time after ten seconds."""
    before = database.restarts()[pod]
    database.kubectl("exec", pod, "--container=agent", "--", "sh", "-c", "kill 1")

    def back() -> bool:
        member = next(p for p in database.pods() if p["metadata"]["name"] == pod)
        try:
            return database.restarts()[pod] > before and is_ready(member) and bool(database.answers(pod))
        except ClusterError:
            return False  # what the API tells is some seconds old

    wait(f"the agent of {pod}", back, seconds=120)


def all_answer(database: Database, asked: str) -> bool:
    """Whether the agent of a pod hears all three."""
    return list(database.answers(asked).values()) == ["ok"] * 3


@contextmanager
def refusals(database: Database) -> Iterator[list[str]]:
    """Collects in the meantime what any agent says of a key that was not accepted."""
    seen: list[str] = []
    over = Event()

    def watch() -> None:
        while not over.wait(0.3):
            for pod in ("mysql-0", "mysql-1", "mysql-2"):
                try:
                    told = database.answers(pod)
                except ClusterError:
                    continue  # it is just being restarted
                seen.extend(f"{pod}: {answer}" for answer in told.values() if "key" in answer)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def sql_as(database: Database, password: str, statement: str) -> None:
    """As root with a password that is not the one in the Secret any more; it goes by stdin."""
    ask = f'read -r MYSQL_PWD; export MYSQL_PWD; exec mariadb --socket={SOCKET} --user=root --execute="$0"'
    database.kubectl(
        "exec", "--stdin", "mysql-0", "--container=mysql", "--", "sh", "-c", ask, statement, stdin=f"{password}\n"
    )
