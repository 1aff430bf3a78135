"""Report, wait, act: what `on-start` and `start` share.

A starter holds the volume's lock from before it looks at the datadir.  It reports what it found as frozen, waits for
the agent's verdict, and `start` then acts on it: the permission is taken once, right before the exec that it is for.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.control import channel
from bootstrap.core.galera import binlog, server_options
from bootstrap.core.model.codec import Json, dump, load
from bootstrap.core.model.disk import DataClass, Disk, JournalHints, Position
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
from peerfinder.errors import PeerFinderError

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

Say = Callable[[str], None]


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
    hello: Json = field(default_factory=dict)
    """What the agent knows of the volume, as it said when it was last reported to."""
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
        hello = client.ask("hello")
        ordinals = ordinals_in(hello) | self.shown
        pod_config.write(self.settings, self.secrets.cluster_id, self.directory, ordinals, addresses_in(hello))
        disk = self.disk or self.found(self.known(hello) or self.inspect(hello))
        client.ask("report", disk=dump(disk), fingerprint=self.fingerprint)
        self.hello = hello

    def known(self, hello: Json) -> Disk | None:
        """The report of an earlier starter, if it found something and nothing has written to the datadir since.

        That one may have had another image: what it could read must be readable here, too.
        """
        told = load(Disk, hello["disk"]) if hello.get("disk") else None
        if told is None or told.data_class is DataClass.UNKNOWN:
            return None
        if hello.get("fingerprint") != inspection.fingerprint(self.layout):
            return None
        try:
            return None if inspection.unreadable(self.layout, self.recover) else told
        except (OSError, RecoverFailedError):
            return None

    @cached_property
    def recover(self) -> Recover:
        """How to ask this image's server; the lock must be held."""
        command = (self.settings.mariadbd, f"--defaults-file={self.settings.cnf}")
        return Recover(command, keep_fds=(self.lock_fd,), direct=self.settings.upgrade_from)

    def inspect(self, hello: Json) -> Disk:
        """Look at the datadir; the server's own recovery tells the position."""
        if hello.get("joining"):
            # rsync does not; and the mark is closed without another look if this pod is to bootstrap.
            try:
                atomic.sync_volume(self.settings.data_root)
            except OSError as exc:
                return Disk(DataClass.UNKNOWN, detail=f"{self.settings.data_root} cannot be synced: {exc.strerror}")
        disk = inspection.inspect(self.layout, self.recover, hints_in(hello))
        seen = restore_marker.apply_marker(disk, restore_marker.read(self.layout.meta))
        self.from_backup = seen is not disk
        return seen

    def found(self, disk: Disk) -> Disk:
        """Take over what a look at the datadir has found, and tell it."""
        self.disk, self.fingerprint = disk, inspection.fingerprint(self.layout)
        self.say(f"datadir is {disk.data_class}{f' at {disk.position}' if disk.position else ''}: {disk.detail}")
        return disk

    def wait(self, client: channel.Client, enough: Callable[[Json], bool]) -> Json:
        """Wait for a verdict that is enough; every other one is told when it changes.

        Raises LookAgainError when what was reported may not be true any more.
        """
        told, looked = "", time.monotonic()
        while True:
            verdict = client.ask("await")
            line = f"{verdict['kind']}: {verdict['reason']} [{verdict['rule']}]"
            if line != told:
                self.say(line)
                told = line
            if enough(verdict):
                return verdict
            self.compare()
            if self.from_backup and verdict["rule"] == "own-disk":
                self.speak_for_the_restored()
            if errand := verdict.get("errand"):
                self.put_aside(delete=errand == "delete")
            if time.monotonic() - looked > LOOK_AGAIN_S:
                self.look_again(client)
                looked = time.monotonic()

    def speak_for_the_restored(self) -> None:
        """Say `adopt` for data that a human has restored: the order to restore them was that word.

        The agent takes it as from any operator: only when all other pods answer, are empty and were never members.
        """
        client = channel.Client(self.settings.agent_socket)
        try:
            told = client.ask("force", epoch=None, without=[], although=[], adopt=True)
            if not told["refusal"]:
                told = client.ask("force", epoch=told["epoch"], without=[], although=[], adopt=True)
        finally:
            client.close()
        line = str(told["refusal"]) or "all others are empty: the restored data start a new history"
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
        if self.disk is None or self.disk.data_class is not DataClass.UNKNOWN:
            return
        disk = self.inspect(self.hello)
        if disk != self.disk:
            client.ask("report", disk=dump(self.found(disk)), fingerprint=self.fingerprint)

    def take(self, client: channel.Client) -> Json:
        """Wait for a permission and take it; a verdict that has changed by then is waited for again."""
        while True:
            let_go_first(self.wait(client, permits))
            self.compare()
            answer = client.ask("take")
            if permits(answer):
                return answer

    def permitted(self, ask: Callable[[channel.Client], Json]) -> tuple[channel.Client, Json]:
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

    def execute(self, command: tuple[str, ...], permission: Json) -> None:
        """Consume the permission, make the datadir ready for what was permitted and become the server."""
        options = []
        disk = self.disk or Disk(DataClass.UNKNOWN)
        if permission["action"] == Action.BOOTSTRAP:
            permission_file.consume(self.settings.permission, int(str(permission["term"])))
            options.append("--wsrep-new-cluster")
        if disk.position and disk.data_class in STARTABLE and not permission["forced"]:
            # Without it a crashed joiner takes a full state transfer, and a crashed winner a new uuid.
            options.append(f"--wsrep_start_position={disk.position}")
        try:
            self.make_ready(disk, permission)
            provenance.note(self.layout.meta, self.recover.version())
            arguments = self.recover.arguments()
            provenance.note_binlog(self.layout.meta, binlog.options(arguments))
        except OSError as exc:
            raise DatadirNotReadyError(
                f"the datadir cannot be made ready ({exc.strerror}: {exc.filename}): nothing is started"
            ) from exc
        if permission["action"] == Action.JOIN and (
            donor := server_options.donor_option(donors_in(permission), arguments)
        ):
            options.append(donor)
        self.say(f"starting: {' '.join([*command, *options])}")
        try:
            os.execvp(command[0], [*command, *options])  # noqa: S606  # replacing this process is the point
        except OSError as exc:
            raise ServerMissingError(
                f"{command[0]} cannot be executed ({exc.strerror}): use an image that has it"
            ) from exc

    def make_ready(self, disk: Disk, permission: Json) -> None:
        """Bring the state files into the form that the permitted start needs; raises OSError."""
        if permission["action"] == Action.JOIN:
            self.layout.data.mkdir(mode=0o700, exist_ok=True)
            prepare.clean_for_join(self.layout, disk)
            restore_marker.forget(self.layout.meta)
        elif permission["first"]:
            self.create(disk)
        elif permission["forced"]:
            if permission["adopt"]:
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


def hints_in(hello: Json) -> JournalHints:
    """What the journal knows of the datadir, from the agent's answer."""
    return JournalHints(
        joining=bool(hello.get("joining")),
        initialised=bool(hello.get("initialised")),
        same_boot=bool(hello.get("same_boot")),
        base=base_in(hello),
    )


def base_in(hello: Json) -> Position | None:
    """Where a new history was permitted to begin on this volume that has not been seen since."""
    told = hello.get("base")
    return Position(str(told["uuid"]), int(told["seqno"])) if isinstance(told, dict) else None


def ordinals_in(answer: Json) -> frozenset[int]:
    """The ordinals that the agent expects, from its answer."""
    told = answer.get("ordinals")
    return frozenset(int(o) for o in told) if isinstance(told, list) else frozenset()


def addresses_in(answer: Json) -> dict[str, str]:
    """Where pods are, as the agent has just found out; who is in the list must not hang on a second look at DNS."""
    told = answer.get("addresses")
    return {pod: str(address) for pod, address in told.items()} if isinstance(told, dict) else {}


def donors_in(answer: Json) -> tuple[str, ...]:
    """Whom to ask for the data first, from the agent's answer."""
    told = answer.get("donors")
    return tuple(str(pod) for pod in told) if isinstance(told, list) else ()


def permits(verdict: Json) -> bool:
    """Whether this pod may start its server."""
    return bool(verdict.get("action"))


def let_go_first(verdict: Json) -> None:
    """Where several pods are to join, wait for this one's turn; if a cluster is lost meanwhile, `take` tells."""
    turn = verdict.get("turn")
    if verdict["action"] == Action.JOIN and isinstance(turn, int):
        time.sleep(JOIN_APART_S * min(turn, TURNS))


def decides(verdict: Json) -> bool:
    """Whether it is decided who starts first: this pod may start, or is bound by a promise, its own or another's."""
    return permits(verdict) or (verdict["kind"] == "wait" and bool(verdict["term"]))


def on_start(starter: Starter) -> None:
    """Hold the lock while the agents decide; end when it is decided who starts first.

    What is left to wait for, the server's container does: it is ready then when its turn comes.  The report stays
    valid meanwhile; the agent watches the lock.
    """
    try:
        starter.lock_fd = lock.acquire_waiting(starter.settings.lock, time.monotonic() + LOCK_PATIENCE_S, lambda: None)
    except VolumeBusyError:
        # Init containers run again when a pod's sandbox is made anew; `start` will look again in any case.
        starter.say("a server is alive on this volume: nothing to decide")
        return
    client, _ = starter.permitted(lambda client: starter.wait(client, decides))
    # The lock first: when the connection ends, the agent looks whether anything still lives on the volume.
    os.close(starter.lock_fd)
    client.close()


def start(starter: Starter, command: tuple[str, ...]) -> None:
    """Wait for the permission to start and become the server; the lock stays held across exec (R2, R19)."""
    check(command, starter.settings.cnf)
    starter.lock_fd = lock.acquire_waiting(
        starter.settings.lock, None, lambda: starter.say("waiting for what is alive on this volume to end")
    )
    _, permission = starter.permitted(starter.take)
    starter.execute(command, permission)


def check(command: tuple[str, ...], cnf: Path) -> None:
    """Refuse a command that could found a cluster, or run on other data, by itself; raises SettingInvalidError."""
    if reserved := [argument for argument in command if server_options.is_reserved(argument)]:
        raise SettingInvalidError(f"only this toolkit may give {reserved[0]}: remove it from the command")
    ours = f"--defaults-file={cnf}"
    if of_binlog := [argument for argument in command if binlog.is_option(argument)]:
        raise SettingInvalidError(f"{of_binlog[0]}: the recovery needs it, too: write it into a file in conf.d")
    others = [argument for argument in command if server_options.chooses_files(argument) and argument != ours]
    if others:
        raise SettingInvalidError(f"{others[0]}: the configuration is {ours}")
    if ours not in command:
        raise SettingInvalidError(f"{ours} is missing in the command: without it the server runs on other data")
    if command.count(ours) > 1 or command[command.index(ours) - 1].startswith("-"):
        raise SettingInvalidError(f"{ours} must be the server's first option, and there once")


def starter(settings: Settings, say: Say, peers: tuple[str, ...] = ()) -> Starter:
    """A starter for this pod; raises SettingInvalidError."""
    try:
        directory = Directory(settings)
    except PeerFinderError as exc:
        raise SettingInvalidError(str(exc)) from exc
    secrets = read_secrets(settings.secrets_dir)
    return Starter(settings, secrets, directory, say, shown=directory.ordinals_of(peers))
