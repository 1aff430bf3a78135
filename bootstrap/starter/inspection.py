"""What a starter knows of the datadir, and when it has to look again."""

from hashlib import sha256

from bootstrap.core.model.disk import DataClass, Disk, JournalHints, Obstacle
from bootstrap.datadir import inspection, prepare, restore_marker
from bootstrap.errors import RecoverFailedError
from bootstrap.mariadb.recover import Recover
from bootstrap.process.log import Log
from bootstrap.starter import obstacles
from bootstrap.starter.obstacles import Needs
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout


class ReportOutdatedError(Exception):
    """What was reported of the datadir may not be true any more: it must be reported again."""


class Inspection:
    """The datadir of this pod, as it was inspected last; the volume's lock is held."""

    def __init__(self, layout: Layout, recover: Recover, log: Log) -> None:
        self.layout = layout
        self.recover = recover
        """How to ask this image's server."""
        self.log = log
        self.hints = JournalHints()
        """What the journal knows of the datadir, from the agent."""
        self.disk: Disk | None = None
        """What the datadir holds; None = it has not been inspected yet, or it must be inspected again."""
        self.fingerprint = ""
        """The datadir's fingerprint at that time."""
        self.is_backup = False
        """Whether the datadir was restored from a backup and still has the backup's history."""
        self.needs: Needs | None = None
        """What the start needs that was last about to be made."""

    def ensure(self, hints: JournalHints, reported: Disk | None, fingerprint: str) -> Disk:
        """Return what the datadir holds, and inspect it only if that is not known.

        `reported` is the report of an earlier starter, and `fingerprint` is the datadir's at that time.
        """
        self.hints = hints
        return self.disk or self._keep(self._reusable(reported, fingerprint) or self._inspect())

    def inspect_again(self) -> Disk | None:
        """Inspect a datadir again that could not be read; None = the result is the same, or it could be read before."""
        if self.disk is None or self.disk.data_class is not DataClass.UNKNOWN:
            return None
        disk = self._inspect()
        return self._keep(disk) if disk != self.disk._replace(obstacle=None) else None

    def check_unchanged(self) -> None:
        """Compare the datadir with the one that was reported: a human may have put another one there.

        Raises ReportOutdatedError if it is another one: it must be inspected before the report is valid again.
        """
        if self.compute_fingerprint() != self.fingerprint:
            self.disk = None
            raise ReportOutdatedError("the datadir or the options have changed")

    def compute_fingerprint(self) -> str:
        """Return a text that changes when the datadir does, or your own options.

        Some options stop a server, and its recovery, that its parser has accepted: such data are recovered again.
        """
        yours = self.recover.read_files().texts[1:]
        return f"{inspection.compute_fingerprint(self.layout)} options={sha256(repr(yours).encode()).hexdigest()[:16]}"

    def check_start(self, needs: Needs) -> None:
        """Look for what stands in the way of this start, before the permission is taken.

        Raises ReportOutdatedError if that was not reported.
        """
        self.needs = needs
        self._compare_obstacle()

    def look_again(self) -> None:
        """Look whether a reported obstacle is still there; raises ReportOutdatedError if not, or if it is another."""
        if self.disk is not None and self.disk.obstacle is not None:
            self._compare_obstacle()

    def _compare_obstacle(self) -> None:
        obstacle = self._find_obstacle()
        if self.disk is None or obstacle == self.disk.obstacle:
            return
        # Without a recovery nothing is known of the data; else only the obstacle is another one.
        is_read = self.disk.data_class is not DataClass.UNKNOWN
        self.disk = self.disk._replace(obstacle=obstacle) if is_read else None
        raise ReportOutdatedError(obstacle.why if obstacle else "what stood in the way of a start is gone")

    def _find_obstacle(self) -> Obstacle | None:
        return obstacles.find(self.layout, self.recover, self.needs)

    def put_aside(self, *, delete: bool) -> None:
        """Rename a discarded datadir on the same volume, or remove it.

        Raises ReportOutdatedError in any case: what is there now must be reported.
        """
        position = self.disk.position if self.disk else None
        self.disk = None
        try:
            kept = prepare.discard(self.layout, position, delete=delete)
        except OSError as exc:
            raise ReportOutdatedError(f"the datadir cannot be put aside ({exc.strerror}: {exc.filename})") from exc
        raise ReportOutdatedError(f"the datadir was {f'put aside as {kept}' if kept else 'removed'}")

    def _reusable(self, reported: Disk | None, fingerprint: str) -> Disk | None:
        """The earlier report, if that starter could read the datadir and nothing has written to it since.

        That starter may have had another image: this image's server must be able to read the datadir, too.
        """
        if reported is None or reported.data_class is DataClass.UNKNOWN:
            return None
        if fingerprint != self.compute_fingerprint():
            return None
        try:
            return None if inspection.why_unreadable(self.layout, self.recover, is_new=self.hints.is_new) else reported
        except (OSError, RecoverFailedError):
            return None

    def _inspect(self) -> Disk:
        """Inspect the datadir; the position comes from the server's own recovery."""
        if self.hints.joining:
            # rsync does not fsync. It is done here, because a bootstrap ends the open join without a new inspection.
            try:
                atomic.sync_volume(self.layout.data_root)
            except OSError as exc:
                return Disk(DataClass.UNKNOWN, detail=f"{self.layout.data_root} cannot be synced: {exc.strerror}")
        found = inspection.inspect(self.layout, self.recover, self.hints)
        disk = restore_marker.apply_marker(found, restore_marker.read(self.layout.meta))
        self.is_backup = disk is not found
        return disk

    def _keep(self, disk: Disk) -> Disk:
        """Keep and log the result of an inspection."""
        disk = disk._replace(obstacle=self._find_obstacle())
        self.disk, self.fingerprint = disk, self.compute_fingerprint()
        self.log(f"datadir is {disk.data_class}{f' at {disk.position}' if disk.position else ''}: {disk.detail}")
        return disk
