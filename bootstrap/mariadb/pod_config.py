"""Where the values of `my-galera.cnf` come from: the settings, the Secret, the expected ordinals and DNS.

`on-start`, `start`, `on-change` and the agent all use it, so that they write the same file.  `config` makes the file.
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
    """Return the members for `wsrep_cluster_address`, in the order of the ordinals; this pod is always one of them.

    They are names, one for each pod, because Galera uses only one address of a name.  If the server cannot resolve
    names (`ADDRESS_TYPE=IP`), they are addresses.  Then a pod without an address is left out: it connects itself when
    it joins.  `addresses` are those that the agent has just looked up, by pod.
    """
    pods = [settings.pod_of(o) for o in sorted({*ordinals, settings.ordinal})]
    if settings.address_type == "DNS":
        return tuple(directory.names.pod_fqdn(pod) for pod in pods)
    known = {**addresses, settings.pod: settings.pod_ip}
    found = [known.get(pod) or directory.address(pod) for pod in pods]
    return tuple(address for address in found if not isinstance(address, Unknown))


def build_cnf(settings: Settings, cluster_id: str, listed: tuple[str, ...]) -> config.Cnf:
    """Collect the values of this pod's my-galera.cnf; raises SettingInvalidError if a file that it needs is missing."""
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
    """Read the files of TLS; None = it is not configured."""
    if settings.tls_dir is None:
        return None
    from bootstrap.mariadb import tls  # noqa: PLC0415  # OpenSSL is expensive at the start of a container that needs none

    return tls.read_files(settings.tls_dir)


def build_sst_auth(settings: Settings) -> str:
    """Return the account for mariadb-backup; every member needs it, because every member may become a donor."""
    if settings.sst_method != "mariabackup":
        return ""
    from bootstrap.mariadb.accounts import TRANSFER  # noqa: PLC0415  # expensive at the start of a container that creates nothing

    return f"{TRANSFER}:{sst_password(settings.secrets_dir, required=True)}"


def write(
    settings: Settings,
    cluster_id: str,
    directory: Directory,
    ordinals: Iterable[int],
    addresses: Mapping[str, str] = NO_ADDRESSES,
) -> bool:
    """Write my-galera.cnf and return whether it changed; raises SettingInvalidError or ConfigNotWrittenError."""
    listed = list_members(settings, directory, ordinals, addresses)
    return config.update(settings.cnf, build_cnf(settings, cluster_id, listed))
