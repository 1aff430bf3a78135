"""The persistent state of a volume while its agent runs: opened once, written when it changes.

A journal that cannot be used is a reason that the agent gives to its peers, not its end: it is tried again.
"""

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.shapes import MAX_TEXT
from bootstrap.core.model.text import one_line
from bootstrap.errors import BootstrapError, JournalUnwritableError
from bootstrap.process.announcer import Announcer
from bootstrap.storage.journal import Journal, new_memory


class Persistence:
    """What this volume remembers, in memory and in its journal."""

    def __init__(self, journal: Journal, cluster_id: str, pod: str, announcer: Announcer) -> None:
        self.journal = journal
        self.owner = (cluster_id, pod)
        self.announcer = announcer
        self.state = PersistentState(cluster_id, pod, volume_id="")
        self.error = "the journal has not been opened yet"
        """Why no promise can be given and no start permitted; empty = nothing is wrong."""

    def open(self) -> None:
        """Read the journal, or begin it on a new volume."""
        try:
            self.state = self.journal.read() or new_memory(*self.owner)
            # Written as it was read: a volume that has become read-only is noticed before it is needed.
            self.journal.write(self.state)
            self.error = "" if (self.state.cluster_id, self.state.pod) == self.owner else self._foreign()
        except BootstrapError as exc:
            # Peers read it in this pod's state, and refuse a text that is not one line.
            self.error = one_line(str(exc), MAX_TEXT)

    def write(self, state: PersistentState) -> None:
        """Make this state durable before anything rests on it; raises JournalUnwritableError."""
        self.state = self.journal.write(state)

    def keep(self, state: PersistentState) -> None:
        """Remember what is true whether or not it reaches the disk; a failure is logged, and the next round retries."""
        if self.error or state == self.state:
            return
        failure = ""
        try:
            self.write(state)
        except JournalUnwritableError as exc:
            failure = str(exc)
        self.announcer.report_trouble("what was seen is not remembered", failure)

    def _foreign(self) -> str:
        """Why this volume is not ours to use (R35)."""
        other = "of another cluster" if self.state.cluster_id != self.owner[0] else f"of {self.state.pod}"
        return f"the volume is {other}: attach the right one"
