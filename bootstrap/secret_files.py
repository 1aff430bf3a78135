"""The files of the Secret, read once and never shown."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bootstrap.errors import SettingInvalidError

AGENT = "galera_agent"
"""The account of `agent-password`."""

TRANSFER = "galera_sst"
"""The account of `sst-password`."""

SHORTEST_KEY = 16
"""Characters of a key that seals what agents say to each other."""

SST_PASSWORD = re.compile(r"[A-Za-z0-9._-]{16,80}", re.ASCII)


class AgentSecrets(NamedTuple):
    """What the agent needs of the Secret."""

    cluster_id: str
    """`cluster-id`: names the cluster; generated once."""
    keys: tuple[bytes, ...]
    """`exchange-key`, then `exchange-key-previous` while the key is rotated."""
    agent_password: str
    """`agent-password`: of the account with which the agent reads the server's status."""

    def __repr__(self) -> str:
        """Show no secret."""
        return "AgentSecrets(...)"


KEYS = (
    *("exchange-key", "exchange-key-previous", "cluster-id", "agent-password", "root-password", "sst-password"),
    *("user", "password", "database"),
)
"""The names of the files that a pod reads; a setting gives one of them another name."""


class SecretFolder(NamedTuple):
    """Where the files of the Secret are."""

    path: Path
    names: Mapping[str, str] = {}
    """Our name of a file -> its name there, where that differs."""

    def file(self, key: str) -> Path:
        """The path of one of KEYS."""
        return self.path / self.names.get(key, key)


class Application(NamedTuple):
    """An account of an application, and the databases on which it has all privileges."""

    name: str
    """The first part of its files' names; empty = the one of `user`, `password` and `database`."""
    user: str | None
    password: str
    databases: tuple[str, ...]

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Application({self.name!r}, ...)"


class ServerSecrets(NamedTuple):
    """What the containers with a server need of the Secret: not the agents' key, because clients reach this server."""

    cluster_id: str
    """`cluster-id`: names the cluster; generated once."""
    agent_password: str
    """`agent-password`: of the agent's account, set by the first initialisation."""
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
    more: tuple[Application, ...] = ()
    """`NAME.password`, `NAME.user` and `NAME.database`: further applications."""

    def __repr__(self) -> str:
        """Show no secret."""
        return "ServerSecrets(...)"


def read_agent_secrets(folder: SecretFolder) -> AgentSecrets:
    """Read what the agent needs; a final newline is not part of a secret.

    Raises SettingInvalidError with all complaints at once.
    """
    files = _Files(folder)
    previous = files.read("exchange-key-previous", required=False)
    keys = [files.read("exchange-key"), *([previous] if previous else [])]
    found = AgentSecrets(files.read("cluster-id"), tuple(key.encode() for key in keys), files.read("agent-password"))
    if any(0 < len(key) < SHORTEST_KEY for key in keys):
        files.complaints.append(
            f"{folder.file('exchange-key')} is shorter than {SHORTEST_KEY} characters: generate a random one"
        )
    files.check()
    return found


def read_server_secrets(folder: SecretFolder) -> ServerSecrets:
    """Read what a container with a server needs; a final newline is not part of a secret.

    Raises SettingInvalidError with all complaints at once.
    """
    files = _Files(folder)
    found = ServerSecrets(
        cluster_id=files.read("cluster-id"),
        agent_password=files.read("agent-password"),
        root_password=files.read("root-password"),
        user=files.read("user", required=False) or None,
        password=files.read("password", required=False) or None,
        database=files.read("database", required=False) or None,
        sst_password=files.read_sst_password(required=False) or None,
        more=files.read_applications(),
    )
    files.check()
    return found


def read_sst_password(folder: SecretFolder, *, required: bool) -> str | None:
    """Read the password of mariadb-backup's transfers, for my-galera.cnf; raises SettingInvalidError."""
    files = _Files(folder)
    value = files.read_sst_password(required=required)
    files.check()
    return value or None


def read_secret(folder: SecretFolder, name: str) -> str:
    """Read one required secret, where no others are needed; raises SettingInvalidError."""
    files = _Files(folder)
    value = files.read(name)
    files.check()
    return value


class _Files:
    """The files of one folder, and what is wrong with them."""

    def __init__(self, folder: SecretFolder) -> None:
        self.folder = folder
        self.complaints: list[str] = []

    def read(self, name: str, *, required: bool = True) -> str:
        return self.read_file(self.folder.file(name), required=required)

    def read_file(self, path: Path, *, required: bool = True) -> str:
        try:
            value = path.read_text().removesuffix("\n").removesuffix("\r")
        except FileNotFoundError:
            value = ""
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not text"
            self.complaints.append(f"the secret {path} cannot be read ({reason}): check the Secret's mode")
            return ""
        if required and not value:
            self.complaints.append(f"the secret {path} is missing or empty: fill in the key of the Secret")
        if not value.isprintable():
            self.complaints.append(f"the secret {path} contains control characters: write it without line breaks")
        return value

    def read_sst_password(self, *, required: bool) -> str:
        value = self.read("sst-password", required=required)
        if value and not SST_PASSWORD.fullmatch(value):
            self.complaints.append(
                f"the secret {self.folder.file('sst-password')} is written into an option file: use 16 to 80 of "
                "A-Z a-z 0-9 . _ -"
            )
        return value

    def read_applications(self) -> tuple[Application, ...]:
        """Read the further applications: NAME.password, and if the user or the databases are not NAME, those.

        A file of one of KEYS may have such a name, too; an application with no database has an empty NAME.database.
        """
        ours = set(self.folder.names.values())
        try:
            names = {path.name for path in self.folder.path.iterdir() if not path.name.startswith(".")} - ours
        except OSError:
            return ()  # what is required is missed by name
        found = []
        for part in sorted(name.removesuffix(".password") for name in names if name.endswith(".password")):
            user, databases = self.folder.path / f"{part}.user", self.folder.path / f"{part}.database"
            listed = self.read_file(databases, required=False) if databases.name in names else part
            found.append(
                Application(
                    part,
                    self.read_file(user) if user.name in names else part,
                    self.read_file(self.folder.path / f"{part}.password"),
                    tuple(word.strip() for word in listed.split(",") if word.strip()),
                )
            )
        return tuple(found)

    def check(self) -> None:
        """Raise SettingInvalidError with all complaints."""
        if self.complaints:
            raise SettingInvalidError("; ".join(self.complaints))
