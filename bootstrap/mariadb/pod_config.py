"""Which values go into my-galera.cnf: from the settings, the expected ordinals and DNS.

Used by `on-start`, `start`, `on-change` and the agent alike, so that all of them write the same file.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from bootstrap.core.model.facts import Unknown
from bootstrap.mariadb import config
from bootstrap.network.directory import Directory
from bootstrap.secret_files import sst_password
from bootstrap.settings import Settings

if TYPE_CHECKING:
    from bootstrap.mariadb.tls import Tls


NO_ADDRESSES: Mapping[str, str] = MappingProxyType({})


def list_members(
    settings: Settings, directory: Directory, ordinals: Iterable[int], addresses: Mapping[str, str] = NO_ADDRESSES
) -> tuple[str, ...]:
    """The members for `wsrep_cluster_address`, this pod always among them, in the order of the ordinals.

    As names, each on its own: Galera uses only one address of a name.  As addresses where the server cannot resolve
    names (`ADDRESS_TYPE=IP`); a pod that has none yet is left out then, and joins by connecting itself.
    `addresses` are addresses that the agent has just looked up, by pod.
    """
    pods = [settings.pod_of(o) for o in sorted({*ordinals, settings.ordinal})]
    if settings.address_type == "DNS":
        return tuple(directory.names.pod_fqdn(pod) for pod in pods)
    known = {**addresses, settings.pod: settings.pod_ip}
    found = [known.get(pod) or directory.address(pod) for pod in pods]
    return tuple(address for address in found if not isinstance(address, Unknown))


def build_cnf(settings: Settings, cluster_id: str, listed: tuple[str, ...]) -> config.Cnf:
    """The values of this pod's my-galera.cnf; raises SettingInvalidError where a file that it needs is not there."""
    include_dir = settings.config_dir / "conf.d"
    return config.Cnf(
        datadir=str(settings.data_root / "data"),
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
        flush_log_at_trx_commit=settings.flush_log_at_trx_commit,
        user=settings.server_user,
        include_dir=str(include_dir) if include_dir.is_dir() else "",
    )


def read_tls_files(settings: Settings) -> "Tls | None":
    """The files of TLS, where it is wanted."""
    if settings.tls_dir is None:
        return None
    from bootstrap.mariadb import tls  # noqa: PLC0415  # OpenSSL is dear at the start of an init container that needs none

    return tls.read_files(settings.tls_dir)


def build_sst_auth(settings: Settings) -> str:
    """Whom mariadb-backup logs in as, at a donor: every member is one, some day."""
    if settings.sst_method != "mariabackup":
        return ""
    from bootstrap.mariadb.accounts import TRANSFER  # noqa: PLC0415  # dear at the start of a container that makes nothing

    return f"{TRANSFER}:{sst_password(settings.secrets_dir, required=True)}"


def write(
    settings: Settings,
    cluster_id: str,
    directory: Directory,
    ordinals: Iterable[int],
    addresses: Mapping[str, str] = NO_ADDRESSES,
) -> bool:
    """Write my-galera.cnf and say whether it changed; raises SettingInvalidError or ConfigNotWrittenError."""
    listed = list_members(settings, directory, ordinals, addresses)
    return config.update(settings.cnf, build_cnf(settings, cluster_id, listed))
