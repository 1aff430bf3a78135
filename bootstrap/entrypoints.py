"""What the containers of a pod run: the agent, the hook of the init container, the entrypoint of the server.

Each imports its own part only when it is started, without OpenSSL and with the garbage collector at rest
(`peerfinder.imports`), and can be stopped before: until Python has a handler, a signal to PID 1 is lost.
"""

import sys
from pathlib import Path

from bootstrap.process.log import die_by_signal, logger
from peerfinder.imports import imports_stay, without_openssl


def agent() -> None:
    """Run the sidecar, until it is stopped; raises BootstrapError."""
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.agent.wiring import serve  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415

    # A thread that starves another one behind the interpreter's lock would cost the peers a deadline.
    sys.setswitchinterval(0.001)
    serve(current(), logger("agent"))


def on_start() -> None:
    """Run the hook, with the peers on stdin; raises BootstrapError."""
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter.pod import read_pod  # noqa: PLC0415
        from bootstrap.starter.run import on_start  # noqa: PLC0415
        from bootstrap.starter.stdin import read_peers  # noqa: PLC0415

    on_start(read_pod(current(), logger("on-start"), read_peers()))


def start(server: tuple[str, ...]) -> None:
    """Become the server once that is permitted; raises BootstrapError."""
    die_by_signal()
    with imports_stay(), without_openssl():
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.starter.pod import read_pod  # noqa: PLC0415
        from bootstrap.starter.run import start  # noqa: PLC0415

    start(read_pod(current(), logger("start")), server)


def beside_an_agent(server: tuple[str, ...]) -> int:
    """Run agent and server as children of one process; returns the server's exit code.

    The volume may be mounted above the data, as at /var/lib in 2017; the agent makes what is missing, and must not have
    to be quicker than the server's starter, which makes nothing where there may be no volume.
    Raises JournalUnwritableError.
    """
    with imports_stay(), without_openssl():
        from bootstrap.process import supervisor  # noqa: PLC0415
        from bootstrap.settings import current  # noqa: PLC0415
        from bootstrap.storage import lock  # noqa: PLC0415

    lock.make_folder(current().lock.parent, parents=True)
    me = this_program()
    return supervisor.run((*me, "agent"), (*me, "start", "--", *server), logger("start"))


def this_program() -> tuple[str, ...]:
    """How to call this program again: the self-contained one is told by its name which command it is."""
    if getattr(sys, "frozen", False):
        return (str(Path(sys.executable).with_name("galera-bootstrap")),)
    return (sys.executable, "-m", "bootstrap")
