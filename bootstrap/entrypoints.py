"""What the containers of a pod run: the agent, the hook of the init container, the entrypoint of the server.

Each imports its own part only when it is started, without OpenSSL and with the garbage collector at rest
(`peerfinder.imports`).  It can be stopped before that: without a handler a signal to PID 1 is lost.
"""

import sys
from pathlib import Path

from bootstrap.process.log import die_by_signal, logger
from peerfinder.imports import imports_stay, without_openssl


def run_agent() -> None:
    """Run the sidecar, until it is stopped; raises BootstrapError."""
    die_by_signal()
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
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter.pod import read_pod  # noqa: PLC0415
        from bootstrap.starter.run import on_start  # noqa: PLC0415
        from bootstrap.starter.stdin import read_peers  # noqa: PLC0415

    on_start(read_pod(current(), logger("on-start"), read_peers()))


def run_start(server: tuple[str, ...]) -> None:
    """Become the server once that is permitted; raises BootstrapError."""
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter.pod import read_pod  # noqa: PLC0415
        from bootstrap.starter.run import start  # noqa: PLC0415

    start(read_pod(current(), logger("start")), server)


def start_with_agent(server: tuple[str, ...]) -> int:
    """Run agent and server as children of one process; returns the server's exit code.

    The volume may be mounted above the data, as at /var/lib in 2017, so that the lock's folder is missing.  The agent
    makes it; the server's starter does not, because there may be no volume.  It is made here first, so that it does not
    matter which of the two is quicker.  Raises JournalUnwritableError.
    """
    with imports_stay(), without_openssl():
        from bootstrap.process import supervisor  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.storage import lock  # noqa: PLC0415
        from bootstrap.storage.layout import Layout  # noqa: PLC0415

    lock.make_folder(Layout(current().data_root).meta, parents=True)
    me = own_command()
    return supervisor.run((*me, "agent"), (*me, "start", "--", *server), logger("start"))


def own_command() -> tuple[str, ...]:
    """Return how to call this program again: the self-contained one finds its command by the name of its file."""
    if getattr(sys, "frozen", False):
        return (str(Path(sys.executable).with_name("galera-bootstrap")),)
    return (sys.executable, "-m", "bootstrap")
