"""The program beside a server that upgrades its system tables, when the agent orders it.

`start` leaves it behind when it becomes the server: it needs the image of this server and the password of root, which
no other container of the pod has.  It does not hold the volume's lock, and the end of the container ends it.
It ends by itself as soon as the tables are of the server's series, which is mostly when the server is Synced.
"""

import os
import time

from bootstrap.control import channel
from bootstrap.control.upgrade_messages import AwaitUpgrade, Upgraded, UpgradeOrder
from bootstrap.datadir import provenance
from bootstrap.errors import AgentUnreachableError, BootstrapError, UpgradeFailedError
from bootstrap.mariadb import system_tables
from bootstrap.process import child
from bootstrap.process.log import Log
from bootstrap.secret_files import read_server_secrets
from bootstrap.settings import Settings
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout

AGENT_PATIENCE_S = 60.0
"""How long the agent may be away until it is tried again with a line in the log."""

AGAIN_S = 1.0
"""The pause before the next connection, so that an agent that always hangs up is not asked in a busy loop."""

NICE = 10
"""It is in no hurry, and the server beside it may be joining."""


def run(settings: Settings, log: Log, server: int) -> None:
    """Ask the agent and do what it orders, until there is nothing to do, over any number of runs of the agent.

    `server` is the process that has started this one; it ends with it, also where that has no PID namespace of its own.
    Raises SettingInvalidError.
    """
    os.nice(NICE)
    is_over = not child.end_with(server)
    while not is_over:
        try:
            client = channel.connect(settings.agent_socket, AGENT_PATIENCE_S, lambda _: None)
            try:
                converse(client, settings, log)
                is_over = True
            finally:
                client.close()
        except AgentUnreachableError as exc:
            log(f"{exc}; trying again")
            time.sleep(AGAIN_S)


def converse(client: channel.Client, settings: Settings, log: Log) -> None:
    """Do what one run of the agent orders, until it orders to end; raises AgentUnreachableError."""
    while (order := client.ask(AwaitUpgrade()).order) is not UpgradeOrder.END:
        if order is UpgradeOrder.RUN:
            client.ask(Upgraded(upgrade_once(settings, log)))


def upgrade_now(settings: Settings, log: Log) -> None:
    """Upgrade the tables for a human, who knows that all members run this series; raises UpgradeFailedError."""
    if error := upgrade_once(settings, log):
        raise UpgradeFailedError(f"the system tables are not upgraded: {error}")


def upgrade_once(settings: Settings, log: Log) -> str:
    """Upgrade the tables of the running server, and note their series; returns why that failed, or nothing.

    What was upgraded is on the disk before the note says so.
    """
    layout = Layout(settings.data_root)
    log("upgrading the system tables")
    try:
        version = (layout.meta / provenance.NOTE).read_text(encoding="utf-8", errors="replace")
        password = read_server_secrets(settings.secrets).root_password
        if error := system_tables.upgrade_tables(settings.server_socket, password, log):
            return error
        atomic.sync_volume(layout.data_root)
        provenance.note_tables(layout.data, version)
    except BootstrapError as exc:
        return str(exc)
    except OSError as exc:
        return f"{exc.filename or layout.data_root}: {exc.strerror}"
    log("the system tables are upgraded")
    return ""
