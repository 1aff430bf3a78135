"""Act on a permission: make the datadir ready and start the server."""

import os
from collections.abc import Callable
from typing import NoReturn

from bootstrap.control.starter_messages import AgentDecision, PermissionAnswer
from bootstrap.core.galera import binlog_options, option_files, server_options, server_version
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, JournalHints
from bootstrap.datadir import inspection, prepare, provenance, restore_marker
from bootstrap.errors import DatadirNotReadyError, RecoverFailedError, ServerMissingError, SettingInvalidError
from bootstrap.mariadb.recover import Recover
from bootstrap.process import child
from bootstrap.process.program import own_command
from bootstrap.starter import restarts
from bootstrap.starter.inspection import Inspection
from bootstrap.starter.pod import Pod
from bootstrap.starter.restarts import Call
from bootstrap.storage import permission as permission_file

UPGRADER = ("upgrade", "--server")
"""The command that upgrades the system tables; then follows the process that becomes the server's parent."""


def check_command(command: tuple[str, ...], cnf: str) -> None:
    """Refuse a command that could found a cluster, or run on other data, by itself; raises SettingInvalidError.

    `cnf` is the path of my-galera.cnf.
    """
    if reserved := [argument for argument in command if server_options.is_reserved(argument)]:
        raise SettingInvalidError(
            f"only this toolkit may give {reserved[0]}: remove it from the command; "
            "your own options of wsrep belong in a file in conf.d"
        )
    if of_binlog := [argument for argument in command if binlog_options.is_option(argument)]:
        raise SettingInvalidError(f"{of_binlog[0]}: the recovery needs it, too: write it into a file in conf.d")
    ours = f"--defaults-file={cnf}"
    others = [argument for argument in command if server_options.chooses_files(argument) and argument != ours]
    if others:
        raise SettingInvalidError(f"{others[0]}: the configuration is {ours}")
    if ours not in command:
        raise SettingInvalidError(f"{ours} is missing in the command: without it the server runs on other data")
    if command.count(ours) > 1 or command[command.index(ours) - 1].startswith("-"):
        raise SettingInvalidError(f"{ours} must be the server's first option, and there once")


def server_arguments(command: tuple[str, ...], cnf: str) -> tuple[str, ...]:
    """The server's own arguments in a checked command: all that stands behind its option file."""
    return command[command.index(f"--defaults-file={cnf}") + 1 :]


def execute(pod: Pod, found: Inspection, call: Call, permission: PermissionAnswer) -> NoReturn:
    """Consume the permission, make the datadir ready for what was permitted, start the server and become its keeper."""
    recover, disk = found.recover, found.disk or Disk(DataClass.UNKNOWN)
    options, decision = [], permission.decision
    if decision.action is Action.BOOTSTRAP:
        permission_file.consume(pod.settings.permission, decision.term)
        options.append("--wsrep-new-cluster")
    if decision.forced:
        options.append(f"--wsrep_start_position={decision.history}:0")
    elif disk.position and disk.data_class in STARTABLE:
        # Without it a crashed joiner takes a full state transfer, and a crashed candidate a new uuid.
        options.append(f"--wsrep_start_position={disk.position}")
    try:
        if lacks_accounts(disk, found.hints, decision):
            take_over(pod, recover)
        make_ready(pod, recover, disk, decision)
        prepare.make_files_dir(pod.layout)
        provenance.note_version(pod.layout.meta, recover.read_version())
        arguments = recover.read_arguments()
        provenance.note_binlog_options(pod.layout.meta, binlog_options.find_options(arguments))
    except OSError as exc:
        raise DatadirNotReadyError(
            f"the datadir cannot be made ready ({exc.strerror}: {exc.filename}): nothing is started"
        ) from exc
    if decision.action is Action.JOIN:
        donor = server_options.donor_option(permission.donors, arguments)
        options += [donor] if donor else []
    for line in option_files.find_replaced(recover.read_files().lines, str(pod.settings.cnf)):
        pod.log(line)
    if may_need_upgrade(pod, permission):
        leave_upgrader(pod)
    pod.log(f"starting: {' '.join([*call.command, *options])}")
    try:
        restarts.hand_over((*call.command, *options), call, pod.settings.server_restarts)
    except OSError as exc:
        program = call.command[0]
        raise ServerMissingError(f"{program} cannot be executed ({exc.strerror}): use an image that has it") from exc


def lacks_accounts(disk: Disk, hints: JournalHints, decision: AgentDecision) -> bool:
    """Whether usable data may be without this toolkit's accounts (R44): their volume was no member here so far.

    Where this volume's agent has seen its server Synced, it could log in.  `adopt` makes them itself.
    """
    return disk.data_class in STARTABLE and not (hints.was_synced or hints.initialised or decision.adopt)


def take_over(pod: Pod, recover: Recover) -> None:
    """Create this toolkit's accounts in another cluster's data, before their server starts.

    Each member does so itself: one that gets the others' commits only cannot be asked by its agent before that.
    The version is noted first, because a server opens the data here.  Raises OSError, InitialisationFailedError.
    """
    from bootstrap.mariadb import initialise  # noqa: PLC0415  # once in the life of a volume

    pod.log("these data were not a member of this cluster before: creating the accounts of the agent and of transfers")
    provenance.note_version(pod.layout.meta, recover.read_version())
    make_accounts(pod, recover, initialise.take_over)


def make_accounts(pod: Pod, recover: Recover, make: Callable[..., None]) -> None:
    """Create accounts in data that are there, by `initialise.adopt` or `take_over`, with the pod's own configuration.

    Raises as these do.
    """
    from bootstrap.starter.first_start import read_accounts  # noqa: PLC0415  # once in the life of a volume

    server = (pod.settings.mariadbd, f"--defaults-file={pod.settings.cnf}")
    user = pod.settings.server_user or None
    make(pod.layout, read_accounts(pod.secrets), server=server, user=user, keep_fds=recover.keep_fds)


def may_need_upgrade(pod: Pod, permission: PermissionAnswer) -> bool:
    """Whether the system tables may be of another series than the server: a joiner may get those of its donor."""
    found = provenance.read_versions(pod.layout.data, pod.layout.meta)
    if not pod.settings.upgrade_tables or found.server is None or found.tables != found.server:
        return pod.settings.upgrade_tables
    is_join = permission.decision.action is Action.JOIN
    return is_join and permission.tables != (server_version.format_series(found.server),)


def leave_upgrader(pod: Pod) -> None:
    """Leave the program behind that upgrades the system tables when the agent orders it (`system_tables`).

    It inherits no descriptor, and so neither the lock nor the connection by which the agent counts on this starter.
    """
    try:
        child.start((*own_command(), *UPGRADER, str(os.getpid())))
    except ServerMissingError as exc:
        pod.log(f"the system tables will not be upgraded: {exc}")


def make_ready(pod: Pod, recover: Recover, disk: Disk, decision: AgentDecision) -> None:
    """Bring the state files into the form that the permitted start needs; raises OSError."""
    if decision.action is Action.JOIN:
        pod.layout.data.mkdir(mode=0o700, exist_ok=True)
        prepare.clean_for_join(pod.layout, disk)
        restore_marker.forget(pod.layout.meta)
    elif decision.first:
        create(pod, recover, disk)
    elif decision.forced:
        if decision.adopt:
            adopt(pod, recover)
        prepare.prepare_fork(pod.layout, decision.history)
    elif disk.position:
        prepare.prepare_bootstrap(pod.layout, disk.position)


def create(pod: Pod, recover: Recover, disk: Disk) -> None:
    """Create the first database of a new cluster, or the rest of an interrupted first start."""
    if disk.data_class is DataClass.INITIALIZED:
        prepare.forget_state(pod.layout)
        return
    from bootstrap.starter import first_start  # noqa: PLC0415  # once in the life of a volume

    first_start.create(pod, recover)
    provenance.note_tables(pod.layout.data, recover.read_version())


def adopt(pod: Pod, recover: Recover) -> None:
    """Create this toolkit's accounts in data that ran without it, offline; raises DatadirNotReadyError.

    What guards every recovery guards this start, too: it recovers the data, and no override changes that (R32).
    """
    from bootstrap.mariadb import initialise  # noqa: PLC0415  # once in the life of a volume

    try:
        why = inspection.why_unfit(pod.layout) or inspection.why_unreadable(pod.layout, recover)
    except RecoverFailedError as exc:
        why = str(exc)
    if why:
        raise DatadirNotReadyError(f"the datadir cannot be adopted ({why}): nothing is started")
    pod.log("creating the accounts in the adopted data")
    make_accounts(pod, recover, initialise.adopt)
