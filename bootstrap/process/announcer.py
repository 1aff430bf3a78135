"""Says what lasts only when it changes: what is tried again in every round may fail for days."""

from collections.abc import Callable


class Announcer:
    """Remembers the last line of each subject."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self._last: dict[str, str] = {}

    def say_when_changed(self, subject: str, line: str) -> bool:
        """Log the line unless it is the last one of this subject; an empty one is remembered and not logged.

        Says whether it has changed.
        """
        if line == self._last.get(subject, ""):
            return False
        self._last[subject] = line
        if line:
            self.log(line)
        return True

    def report_trouble(self, what: str, failure: str) -> None:
        """Log what is in the way, and that it is solved; `failure` is empty where there is none."""
        before = self._last.get(what, "")
        if failure != before:
            self._last[what] = failure
            self.log(f"{what}: {failure or 'solved'}")
