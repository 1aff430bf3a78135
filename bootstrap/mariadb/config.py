"""How `my-galera.cnf` is made from its values: safe defaults, no value can add an option, the file is replaced whole.

Knows the names of the options and their order.  `pod_config` knows where a value comes from.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.errors import ConfigNotWrittenError, SettingInvalidError
from bootstrap.storage import atomic

if TYPE_CHECKING:
    from bootstrap.mariadb.tls import Tls

GROUP_PORT = 4567
IST_PORT = 4568
SST_PORT = 4444
"""Galera's own ports, the same on every member."""

FORBIDDEN = frozenset("\"\\'#;$`{}%?&")
"""Characters with a meaning for the option file's parser, for the provider's URL or for the shell of an SST script."""


MEMBER = r"[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
"""The regular expression of a name or an address; an empty one would make the list a bare `gcomm://`."""


class Cnf(NamedTuple):
    """The values of a my-galera.cnf."""

    datadir: str
    files_dir: str
    """The only folder for LOAD DATA INFILE and SELECT ... INTO OUTFILE."""
    socket: str
    cluster_name: str
    """`wsrep_cluster_name`, at most 32 characters."""
    node_name: str
    members: tuple[str, ...]
    """The names or addresses of the members, also of this node; never empty: a bare `gcomm://` is a bootstrap."""
    node_address: str
    """This node's address; empty = the server finds out."""
    bind_address: str
    provider: str
    provider_options: tuple[tuple[str, str], ...]
    sst_method: str
    sst_auth: str
    """ACCOUNT:PASSWORD for the donor's server, for a method that reads it through SQL; empty = no account."""
    tls: "Tls | None"
    """The files of TLS; None = no TLS, for clients and for members."""
    server_id: int | None
    gtid_domain: int | None
    """The domain of the GTIDs that all members share, for replication to and from other clusters; None = no such."""
    own_gtid_domain: int | None
    flush_log_at_trx_commit: str
    user: str
    """The account that a server started by root changes to; empty = it is not started by root."""
    include_dir: str
    """A folder with your own options, which are read before ours; empty = there is no such folder."""

    @property
    def sole_address(self) -> str:
        """The one address to which everything is bound; empty = all addresses."""
        return "" if self.bind_address in ("0.0.0.0", "::") else self.bind_address  # noqa: S104  # compared, not bound

    @property
    def gcomm_options(self) -> tuple[tuple[str, str], ...]:
        """The provider's options; with one bind address, all of Galera's ports are bound to it."""
        options = (*self.provider_options, *(self.tls.provider_options if self.tls else ()))
        if self.bind_address == "::":
            # Galera's own default is IPv4 only (gcomm conf.cpp, `tcp://0.0.0.0:4567`); this one is for both.
            return (*options, ("gmcast.listen_addr", f"tcp://[::]:{GROUP_PORT}"))
        if not self.sole_address:
            return options
        host = add_brackets(self.sole_address)
        # The scheme may be tcp also with TLS: the socket.ssl_* options apply to every listening socket.
        own = (("gmcast.listen_addr", f"tcp://{host}:{GROUP_PORT}"), ("ist.recv_addr", f"{host}:{IST_PORT}"))
        return (*options, *own)


def add_brackets(address: str) -> str:
    """Put an IPv6 address into brackets, which a port after it needs."""
    return f"[{address}]" if ":" in address else address


def render(cnf: Cnf) -> str:
    """Return the text of my-galera.cnf; raises SettingInvalidError for a value that could mean more than itself."""
    _check_members(cnf.members)
    for text in _texts((*cnf, *cnf.gcomm_options)):
        _require_plain(text)
    return f"{_defaults(cnf)}\n{_own_options(cnf)}\n{_server(cnf)}\n{_replication(cnf)}{_transfers(cnf)}"


def _defaults(cnf: Cnf) -> str:
    text = f"""\
# Written by galera-bootstrap; changes are lost at the next start.

[mysqld]
# Defaults that your own options may change. An account with FILE reads and writes files in this folder only: else it
# could read the Secret.
secure_file_priv = "{cnf.files_dir}"
# Else an account with a database of its own could put tables anywhere (DATA DIRECTORY).
symbolic-links = OFF
"""
    if cnf.gtid_domain is not None:
        text += """\
# The same name on all members: a state transfer brings files of the donor's binary log.
log_bin = mysql-bin
# A recovery rolls back what is not in the binary log, so an acknowledged commit must be on the disk there, too.
sync_binlog = 1
# 7 days.
binlog_expire_logs_seconds = 604800

[sst]
# The donor begins a new file for each transfer. A replica that has not read the one before could not go on here.
sst-max-binlogs = 4
"""
    return text


def _own_options(cnf: Cnf) -> str:
    if not cnf.include_dir:
        return "# Your own options belong in conf.d/*.cnf beside this file.\n"
    return f"# Your own options, in files *.cnf; the options below override them.\n!includedir {cnf.include_dir}\n"


def _server(cnf: Cnf) -> str:
    user = f"user = {cnf.user}\n" if cnf.user else ""
    text = f"""\
[mysqld]
{user}datadir = "{cnf.datadir}"
socket = "{cnf.socket}"
bind-address = {cnf.bind_address}
# A slow or absent name server must not delay connections; accounts are by address or '%'.
skip-name-resolve = ON
"""
    if cnf.tls:
        text += f"""\
# Clients may use TLS; with require_secure_transport in your own options they must.
ssl_cert = "{cnf.tls.certificate}"
ssl_key = "{cnf.tls.key}"
ssl_ca = "{cnf.tls.ca}"
"""
    return text


def _replication(cnf: Cnf) -> str:
    text = f"""\
# Galera replicates rows of InnoDB, and requires interleaved auto-increment locks.
binlog_format = ROW
default_storage_engine = InnoDB
innodb_autoinc_lock_mode = 2
# 1: an acknowledged commit is on this node's disk. With 0, a power cut of all nodes loses some commits.
innodb_flush_log_at_trx_commit = {cnf.flush_log_at_trx_commit}
"""
    if cnf.server_id is not None:
        text += f"# For replication to and from other clusters.\nserver_id = {cnf.server_id}\n"
    if cnf.gtid_domain is not None:
        text += f"""\
# A commit has the same GTID on every member, so a replica can change from one to another.
wsrep_gtid_mode = ON
wsrep_gtid_domain_id = {cnf.gtid_domain}
gtid_domain_id = {cnf.own_gtid_domain}
log_slave_updates = ON
"""
    text += f"""
wsrep_on = ON
wsrep_provider = "{cnf.provider}"
# The folder of grastate.dat: the position is read there, and signs of a state transfer are found beside the data.
wsrep_data_home_dir = "{cnf.datadir}"
wsrep_cluster_name = "{cnf.cluster_name}"
# Always the whole list: an empty one would found a second cluster. No file ever permits a bootstrap.
wsrep_cluster_address = "gcomm://{",".join(map(add_brackets, cnf.members))}"
# Never by a file: only the command line of one single start may found a cluster.
wsrep_new_cluster = OFF
wsrep_node_name = "{cnf.node_name}"
"""
    if cnf.node_address:
        host = add_brackets(cnf.node_address)
        text += f"""\
wsrep_node_address = "{host}:{GROUP_PORT}"
wsrep_sst_receive_address = "{host}:{SST_PORT}"
"""
    text += f"wsrep_sst_method = {cnf.sst_method}\n"
    if cnf.sst_auth:
        text += f"""\
# The script of a state transfer reads it and passes it on in its environment; the server shows asterisks.
wsrep_sst_auth = "{cnf.sst_auth}"
"""
    options = ";".join(f"{key}={value}" for key, value in cnf.gcomm_options)
    return f'{text}wsrep_provider_options = "{options}"\n'


def _transfers(cnf: Cnf) -> str:
    text = ""
    if cnf.sst_auth:
        text += "# Otherwise each transfer leaves one more file in /tmp.\nsst-log-archive = 0\n"
    if cnf.tls:
        text += """\
# Both ends of a full state transfer show a certificate of the CA; the name in it is not checked.
ssl-mode = VERIFY_CA
"""
    if cnf.sole_address:
        text += f"""\
# Otherwise the socat of mariabackup listens on all addresses.
sockopt = ",bind={add_brackets(cnf.sole_address)}"
"""
    return f"\n[sst]\n{text}" if text else ""


def update(path: Path, cnf: Cnf) -> bool:
    """Write the file if it differs from what these values make; return whether it was written.

    Raises as `render` and `write` do.
    """
    return write(path, render(cnf))


def write(path: Path, text: str) -> bool:
    """Replace the file if its text differs; return whether it did.  Raises ConfigNotWrittenError."""
    try:
        if path.is_file() and path.read_text() == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.replace(path, text.encode(), 0o640)
    except OSError as exc:
        raise ConfigNotWrittenError(f"{path} cannot be written ({exc.strerror}): make its folder writable") from exc
    return True


def _check_members(members: tuple[str, ...]) -> None:
    """Refuse an empty list of members: `gcomm://` alone bootstraps (galera replicator_smm.cpp)."""
    if not members:
        raise SettingInvalidError("the list of members is empty: refusing to write a bare gcomm://")
    for member in members:
        if not re.fullmatch(MEMBER, member):
            raise SettingInvalidError(f"{member[:60]!r} is not a member's name or address: correct the settings")


def _texts(values: tuple[object, ...]) -> Iterator[str]:
    """All texts in these values."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from _texts(value)


def _require_plain(text: str) -> None:
    """Refuse a text that would end its line, its quotes or its option."""
    if not text.isprintable() or text != text.strip() or FORBIDDEN & set(text):
        raise SettingInvalidError(f"{text[:60]!r} cannot stand in my-galera.cnf: it could mean more than itself")
