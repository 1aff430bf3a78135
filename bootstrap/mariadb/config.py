"""How `my-galera.cnf` is made from its values: safe defaults, no value can add an option, the file is replaced whole.

Knows the names of the options and the template.  `pod_config` knows where a value comes from.
"""

import pkgutil
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.errors import ConfigNotWrittenError, SettingInvalidError
from bootstrap.storage import atomic

if TYPE_CHECKING:
    from bootstrap.mariadb.tls import Tls

TEMPLATE = "my-galera.cnf.j2"

FINGERPRINT = "# galera-bootstrap fingerprint "
"""The beginning of the file's last line."""

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
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  # expensive, and rarely needed

    _check_members(cnf.members)
    environment = Environment(
        loader=PackageLoader("bootstrap.mariadb"),
        undefined=StrictUndefined,
        finalize=_require_plain,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # an option file is not HTML; _require_plain refuses what could escape
    )
    environment.filters["add_brackets"] = add_brackets
    ports = {"group_port": GROUP_PORT, "sst_port": SST_PORT}
    return environment.get_template(TEMPLATE).render(cnf=cnf, **ports)


def update(path: Path, cnf: Cnf) -> bool:
    """Write the file if it differs from what these values make; return whether it was written.

    Its last line is the fingerprint of the values, the template and the text above it.  So it can be compared without
    being rendered: to import the renderer is expensive, and each start of a container and each change of peers asks.
    Raises as `render` and `write` do.
    """
    if _is_current(path, cnf):
        return False
    text = render(cnf)
    return write(path, f"{text}{FINGERPRINT}{_fingerprint(cnf, text)}\n")


def without_fingerprint(text: str) -> str:
    """The text of a written file as `render` made it; lines that were added by hand stay."""
    return re.sub(rf"(?m)^{FINGERPRINT}[0-9a-f]*\n?", "", text)


def _is_current(path: Path, cnf: Cnf) -> bool:
    try:
        text, _, fingerprint = path.read_text().rpartition(FINGERPRINT)
    except (OSError, UnicodeDecodeError):
        return False
    return fingerprint == f"{_fingerprint(cnf, text)}\n"


def _fingerprint(cnf: Cnf, text: str) -> str:
    """The hash that differs for other values, another template or another text."""
    template = pkgutil.get_data("bootstrap.mariadb", f"templates/{TEMPLATE}") or b""
    return sha256(b"\0".join((template, repr(cnf).encode(), text.encode()))).hexdigest()


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


def _require_plain(value: object) -> object:
    text = str(value)
    if not text.isprintable() or text != text.strip() or FORBIDDEN & set(text):
        raise SettingInvalidError(f"{text[:60]!r} cannot stand in my-galera.cnf: it could mean more than itself")
    return value
