"""The files of the Secret, read once and never shown."""

import re
from pathlib import Path
from typing import NamedTuple

from bootstrap.errors import SettingInvalidError

AGENT = "galera_agent"
"""The account of `agent-password`."""

TRANSFER = "galera_sst"
"""The account of `sst-password`."""

SST_PASSWORD = re.compile(r"[A-Za-z0-9._-]{16,80}", re.ASCII)


class Secrets(NamedTuple):
    """The files of the Secret."""

    cluster_id: str
    """`cluster-id`: names the cluster; generated once."""
    keys: tuple[bytes, ...]
    """`exchange-key`, then `exchange-key-previous` while the key is rotated."""
    agent_password: str
    """`agent-password`: of the account with which the agent reads the server's status."""
    root_password: str
    """`root-password`: of root@localhost, set by the first initialisation."""
    user: str | None = None
    """`user`: an application's account, created by the first initialisation."""
    password: str | None = None
    """`password`: of that account."""
    database: str | None = None
    """`database`: its database."""
    sst_password: str | None = None
    """`sst-password`: of the account with which mariadb-backup reads a donor."""

    def __repr__(self) -> str:
        """Show no secret."""
        return "Secrets(...)"


def read_secrets(folder: Path) -> Secrets:
    """Read the Secret's files; a final newline is not part of a secret.  Raises SettingInvalidError."""
    previous = _read(folder, "exchange-key-previous", required=False)
    keys = [_read(folder, "exchange-key"), *([previous] if previous else [])]
    if any(len(key) < 16 for key in keys):
        raise SettingInvalidError(f"{folder}/exchange-key is shorter than 16 characters: generate a random one")
    return Secrets(
        cluster_id=_read(folder, "cluster-id"),
        keys=tuple(key.encode() for key in keys),
        agent_password=_read(folder, "agent-password"),
        root_password=_read(folder, "root-password"),
        user=_read(folder, "user", required=False) or None,
        password=_read(folder, "password", required=False) or None,
        database=_read(folder, "database", required=False) or None,
        sst_password=read_sst_password(folder, required=False),
    )


def read_sst_password(folder: Path, *, required: bool) -> str | None:
    """Read the password of mariadb-backup's transfers, for my-galera.cnf; raises SettingInvalidError."""
    value = _read(folder, "sst-password", required=required)
    if value and not SST_PASSWORD.fullmatch(value):
        raise SettingInvalidError(
            f"the secret {folder}/sst-password is written into an option file: use 16 to 80 of A-Z a-z 0-9 . _ -"
        )
    return value or None


def read_secret(folder: Path, name: str) -> str:
    """Read one required secret, in a pod that has no others; raises SettingInvalidError."""
    return _read(folder, name)


def _read(folder: Path, name: str, *, required: bool = True) -> str:
    path = folder / name
    try:
        value = path.read_text().removesuffix("\n").removesuffix("\r")
    except FileNotFoundError:
        value = ""
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not text"
        raise SettingInvalidError(f"the secret {path} cannot be read ({reason}): check the Secret's mode") from exc
    if required and not value:
        raise SettingInvalidError(f"the secret {path} is missing or empty: fill in the key of the Secret")
    if not value.isprintable():
        raise SettingInvalidError(f"the secret {path} contains control characters: write it without line breaks")
    return value
