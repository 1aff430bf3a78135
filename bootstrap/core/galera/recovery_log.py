"""The position that `mariadbd --wsrep-recover` writes into its log.

Pure: the log's text in, a position out.  `mariadb.recover` starts the server and reads its log.
"""

import re

from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, Position
from bootstrap.core.model.shapes import UUID
from bootstrap.errors import RecoverFailedError

_LINE = re.compile(r"WSREP[:\]]+ Recovered position:?[ \t]*(.*)")
"""`WSREP: Recovered position: ...` of MariaDB, `[WSREP] Recovered position: ...` of MySQL 8."""

_POSITION = re.compile(rf"({UUID}):(-1|\d{{1,19}})(?:,([0-9,-]*))?\s*", re.ASCII | re.IGNORECASE)
"""uuid:seqno; with wsrep_gtid_mode a comma and GTIDs follow, which are not part of the position."""


def parse_position(log: str, status: int = 0) -> Position | None:
    """Return the position in the last line that has one; None if the server logs that it has no position.

    Raises RecoverFailedError if the server has failed, if there is no such line, or if the last one cannot be read.
    Then the position is unknown, which is not "none" and not 0: a server without wsrep_on or a provider ends with
    status 0 and no line.
    """
    if status != 0:
        raise RecoverFailedError(f"mariadbd --wsrep-recover ended with status {status}: {find_cause(log)}")
    lines = _LINE.findall(log)
    if not lines:
        raise RecoverFailedError(f"the server recovered no position: {find_cause(log)}")
    match = _POSITION.fullmatch(lines[-1])
    if match is None:
        raise RecoverFailedError(f"the recovered position cannot be read: {lines[-1][:120]!a}")
    uuid, seqno = match[1].lower(), int(match[2])
    if uuid == NIL_UUID and seqno == UNKNOWN_SEQNO:
        return None
    if uuid == NIL_UUID or seqno == UNKNOWN_SEQNO:
        raise RecoverFailedError(f"the recovered position is only half known: {uuid}:{seqno}")
    return Position(uuid, seqno)


def parse_gtids(log: str) -> str:
    """Return the GTIDs behind the position in the last line that has one; empty = without wsrep_gtid_mode."""
    lines = _LINE.findall(log)
    match = _POSITION.fullmatch(lines[-1]) if lines else None
    return (match[3] or "") if match else ""


_FOLLOWS = (
    "Aborting",
    "DDL_LOG: Failed",
    "Plugin initialization aborted",
    "Could not open mysql.plugin table",
    "Failed to initialize plugins",
    "Unknown/unsupported storage engine",
    "Parsing options for plugin",
    "Error while setting value",
    "registration as a ",
)
"""Errors that are only consequences of another one."""

_MAY_FOLLOW = (
    "init function returned error",
    "encryption plugin is not available",
    "Unable to create the shared innodb_temporary",
    "aria control file",
)
"""Errors that mostly are: of an unreadable key, a full disk, a live server.  Alone they are the cause."""


def find_cause(log: str) -> str:
    """Return the line of the log that most likely names the cause.

    It is the first error that is not a consequence: what follows it mostly follows from it.  If all are consequences,
    it is the first of them.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "[ERROR]" in line or line.startswith("Could not open")]
    causes = [line for line in errors if not any(text in line for text in _FOLLOWS)]
    causes = [line for line in causes if not any(text in line for text in _MAY_FOLLOW)] or causes
    skipped = [line for line in lines if "skipping position recovery" in line]
    chosen = (causes or skipped or errors or lines[-1:] or ["it wrote no log"])[0]
    return re.sub(r"^.*?\[(ERROR|Note)\] ", "", chosen)[:300]
