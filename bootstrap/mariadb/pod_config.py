"""Which values go into my-galera.cnf: from the settings, the expected ordinals and DNS.

Used by `on-start`, `start`, `on-change` and the agent alike, so that all of them write the same file.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bootstrap.mariadb import config
from bootstrap.network.directory import NONE_KNOWN, Directory
from bootstrap.secret_files import read_sst_password
from bootstrap.settings import Settings
from bootstrap.storage.layout import Layout

if TYPE_CHECKING:
    from bootstrap.mariadb.tls import Tls


def cnf(settings: Settings, cluster_id: str, listed: tuple[str, ...]) -> config.Cnf:
    """The values of this pod's my-galera.cnf; raises SettingInvalidError where a file that it needs is not there."""
    include_dir = settings.config_dir / "conf.d"
    return config.Cnf(
        datadir=str(Layout(settings.data_root).data),
        socket=str(settings.server_socket),
        cluster_name=settings.cluster_name(cluster_id),
        node_name=settings.pod,
        members=listed,
        node_address=settings.pod_ip,
        bind_address=settings.bind_address,
        provider=settings.provider,
        provider_options=settings.provider_options,
        sst_method=settings.sst_method,
        sst_auth=sst_auth(settings),
        tls=tls_files(settings),
        flush_log_at_trx_commit=settings.flush_log_at_trx_commit,
        user=settings.server_user,
        include_dir=str(include_dir) if include_dir.is_dir() else "",
    )


def tls_files(settings: Settings) -> "Tls | None":
    """The files of TLS, where it is wanted."""
    if settings.tls_dir is None:
        return None
    from bootstrap.mariadb import tls  # noqa: PLC0415  # OpenSSL is dear at the start of an init container that needs none

    return tls.files(settings.tls_dir)


def sst_auth(settings: Settings) -> str:
    """Whom mariadb-backup logs in as, at a donor: every member is one, some day."""
    if settings.sst_method != "mariabackup":
        return ""
    from bootstrap.mariadb.accounts import TRANSFER  # noqa: PLC0415  # dear at the start of a container that makes nothing

    return f"{TRANSFER}:{read_sst_password(settings.secrets_dir, required=True)}"


def write(
    settings: Settings,
    cluster_id: str,
    directory: Directory,
    ordinals: Iterable[int],
    told: Mapping[str, str] = NONE_KNOWN,
) -> bool:
    """Write my-galera.cnf and say whether it changed; raises SettingInvalidError or ConfigNotWrittenError."""
    return config.update(settings.cnf, cnf(settings, cluster_id, directory.members(ordinals, told)))
