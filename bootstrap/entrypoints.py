"""What the containers of a pod run: the agent, the hook of the init container, the entrypoint of the server.

Each imports its own part only when it is started, without OpenSSL and with the garbage collector at rest
(`peerfinder.imports`).  It can be stopped before that: without a handler a signal to PID 1 is lost.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootstrap.errors import BootstrapError
from bootstrap.process.log import die_by_signal, logger
from peerfinder.imports import imports_stay, without_openssl

if TYPE_CHECKING:
    from bootstrap.control.starter_messages import Container
    from bootstrap.settings import Settings
    from bootstrap.starter.restarts import Past


def run_agent() -> None:
    """Run the sidecar, until it is stopped; raises BootstrapError."""
    die_by_signal(within=1.0)
    with imports_stay(), without_openssl():
        from bootstrap.agent.wiring import serve  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415

    # A thread that keeps the interpreter's lock for too long would make the peers miss a deadline.
    sys.setswitchinterval(0.001)
    serve(current(), logger("agent"))


def run_on_start() -> None:
    """Run the hook, with the peers on stdin; raises BootstrapError."""
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.control.starter_messages import Container  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter.pod import read_pod  # noqa: PLC0415
        from bootstrap.starter.run import on_start  # noqa: PLC0415
        from bootstrap.starter.stdin import read_peers  # noqa: PLC0415

    settings = current()
    with failures_sent(settings, Container.BOOTSTRAP):
        on_start(read_pod(settings, logger("on-start"), read_peers()))


def run_start(server: tuple[str, ...], past: "Past | None" = None) -> None:
    """Start the server once that is permitted, and become its keeper; raises BootstrapError.

    `past` is what has happened in this container before.
    """
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.control.starter_messages import Container  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter.pod import read_pod  # noqa: PLC0415
        from bootstrap.starter.restarts import Past  # noqa: PLC0415
        from bootstrap.starter.run import start  # noqa: PLC0415

    settings = current()
    with failures_sent(settings, Container.MYSQL):
        start(read_pod(settings, logger("start")), server, past or Past())


def run_start_again(words: tuple[str, ...]) -> None:
    """Start another server in a container whose server has died; raises BootstrapError.

    The process is the one that was its keeper, with its signals still blocked: one that has come meanwhile ends it now.
    """
    from bootstrap.starter import restarts  # noqa: PLC0415

    server, past = restarts.read_start_words(words)
    die_by_signal()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    run_start(server, past)


def run_keeper(words: tuple[str, ...]) -> None:
    """Wait for the end of the server that `start` has started in this process; raises SettingInvalidError."""
    from bootstrap.starter import restarts  # noqa: PLC0415

    kept, server = restarts.read_keeper_words(words)
    restarts.run(kept, server)


def run_upgrade_tables(server: int | None) -> None:
    """Upgrade the system tables of the server that is this process when the agent orders it; None = now.

    Raises BootstrapError.
    """
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter import system_tables  # noqa: PLC0415

    settings, log = current(), logger("upgrade")
    if server is None:
        system_tables.upgrade_now(settings, log)
    else:
        system_tables.run(settings, log, server)


@contextmanager
def failures_sent(settings: "Settings", container: "Container") -> Iterator[None]:
    """Send the agent the error with which a starter ends."""
    try:
        yield
    except BootstrapError as exc:
        from bootstrap.starter import failure  # noqa: PLC0415  # nearly no starter fails

        failure.send(settings, container, exc)
        raise


def start_with_agent(server: tuple[str, ...]) -> int:
    """Run agent and server as children of one process; returns the server's exit code.

    The volume may be mounted above the data, as at /var/lib in 2017, so that the lock's folder is missing.  The agent
    makes it; the server's starter does not, because there may be no volume.  It is made here first, so that it does not
    matter which of the two is quicker.  Raises JournalUnwritableError.
    """
    with imports_stay(), without_openssl():
        from bootstrap.process import supervisor  # noqa: PLC0415
        from bootstrap.process.program import own_command  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.storage import lock  # noqa: PLC0415
        from bootstrap.storage.layout import Layout  # noqa: PLC0415

    lock.make_folder(Layout(current().data_root).meta, parents=True)
    me = own_command()
    return supervisor.run((*me, "agent"), (*me, "start", "--", *server), logger("start"))
