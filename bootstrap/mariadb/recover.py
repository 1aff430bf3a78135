"""The position that the server itself recovers: one run of `mariadbd --wsrep-recover`.

Knows how to ask the server.  Does not know what the answer means for the datadir.
"""

import subprocess
from pathlib import Path

from bootstrap.core.galera import option_files, recovery_log, server_options
from bootstrap.core.galera.server_version import Series
from bootstrap.core.model.disk import Position
from bootstrap.core.model.text import one_line
from bootstrap.core.obstacles import held_options
from bootstrap.errors import OptionsRefusedError, RecoverFailedError
from bootstrap.mariadb.option_files import OptionFiles, read
from bootstrap.process import child
from bootstrap.process.log import Log

SHOWN_LINES = 20
"""So many lines of a failed recovery's log are shown: the cause is one of the last."""

CHECK_S = 60.0
"""The server checks its options in 0.1 s."""


class Recover:
    """How to ask the server for the recovered position."""

    def __init__(  # noqa: PLR0913  # each is one property of the server
        self,
        command: tuple[str, ...],
        *,
        keep_fds: tuple[int, ...] = (),
        direct: Series | None = None,
        timeout: float | None = None,
        more: tuple[str, ...] = (),
        log: Log = lambda _: None,
    ) -> None:
        self.command = command
        """The server and its --defaults-file: the configuration of the later start, or InnoDB may rebuild its log."""
        self.keep_fds = keep_fds
        """Descriptors that the server inherits: the volume's lock, so that the server still holds it if this process is
        killed."""
        self.direct = direct
        """A human allows the server to open data of this series and to skip the series in between; None = of none."""
        self.timeout = timeout
        """Seconds until the server is killed; None = as long as InnoDB's recovery takes."""
        self.more = more
        """The arguments of the later start that stand in no file."""
        self.log = log
        """Where the log of a recovery that has failed is shown."""
        self.gtids = ""
        """The GTIDs at the position of the last `run`; empty = its server keeps none."""
        self._version = ""
        self._accepted: OptionFiles | None = None

    def why_refused(self) -> str:
        """Why this server must not be started with its options: its own complaint, or that they are held.

        Empty = they are good.  It is not asked again while the files are the same as when it took them.  It opens no
        data.  Raises ServerMissingError.
        """
        files = self.read_files()
        if files == self._accepted:
            return ""
        why = self._check_parsed(files) or self._check_held(files)
        self._accepted = None if why else files
        return why

    def _check_parsed(self, files: OptionFiles) -> str:
        """The server's own check; the folder for files need not be there yet, as in `run`."""
        command = (*self.command, *self.more, "--secure-file-priv=", "--verbose", "--help")
        try:
            server = child.run(command, stdout=subprocess.DEVNULL, timeout=CHECK_S)
        except subprocess.TimeoutExpired:
            return f"mariadbd has not checked its options within {CHECK_S:.0f} s: nothing was started"
        complaint = option_files.find_complaint(server.errors, server.status)
        if not complaint:
            return ""
        line = option_files.find_named(complaint, files.lines)
        place = f" ({line.place})" if line else ""
        return f"mariadbd refuses its options: {one_line(complaint, 200)}{place}: correct it; nothing was started"

    def _check_held(self, files: OptionFiles) -> str:
        """Options that the server would take, and must not get."""
        found = held_options.find_held((*self.read_arguments(), *self.more))
        if found is None:
            return ""
        lines = [line for line in files.lines if held_options.is_spelled(found.held.option, line.argument)]
        place = lines[-1].place if lines else "in the command"
        return f"{one_line(found.text, 200)} ({place}): {found.held.why}; remove it; nothing was started"

    def read_files(self) -> OptionFiles:
        """The option files as they are now; their first one is in the argument --defaults-file."""
        files = [argument.partition("=")[2] for argument in self.command if argument.startswith("--defaults-file=")]
        return read(Path(files[0])) if files else OptionFiles()

    def run(self, data: Path) -> Position | None:
        """Start the server with --wsrep-recover on the datadir and return the position (R25, R42); None = it has none.

        It is a real start: it runs InnoDB's crash recovery and creates files in an empty datadir.  It needs
        --skip-log-error, because log_error in the configuration would hide the position; --log-error=/dev/stderr would
        make a file /dev/stderr.err.  It needs --skip-networking, because it would bind the port.  It needs an empty
        --secure-file-priv, because the folder may not be there yet.
        Raises ServerMissingError, OptionsRefusedError, or RecoverFailedError with the line of the log that names the
        cause.
        """
        if why := self.why_refused():
            raise OptionsRefusedError(why)
        options = (
            "--wsrep-recover",
            "--skip-networking",
            "--skip-log-error",
            "--secure-file-priv=",
            f"--datadir={data}",
        )
        status, log = self._log_of((*self.command, *options))
        self.gtids = recovery_log.parse_gtids(log)
        try:
            return recovery_log.parse_position(log, status)
        except RecoverFailedError:
            self._show(log)
            raise

    def _show(self, log: str) -> None:
        """Show the last lines of the server's log: one line of it is not always enough."""
        for line in log.splitlines()[-SHOWN_LINES:]:
            self.log(f"mariadbd --wsrep-recover: {one_line(line)}")

    def read_version(self) -> str:
        """Return the line with which the server prints its version, asked for once; empty if it prints none.

        Raises ServerMissingError.
        """
        # Without the configuration, because an option that this server does not know must not hide its version.
        self._version = self._version or read_output((self.command[0], "--no-defaults", "--version"))
        return self._version

    def read_arguments(self) -> tuple[str, ...]:
        """Return the options in the server's option files, as arguments; none if it prints nothing.

        Raises ServerMissingError.
        """
        # It must be one of the first options, as --defaults-file (my_default.c, `get_defaults_options`).
        return server_options.split_printed(read_output((*self.command[:2], "--print-defaults")))

    def _log_of(self, command: tuple[str, ...]) -> tuple[int, str]:
        """Return the server's exit status and its log; it is killed if this call fails."""
        try:
            server = child.run(command, stdout=subprocess.DEVNULL, keep_fds=self.keep_fds, timeout=self.timeout)
        except subprocess.TimeoutExpired as error:
            raise RecoverFailedError(f"mariadbd --wsrep-recover took over {self.timeout} s") from error
        return server.status, server.errors


def read_output(command: tuple[str, ...]) -> str:
    """Return the output of a server that only prints and ends; empty if it fails.  Raises ServerMissingError."""
    try:
        server = child.run(command, timeout=60)
    except subprocess.TimeoutExpired:
        return ""
    return server.output.strip() if server.status == 0 else ""
