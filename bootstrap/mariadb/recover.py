"""The position that the server itself recovers: one run of `mariadbd --wsrep-recover`.

Knows how to ask the server.  Does not know what the answer means for the datadir.
"""

import subprocess
from pathlib import Path

from bootstrap.core.galera import recovery_log
from bootstrap.core.galera.server_version import Series
from bootstrap.core.model.disk import Position
from bootstrap.errors import RecoverFailedError
from bootstrap.process import child


class Recover:
    """How to ask the server for the recovered position."""

    def __init__(
        self,
        command: tuple[str, ...],
        *,
        keep_fds: tuple[int, ...] = (),
        direct: Series | None = None,
        timeout: float | None = None,
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
        self._version = ""

    def run(self, data: Path) -> Position | None:
        """Start the server with --wsrep-recover on the datadir and return the position (R25, R42); None = it has none.

        It is a real start: it runs InnoDB's crash recovery and creates files in an empty datadir.  It needs
        --skip-log-error, because log_error in the configuration would hide the position; --log-error=/dev/stderr would
        make a file /dev/stderr.err.  It needs --skip-networking, because it would bind the port.  It needs an empty
        --secure-file-priv, because the folder may not be there yet.
        Raises ServerMissingError, or RecoverFailedError with the line of the log that names the cause.
        """
        options = (
            "--wsrep-recover",
            "--skip-networking",
            "--skip-log-error",
            "--secure-file-priv=",
            f"--datadir={data}",
        )
        status, log = self._log_of((*self.command, *options))
        if status != 0:
            raise RecoverFailedError(
                f"mariadbd --wsrep-recover ended with status {status}: {recovery_log.find_cause(log)}"
            )
        return recovery_log.parse_position(log)

    def read_version(self) -> str:
        """Return the line with which the server prints its version, asked for once; empty if it prints none.

        Raises ServerMissingError.
        """
        # Without the configuration, because an option that this server does not know must not hide its version.
        self._version = self._version or read_output((self.command[0], "--no-defaults", "--version"))
        return self._version

    def read_arguments(self) -> str:
        """Return the options in the server's option files, as arguments; empty if it prints nothing.

        Raises ServerMissingError.
        """
        # It must be one of the first options, as --defaults-file (my_default.c, `get_defaults_options`).
        return read_output((*self.command[:2], "--print-defaults"))

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
