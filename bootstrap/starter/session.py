"""Report, wait, act: what `on-start` and `start` share.

A starter holds the volume's lock from before it looks at the datadir.  It reports what it found as frozen, waits for
the agent's verdict, and `start` then acts on it: the permission is taken once, right before the exec that it is for.
"""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bootstrap.control import channel
from bootstrap.control.starter_messages import (
    AgentDecision,
    AwaitAnswer,
    AwaitDecision,
    Hello,
    HelloAnswer,
    Order,
    PermissionAnswer,
    Report,
    TakePermission,
)
from bootstrap.core.decision import join_order
from bootstrap.core.galera import binlog
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.lifecycle import Action
from bootstrap.core.model.predicates import STARTABLE
from bootstrap.datadir import inspection, prepare, provenance, restore_marker
from bootstrap.errors import (
    AgentUnreachableError,
    DatadirNotReadyError,
    RecoverFailedError,
    ServerMissingError,
    SettingInvalidError,
    VolumeBusyError,
)
from bootstrap.mariadb import pod_config
from bootstrap.mariadb.recover import Recover
from bootstrap.network.directory import Directory
from bootstrap.secret_files import Secrets, read_secrets
from bootstrap.settings import Settings
from bootstrap.storage import atomic, lock
from bootstrap.storage import permission as permission_file
from bootstrap.storage.layout import Layout

if TYPE_CHECKING:
    from bootstrap.mariadb.accounts import Accounts

AGENT_PATIENCE_S = 60.0
"""How long an agent may be away before the starter ends and leaves the rest to the kubelet."""

AGAIN_S = 0.2
"""The pause before another report, so that an agent that always hangs up is not asked in a busy loop."""

LOOK_AGAIN_S = 20.0
"""After how long a datadir that could not be read is looked at again: its cure should not need a new pod."""

JOIN_APART_S = 0.6
"""Between the starts of two joiners: Galera's group takes one in after the other.

Who comes while it takes another in makes a view of its own first, and is heard again two seconds later (gmcast.cpp,
reconnecting). Measured on the way from the first Primary to the third Synced member, medians of six: 4.2 s with joiners
that start together, 3.9 s, 3.6 s and 3.9 s with 0.3, 0.6 and 1 s between them.
"""

TURNS = 8
"""No more joiners than these are let go first."""

LOCK_PATIENCE_S = 2.0
"""How long `on-start` waits for the lock: the scripts of a state transfer outlive a killed server for a second."""

OURS = re.compile(r"(-[^-uptlbcr#]*h.*|--ws.*|--dat?|--data(d.*)?)")
"""Options that only this toolkit may give on the command line, as `plain` has them; others of wsrep belong in conf.d.

The server takes every unambiguous beginning of a name, and -h behind other letters that take no value.
"""

FILES = re.compile(r"--(defaults|no-def)")
"""Options that say which files are read (my_load_defaults); these the server takes by their whole names only."""

Say = Callable[[str], None]
T = TypeVar("T")


class LookAgainError(Exception):
    """What was reported of the datadir may not be true any more."""


@dataclass
class Starter:
    """One starter at work."""

    settings: Settings
    secrets: Secrets
    directory: Directory
    say: Say
    shown: frozenset[int] = frozenset()
    """Ordinals that came on stdin."""
    lock_fd: int = -1
    """The volume's lock; the programs that write to the datadir inherit it."""
    disk: Disk | None = None
    """What the datadir holds, once it was looked at."""
    fingerprint: str = ""
    """The datadir's fingerprint then."""
    hello: HelloAnswer | None = None
    """What the agent knows of the volume; None before the first report."""
    from_backup: bool = False
    """Whether the datadir was restored from a backup and is still of the backup's history."""
    spoken: str = ""
    """What came of the word that was said for it."""

    @property
    def layout(self) -> Layout:
        """Where the datadir is."""
        return Layout(self.settings.data_root)

    def report(self, client: channel.Client) -> None:
        """Report the datadir to the agent as frozen; the lock must be held."""
        hello = client.ask(Hello())
        ordinals = hello.ordinals | self.shown
        pod_config.write(self.settings, self.secrets.cluster_id, self.directory, ordinals, hello.addresses)
        disk = self.disk or self.found(self.known(hello) or self.inspect(hello))
        client.ask(Report(disk, self.fingerprint))
        self.hello = hello

    def known(self, hello: HelloAnswer) -> Disk | None:
        """The report of an earlier starter, if it found something and nothing has written to the datadir since.

        That one may have had another image: what it could read must be readable here, too.
        """
        reported = hello.disk
        if reported is None or reported.data_class is DataClass.UNKNOWN:
            return None
        if hello.fingerprint != inspection.fingerprint(self.layout):
            return None
        try:
            return None if inspection.unreadable(self.layout, self.recover) else reported
        except (OSError, RecoverFailedError):
            return None

    @cached_property
    def recover(self) -> Recover:
        """How to ask this image's server; the lock must be held."""
        command = (self.settings.mariadbd, f"--defaults-file={self.settings.cnf}")
        return Recover(command, keep_fds=(self.lock_fd,), direct=self.settings.upgrade_from)

    def inspect(self, hello: HelloAnswer) -> Disk:
        """Look at the datadir; the server's own recovery tells the position."""
        if hello.joining:
            # rsync does not; and the mark is closed without another look if this pod is to bootstrap.
            try:
                atomic.sync_volume(self.settings.data_root)
            except OSError as exc:
                return Disk(DataClass.UNKNOWN, detail=f"{self.settings.data_root} cannot be synced: {exc.strerror}")
        disk = inspection.inspect(
            self.layout,
            self.recover,
            joining=hello.joining,
            initialised=hello.initialised,
            same_boot=hello.same_boot,
            base=hello.base,
        )
        seen = restore_marker.apply_marker(disk, restore_marker.read(self.layout.meta))
        self.from_backup = seen is not disk
        return seen

    def found(self, disk: Disk) -> Disk:
        """Take over what a look at the datadir has found, and tell it."""
        self.disk, self.fingerprint = disk, inspection.fingerprint(self.layout)
        self.say(f"datadir is {disk.data_class}{f' at {disk.position}' if disk.position else ''}: {disk.detail}")
        return disk

    def wait(self, client: channel.Client, enough: Callable[[AgentDecision], bool]) -> AwaitAnswer:
        """Wait for a decision that is enough; log each other one when it changes.

        Raises LookAgainError when what was reported may not be true any more.
        """
        logged, looked = "", time.monotonic()
        while True:
            answer = client.ask(AwaitDecision())
            decision = answer.decision
            if decision.line != logged:
                self.say(decision.line)
                logged = decision.line
            if enough(decision):
                return answer
            self.compare()
            if self.from_backup and decision.rule == "own-disk":
                self.speak_for_the_restored()
            if answer.order is not Order.NONE:
                self.put_aside(delete=answer.order is Order.DELETE)
            if time.monotonic() - looked > LOOK_AGAIN_S:
                self.look_again(client)
                looked = time.monotonic()

    def speak_for_the_restored(self) -> None:
        """Request `adopt` for data that a human has restored: the order to restore them was that override.

        The agent accepts it as from a human: only when all other pods answer, are empty and were never members.
        """
        from bootstrap.control.override_messages import RequestOverride  # noqa: PLC0415  # after a restore only

        client = channel.Client(self.settings.agent_socket)
        try:
            answer = client.ask(RequestOverride(adopt=True))
            if answer.survey is not None and not answer.refusal:
                answer = client.ask(RequestOverride(answer.survey.epoch, adopt=True))
        finally:
            client.close()
        line = answer.refusal or "all others are empty: the restored data start a new history"
        if line != self.spoken:
            self.say(line)
            self.spoken = line

    def put_aside(self, *, delete: bool) -> None:
        """An operator has discarded this datadir: put it beside its place on the volume, or remove it.

        Raises LookAgainError in any case: what there is now must be reported.
        """
        position = self.disk.position if self.disk else None
        self.disk = None
        try:
            kept = prepare.discard(self.layout, position, delete=delete)
        except OSError as exc:
            raise LookAgainError(f"the datadir cannot be put aside ({exc.strerror}: {exc.filename})") from exc
        raise LookAgainError(f"the datadir was {f'put aside as {kept}' if kept else 'removed'}")

    def compare(self) -> None:
        """Compare the datadir with what was reported: an operator may have put another one there.

        Raises LookAgainError when it is another one: the report is void until it was looked at.
        """
        if inspection.fingerprint(self.layout) != self.fingerprint:
            self.disk = None
            raise LookAgainError("the datadir has changed")

    def look_again(self, client: channel.Client) -> None:
        """Look again at a datadir that could not be read; as long as it cannot be, there is nothing to tell."""
        if self.hello is None or self.disk is None or self.disk.data_class is not DataClass.UNKNOWN:
            return
        disk = self.inspect(self.hello)
        if disk != self.disk:
            found = self.found(disk)
            client.ask(Report(found, self.fingerprint))

    def take(self, client: channel.Client) -> PermissionAnswer:
        """Wait for a permission and take it; if the decision has changed by then, wait again."""
        while True:
            let_go_first(self.wait(client, permits))
            self.compare()
            answer = client.ask(TakePermission())
            if permits(answer.decision):
                return answer

    def permitted(self, ask: Callable[[channel.Client], T]) -> tuple[channel.Client, T]:
        """Report and ask until there is an answer, over any number of lives of the agent.

        The connection is still open: while it is, the agent counts on this starter.
        """
        while True:
            client = channel.connect(self.settings.agent_socket, AGENT_PATIENCE_S, self.say)
            try:
                self.report(client)
                return client, ask(client)
            except (AgentUnreachableError, LookAgainError) as exc:
                client.close()
                self.say(f"{exc}; reporting again")
                time.sleep(AGAIN_S)

    def execute(self, command: tuple[str, ...], permission: PermissionAnswer) -> None:
        """Consume the permission, make the datadir ready for what was permitted and become the server."""
        options = []
        disk, decision = self.disk or Disk(DataClass.UNKNOWN), permission.decision
        if decision.action is Action.BOOTSTRAP:
            permission_file.consume(self.settings.permission, decision.term)
            options.append("--wsrep-new-cluster")
        if disk.position and disk.data_class in STARTABLE and not decision.forced:
            # Without it a crashed joiner takes a full state transfer, and a crashed winner a new uuid.
            options.append(f"--wsrep_start_position={disk.position}")
        try:
            self.make_ready(disk, decision)
            provenance.note(self.layout.meta, self.recover.version())
            arguments = self.recover.arguments()
            provenance.note_binlog(self.layout.meta, binlog.options(arguments))
        except OSError as exc:
            raise DatadirNotReadyError(
                f"the datadir cannot be made ready ({exc.strerror}: {exc.filename}): nothing is started"
            ) from exc
        if decision.action is Action.JOIN and (donor := join_order.option(permission.donors, arguments)):
            options.append(donor)
        self.say(f"starting: {' '.join([*command, *options])}")
        try:
            os.execvp(command[0], [*command, *options])  # noqa: S606  # replacing this process is the point
        except OSError as exc:
            raise ServerMissingError(
                f"{command[0]} cannot be executed ({exc.strerror}): use an image that has it"
            ) from exc

    def make_ready(self, disk: Disk, decision: AgentDecision) -> None:
        """Bring the state files into the form that the permitted start needs; raises OSError."""
        if decision.action is Action.JOIN:
            self.layout.data.mkdir(mode=0o700, exist_ok=True)
            prepare.clean_for_join(self.layout, disk)
            restore_marker.forget(self.layout.meta)
        elif decision.first:
            self.create(disk)
        elif decision.forced:
            if decision.adopt:
                self.adopt()
            prepare.prepare_fork(self.layout)
        elif disk.position:
            prepare.prepare_winner(self.layout, disk.position)

    def create(self, disk: Disk) -> None:
        """The first database of a new cluster, or the rest of an interrupted first start."""
        from bootstrap.mariadb import initialise  # noqa: PLC0415  # once in the life of a volume

        if disk.data_class is DataClass.INITIALIZED:
            prepare.forget_state(self.layout)
            return
        self.say("creating the first database")
        server, user = (self.settings.mariadbd,), self.settings.server_user or None
        initialise.create(self.layout, self.accounts, server=server, user=user, keep_fds=(self.lock_fd,))

    def adopt(self) -> None:
        """Make this toolkit's accounts in data that ran without it, offline; raises DatadirNotReadyError."""
        from bootstrap.mariadb import initialise  # noqa: PLC0415  # see above

        if why := inspection.unfit(self.layout):
            raise DatadirNotReadyError(f"the datadir cannot be adopted ({why}): restore it whole")
        self.say("making the accounts in the adopted data")
        server = (self.settings.mariadbd, f"--defaults-file={self.settings.cnf}")
        user = self.settings.server_user or None
        initialise.adopt(self.layout, self.accounts, server=server, user=user, keep_fds=(self.lock_fd,))

    @property
    def accounts(self) -> "Accounts":
        """Who may log in, by the Secret."""
        from bootstrap.mariadb.accounts import Accounts  # noqa: PLC0415  # see above

        told = self.secrets
        return Accounts(
            told.root_password,
            told.agent_password,
            user=told.user,
            password=told.password,
            database=told.database,
            sst_password=told.sst_password,
        )


def permits(decision: AgentDecision) -> bool:
    """Whether this pod may start its server."""
    return decision.action is not None


def let_go_first(answer: AwaitAnswer) -> None:
    """Where several pods are to join, wait for this one's turn; if a cluster is lost meanwhile, `take` notices."""
    if answer.decision.action is Action.JOIN:
        time.sleep(JOIN_APART_S * min(answer.turn, TURNS))


def on_start(starter: Starter) -> None:
    """Hold the lock while the agents decide; end when it is decided who starts first.

    What is left to wait for, the server's container does: it is ready then when its turn comes.  The report stays
    valid meanwhile; the agent watches the lock.
    """
    try:
        starter.lock_fd = lock.acquire_waiting(starter.layout.lock, time.monotonic() + LOCK_PATIENCE_S, lambda: None)
    except VolumeBusyError:
        # Init containers run again when a pod's sandbox is made anew; `start` will look again in any case.
        starter.say("a server is alive on this volume: nothing to decide")
        return
    client, _ = starter.permitted(lambda client: starter.wait(client, lambda decision: decision.is_settled))
    # The lock first: when the connection ends, the agent looks whether anything still lives on the volume.
    os.close(starter.lock_fd)
    client.close()


def start(starter: Starter, command: tuple[str, ...]) -> None:
    """Wait for the permission to start and become the server; the lock stays held across exec (R2, R19)."""
    check(command, starter.settings.cnf)
    starter.lock_fd = lock.acquire_waiting(
        starter.layout.lock, None, lambda: starter.say("waiting for what is alive on this volume to end")
    )
    _, permission = starter.permitted(starter.take)
    starter.execute(command, permission)


def check(command: tuple[str, ...], cnf: Path) -> None:
    """Refuse a command that could found a cluster, or run on other data, by itself; raises SettingInvalidError."""
    if forbidden := [word for word in command if OURS.fullmatch(plain(word))]:
        raise SettingInvalidError(f"{forbidden[0]} is this toolkit's to give: remove it from the command")
    ours = f"--defaults-file={cnf}"
    if elsewhere := [word for word in command if binlog.is_option(word)]:
        raise SettingInvalidError(f"{elsewhere[0]}: the recovery must know it, too: write it into a file of conf.d")
    others = [word for word in command if FILES.match(plain(word)) and word != ours]
    if others:
        raise SettingInvalidError(f"{others[0]}: the configuration is {ours}")
    if ours not in command:
        raise SettingInvalidError(f"{ours} is missing in the command: without it the server runs on other data")
    if command.count(ours) > 1 or command[command.index(ours) - 1].startswith("-"):
        raise SettingInvalidError(f"{ours} must be the server's first option, and there once")


def plain(word: str) -> str:
    """An option as the server understands it: any prefix of a name, any case of - and _, and some words before it.

    See my_getopt.c (`special_opt_prefix`): loose-, enable- and the like may stand before every option.
    """
    option = word.partition("=")[0].lower().replace("_", "-")
    return re.sub(r"^--(loose-|enable-|disable-|skip-|maximum-|autoset-)+", "--", option)


def starter(settings: Settings, say: Say, peers: tuple[str, ...] = ()) -> Starter:
    """A starter for this pod; raises SettingInvalidError."""
    directory = Directory.open(settings)
    secrets = read_secrets(settings.secrets_dir)
    return Starter(settings, secrets, directory, say, shown=directory.ordinals_of(peers))
