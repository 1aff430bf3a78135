"""What an agent does not import, and that it works without: a real process for each question."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

UNWANTED = ("ssl", "_ssl", "_hashlib", "importlib.metadata", "zipfile", "bootstrap.mariadb.tls")
"""OpenSSL, and what only tells a version."""


LEAN = "from peerfinder.imports import without_openssl\nwith without_openssl(): import bootstrap.agent.wiring\n"
"""What an agent imports, and how (`entrypoints`)."""


def told(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def loaded_by(command: str, *words: str) -> set[str]:
    """Return the modules of a container's process that stops at its settings, because it has none."""
    run = f"sys.argv = {['galera-bootstrap', command, *words]}; atexit.register(lambda: print(*sys.modules))"
    code = f"import atexit, os, sys; os.environ.clear(); {run}; from bootstrap.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "POD_NAME" in done.stderr) == (15, True)
    return set(done.stdout.splitlines()[-1].split())


def test_an_agent_has_not_imported_what_it_does_not_need() -> None:
    """Up to where it would begin its work."""
    loaded = loaded_by("agent")

    assert "bootstrap.agent.wiring" in loaded
    for_people = {
        "bootstrap.agent.status_answers",
        "bootstrap.control.status_messages",
        "bootstrap.control.override_messages",
    }
    later = {"pymysql", "click", "subprocess", "jinja2", "bootstrap.mariadb.recover"}
    assert {*UNWANTED, *for_people, *later} & loaded == set()


@pytest.mark.parametrize("words", [("start", "--", "mariadbd"), ("on-start",)])
def test_a_starter_has_not_imported_what_only_an_agent_needs(words: tuple[str, ...]) -> None:
    """Each container of a pod waits for the end of such an import."""
    loaded = loaded_by(*words)

    assert {"bootstrap.starter.session", "bootstrap.control.starter_messages"} <= loaded
    more = {
        "bootstrap.control.override_messages",
        "bootstrap.control.pod_messages",
        "bootstrap.control.status_messages",
        "bootstrap.network.client",
        "http.client",
        "http.server",
        "concurrent.futures.thread",
        "pymysql",
        "jinja2",
    }
    dear = {"click", "ctypes", "tempfile", "shutil", "dns.name", "tenacity", "dataclasses", "inspect"}
    assert {*UNWANTED, *more, *dear} & loaded == set()


def test_the_commands_that_live_shortly_are_not_concerned() -> None:
    """They may have what the system has: a digest of OpenSSL is quicker."""
    assert told("import sys, bootstrap.cli, bootstrap.commands.pod.install; print('_hashlib' in sys.modules)") == "True"


def test_the_first_server_that_answers_loads_pymysql_without_openssl(tmp_path: Path) -> None:
    """Its answer is no handshake; a socket without a server loads nothing."""
    path = tmp_path / "sock"
    look = (
        f"import sys, pathlib; {LEAN}local = bootstrap.mariadb.client.LocalServer(pathlib.Path({str(path)!r}), 'x')\n"
    )
    names = "print(*sorted({'pymysql', 'ssl', '_hashlib'} & sys.modules.keys()))"
    ask = "print(local.read_status())\n"

    assert told(f"{look}{ask}{names}").splitlines() == ["No such file or directory"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def hang_up() -> None:
            listener.accept()[0].close()

        server = threading.Thread(target=hang_up)
        server.start()
        assert told(f"{look}{ask}{names}").splitlines()[-1] == "pymysql"
        server.join()


def test_an_agent_can_still_have_tls() -> None:
    code = "import ssl; print(ssl.create_default_context().verify_mode.name)"
    assert told(f"{LEAN}{code}") == "CERT_REQUIRED"


def test_seals_are_the_same_with_and_without_openssl() -> None:
    code = (
        "from bootstrap.network.auth import Message; "
        "print(Message('request', 'GET /', 'id', 'a/1', 'b', 'nonce', b'body').seal(b'key'))"
    )
    assert told(f"{LEAN}{code}") == told(code)


def test_an_interpreter_without_digests_of_its_own_keeps_those_of_openssl() -> None:
    """Some distributions build Python so."""
    hide = "import sys; sys.modules['_sha1'] = None"
    assert told(f"{hide}\n{LEAN}print('_hashlib' in sys.modules)") == "True"


def test_the_version_is_that_of_the_installed_package() -> None:
    code = "from importlib.metadata import version; from bootstrap import __version__"
    assert told(f"{code}; print(__version__ == version('galera-bootstrap'))") == "True"
