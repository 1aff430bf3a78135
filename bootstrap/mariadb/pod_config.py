"""Where the values of `my-galera.cnf` come from: the settings, the Secret, the expected ordinals and DNS.

`on-start`, `start`, `on-change` and the agent all use it, so that they write the same file.  `config` makes the file.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bootstrap.mariadb import config
from bootstrap.network.directory import NONE_KNOWN, Directory
from bootstrap.secret_files import TRANSFER, read_sst_password
from bootstrap.settings import Settings
from bootstrap.storage.layout import Layout

if TYPE_CHECKING:
    from bootstrap.mariadb.tls import Tls


def build_cnf(settings: Settings, cluster_id: str, listed: tuple[str, ...]) -> config.Cnf:
    """Collect the values of this pod's my-galera.cnf; raises SettingInvalidError if a file that it needs is missing."""
    layout, include_dir = Layout(settings.data_root), settings.config_dir / "conf.d"
    return config.Cnf(
        datadir=str(layout.data),
        files_dir=str(layout.files),
        socket=str(settings.server_socket),
        cluster_name=settings.cluster_name(cluster_id),
        node_name=settings.pod,
        members=listed,
        node_address=settings.pod_ip,
        bind_address=settings.bind_address,
        provider=settings.provider,
        provider_options=settings.provider_options,
        sst_method=settings.sst_method,
        sst_auth=build_sst_auth(settings),
        tls=read_tls_files(settings),
        server_id=settings.server_id,
        gtid_domain=settings.gtid_domain,
        own_gtid_domain=settings.own_gtid_domain,
        flush_log_at_trx_commit=settings.flush_log_at_trx_commit,
        user=settings.server_user,
        include_dir=str(include_dir) if include_dir.is_dir() else "",
    )


def read_tls_files(settings: Settings) -> "Tls | None":
    """Read the files of TLS; None = it is not configured."""
    if settings.tls_dir is None:
        return None
    from bootstrap.mariadb import tls  # noqa: PLC0415  # OpenSSL is expensive at the start of a container that needs none

    return tls.read_files(settings.tls_dir)


def build_sst_auth(settings: Settings) -> str:
    """Return the account for mariadb-backup; every member needs it, because every member may become a donor."""
    if settings.sst_method != "mariabackup":
        return ""
    return f"{TRANSFER}:{read_sst_password(settings.secrets, required=True)}"


def write(
    settings: Settings,
    cluster_id: str,
    directory: Directory,
    ordinals: Iterable[int],
    addresses: Mapping[str, str] = NONE_KNOWN,
) -> bool:
    """Write my-galera.cnf and return whether it changed; raises SettingInvalidError or ConfigNotWrittenError."""
    return config.update(settings.cnf, build_cnf(settings, cluster_id, directory.members(ordinals, addresses)))
