"""`galera-bootstrap start -- COMMAND...`: the entrypoint of the server's container."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from bootstrap.log import die_by_signal, logger
from bootstrap.settings import current
from bootstrap.start import start, starter


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--with-agent", is_flag=True, help="Run the agent, too: for a pod without a sidecar.")
@click.argument("server", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(*, with_agent: bool, server: tuple[str, ...]) -> None:
    """Wait for the permission to start, then become COMMAND (mariadbd --defaults-file=...)."""
    if with_agent:
        sys.exit(beside_an_agent(server))
    die_by_signal()
    start(starter(current(), logger("start")), server)


def beside_an_agent(server: tuple[str, ...]) -> int:
    """Run agent and server as children, pass signals to the server, and end with it.  Returns its exit code."""
    me = this_program()
    agent = subprocess.Popen([*me, "agent"])
    main = subprocess.Popen([*me, "start", "--", *server])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: main.send_signal(number))
    while (ended := next_end())[0] != main.pid:
        if ended[0] == agent.pid:
            # As the kubelet would restart a sidecar; its last words are on stderr.
            time.sleep(1)
            agent = subprocess.Popen([*me, "agent"])
    agent.terminate()
    agent.wait()
    return 128 - ended[1] if ended[1] < 0 else ended[1]


def this_program() -> tuple[str, ...]:
    """How to call this program again: the self-contained one is told by its name which command it is."""
    if getattr(sys, "frozen", False):
        return (str(Path(sys.executable).with_name("galera-bootstrap")),)
    return (sys.executable, "-m", "bootstrap")


def next_end() -> tuple[int, int]:
    """Wait for any child: as PID 1 we inherit what the server's scripts leave behind.  Returns pid and exit code."""
    pid, status = os.waitpid(-1, 0)
    return pid, os.waitstatus_to_exitcode(status)
