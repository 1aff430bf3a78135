"""The accounts of a database, and the statements that create them.  Pure."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Self

from bootstrap.core.galera.gvwstate import MEMBERS_TABLE
from bootstrap.errors import SettingInvalidError
from bootstrap.secret_files import AGENT, TRANSFER, Application

AGENT_RIGHTS = "SHUTDOWN, CONNECTION ADMIN, RELOAD, SUPER"
"""The agent stops a live server that cannot become Primary again, and it must be able to ask a server that has no free
connection.  FLUSH SSL loads new certificates, and so does an option of the provider, which needs SUPER.  For SHOW
GLOBAL STATUS it needs no privilege (MariaDB manual, "SHOW STATUS")."""


TRANSFER_RIGHTS = "RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR"
"""What mariadb-backup needs (MariaDB manual, "mariadb-backup Overview", Authentication and Privileges)."""


_RESERVED = ("root", "mariadb.sys", AGENT, TRANSFER)


_BEGIN = (
    "SET SESSION sql_mode=''",
    # Under --bootstrap the grant tables are not loaded, and no account can be created before they are.
    "FLUSH PRIVILEGES",
)


GRANT_ROOT = "GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION"


_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of the first database; raises SettingInvalidError, which never shows a password."""

    root_password: str = field(repr=False)
    """The password of root@localhost, the only root."""
    agent_password: str = field(repr=False)
    """The password of the agent's account, which may log in only from this pod."""
    user: str | None = None
    """An application's account, from any host."""
    password: str | None = field(default=None, repr=False)
    """Its password."""
    database: str | None = None
    """A database to create, on which the user gets all privileges."""
    sst_password: str | None = field(default=None, repr=False)
    """The password of the account with which mariadb-backup reads a donor; None = there is no such account."""
    more: tuple[Application, ...] = field(default=(), repr=False)
    """Accounts of further applications."""

    def __post_init__(self) -> None:
        passwords = {
            "root-password": self.root_password,
            "agent-password": self.agent_password,
            "password": self.password,
            "sst-password": self.sst_password,
            **{f"{application.name}.password": application.password for application in self.more},
        }
        for name, value in passwords.items():
            if value is not None and (not value or re.search(r"[\0\r\n]", value)):
                raise SettingInvalidError(f"{name} is empty or has a line break or a NUL: it must be one line of text")
        if (self.user is None) != (self.password is None):
            raise SettingInvalidError("user and password belong together: give both or neither")
        users = [application.user for application in self.applications if application.user is not None]
        for user in users:
            if not re.fullmatch(r"[^\0-\x1f\x7f]{1,80}", user) or user in _RESERVED:
                raise SettingInvalidError(f"user {user!a} cannot be an application's account: choose another name")
            if users.count(user) > 1:
                raise SettingInvalidError(f"user {user!a} is there twice: give each application its own")
        for database in (name for application in self.applications for name in application.databases):
            if not _DATABASE.fullmatch(database):
                raise SettingInvalidError(f"database {database!a}: use letters, digits and _ $ -, at most 64")

    @property
    def applications(self) -> tuple[Application, ...]:
        """All applications, also the first one if it has only an account or only a database."""
        databases = () if self.database is None else (self.database,)
        return (Application("", self.user, self.password or "", databases), *self.more)

    def without_applications(self) -> Self:
        """The accounts of this toolkit alone."""
        return replace(self, user=None, password=None, database=None, more=())


def build_adoption_sql(accounts: Accounts) -> str:
    """Return the statements for a database that has its own accounts; run twice, they do the same as once."""
    root = f"'root'@'localhost'{_by(accounts.root_password)}"
    lines = [
        *_BEGIN,
        f"CREATE USER IF NOT EXISTS {root}",
        f"ALTER USER {root}",
        GRANT_ROOT,
        *_own(accounts),
    ]
    return "".join(f"{line};\n" for line in [*lines, *_applications(accounts, missing="IF NOT EXISTS ")])


def build_take_over_sql(accounts: Accounts) -> str:
    """Return the statements for another Galera cluster's database, which goes on with its own accounts.

    A root@localhost that is there stays as it is.  Bitnami's image has only root@'%'.
    """
    root = f"'root'@'localhost'{_by(accounts.root_password)}"
    is_missing = "NOT EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'root' AND Host = 'localhost')"
    make_root = f"BEGIN NOT ATOMIC IF {is_missing} THEN CREATE USER {root}; {GRANT_ROOT}; END IF; END"
    return "".join(f"{line};\n" for line in [*_BEGIN, make_root, *_own(accounts)])


def build_sql(accounts: Accounts) -> str:
    """Return the statements, each on one line as `mariadbd --bootstrap` reads them.

    A password is written as the hash that mysql_native_password stores, so it needs no quotes and no server sees it.
    """
    root, agent = f"'root'@'localhost'{_by(accounts.root_password)}", _by(accounts.agent_password)
    lines = [
        *_BEGIN,
        "DELETE FROM mysql.global_priv WHERE User NOT IN ('root', 'mariadb.sys') OR Host <> 'localhost'",
        "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost' OR User <> 'root'",
        "DELETE FROM mysql.db WHERE User = ''",
        "FLUSH PRIVILEGES",
        f"ALTER USER {root}",
        f"CREATE USER '{AGENT}'@'localhost'{agent}",
        *_agent_rights(),
        *_transfer(accounts),
    ]
    return "".join(f"{line};\n" for line in [*lines, *_applications(accounts)])


def _own(accounts: Accounts) -> list[str]:
    """The statements for the agent's account and that of mariadb-backup, whatever they were before."""
    agent = f"'{AGENT}'@'localhost'"
    return [f"CREATE OR REPLACE USER {agent}{_by(accounts.agent_password)}", *_agent_rights(), *_transfer(accounts)]


def _agent_rights() -> list[str]:
    """The statements for the rights of the agent's account."""
    agent = f"'{AGENT}'@'localhost'"
    # A table's rights can be granted before the server makes it, if CREATE is among them (sql_acl.cc).
    return [f"GRANT {AGENT_RIGHTS} ON *.* TO {agent}", f"GRANT SELECT, CREATE ON {MEMBERS_TABLE} TO {agent}"]


def _transfer(accounts: Accounts) -> list[str]:
    """The statements for the account of mariadb-backup."""
    if accounts.sst_password is None:
        return []
    name = f"'{TRANSFER}'@'localhost'"
    return [f"CREATE OR REPLACE USER {name}{_by(accounts.sst_password)}", f"GRANT {TRANSFER_RIGHTS} ON *.* TO {name}"]


def _applications(accounts: Accounts, missing: str = "") -> list[str]:
    """The statements for the applications' databases and accounts; two of them may share a database."""
    lines = []
    for application in accounts.applications:
        lines += [f"CREATE DATABASE IF NOT EXISTS `{database}`" for database in application.databases]
        if application.user is None:
            continue
        name = f"{_quoted(application.user)}@'%'"
        lines.append(f"CREATE USER {missing}{name}{_by(application.password)}")
        for database in application.databases:
            # Only in a GRANT, _ in the name of a database is a pattern.
            lines.append(f"GRANT ALL PRIVILEGES ON `{database.replace('_', chr(92) + '_')}`.* TO {name}")
    return lines


def _by(password: str) -> str:
    # The protocol demands the double SHA-1 (MariaDB, "Authentication Plugin - mysql_native_password").
    once = hashlib.sha1(password.encode(errors="surrogateescape"), usedforsecurity=False).digest()
    return f" IDENTIFIED BY PASSWORD '*{hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()}'"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
