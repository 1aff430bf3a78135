"""The peers that a hook receives on stdin."""

import sys

from bootstrap.errors import SettingInvalidError
from peerfinder.core import peers
from peerfinder.errors import PeerFinderError


def read_peers() -> tuple[str, ...]:
    """Read the names on stdin, one a line; empty when it is a terminal.  Raises SettingInvalidError."""
    if sys.stdin is None or sys.stdin.isatty():
        return ()
    text = sys.stdin.read()
    try:
        return peers.parse(text) if text.strip() else ()
    except PeerFinderError as exc:
        raise SettingInvalidError(f"stdin: {exc}") from exc
