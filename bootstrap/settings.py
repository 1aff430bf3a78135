"""The settings of a pod as one frozen value, read once from the environment.

No other module of this package reads settings from the environment.
"""

import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bootstrap import setting_checks as checks
from bootstrap.core.galera.server_version import Series, parse_series
from bootstrap.core.model.shapes import INT64_MAX, MAX_ORDINAL
from bootstrap.errors import SettingInvalidError
from bootstrap.secret_files import KEYS, SecretFolder
from bootstrap.setting_checks import NO_NAMESERVER, PREFIX
from peerfinder.core.names import POD_NAME

SST_METHODS = ("rsync", "mariabackup")

MOST_RESTARTS = 100
"""In ten minutes; more are no bound."""

DEFAULTS = {
    "SERVICE": ("galera", "the headless Service"),
    "SET": ("mysql", "the StatefulSet; a member knows it by its own name, a backup and an arbitrator do not"),
    "REPLICAS": ("3", "the minimum number of expected pods; keep it equal to the StatefulSet's replicas"),
    "ORDINALS_START": ("0", "the lowest ordinal: the StatefulSet's spec.ordinals.start"),
    "MIN_EPOCH": ("0", "data of an older epoch than this never bootstrap; raise it after `force`"),
    "LAST_ONE_OUT": ("no", "yes: a pod that stopped in order as the only member starts without the others' answers"),
    "EXPECT_DATA": ("no", "yes: of a take-over: before the first start here, every volume must have data"),
    "DOMAIN": ("", "the cluster domain; default: from the search line of /etc/resolv.conf"),
    "NAMESERVER": ("", "HOST[:PORT] of the name server; none = a sole pod without DNS; default: from /etc/resolv.conf"),
    "DATA_ROOT": ("/var/lib/galera", "the volume: data/ and meta/ are created in it"),
    "RUN_DIR": ("/run/galera", "sockets and the one-shot permission; an emptyDir"),
    "CONFIG_DIR": ("/etc/mysql", "my-galera.cnf is written there; conf.d/*.cnf in it is yours and is read before ours"),
    "SECRETS_DIR": ("/etc/galera-secrets", "the files of the Secret"),
    "SECRET_FILES": ("", "other names of these files, ours=theirs;ours=theirs"),
    "INITDB_DIR": ("/docker-entrypoint-initdb.d", "scripts that run once, at the first start of a new cluster"),
    "INITDB_SHELL": ("no", "yes: the shell scripts among them run, too"),
    "BIND_ADDRESS": ("0.0.0.0", "where the agent and the server listen"),  # noqa: S104  # a pod's own network
    "EXCHANGE_PORT": ("4569", "the port for the records between agents"),
    "HEALTH_PORT": ("8080", "the port of probes and metrics, open to all and read-only; 0 = none"),
    "METRICS": ("basic", "what /metrics shows to every client: basic, or full with uuids, positions, rules and names"),
    "ADDRESS_TYPE": ("DNS", "DNS or IP: how members are written in wsrep_cluster_address"),
    "MARIADBD": ("mariadbd", "the server's program, for recovery and the first initialisation"),
    "SERVER_USER": ("", "the account that a server started by root changes to"),
    "PROVIDER": ("/usr/lib/galera/libgalera_smm.so", "the Galera library"),
    "PROVIDER_OPTIONS": ("", "more wsrep_provider_options, key=value;key=value; none may switch quorum off"),
    "SST_METHOD": ("rsync", "rsync or mariabackup: how a member without usable data gets all of them"),
    "TLS_DIR": ("", "a folder with tls.crt, tls.key and ca.crt: TLS for clients, replication and state transfers"),
    "UPGRADE_FROM": ("", "MAJOR.MINOR of data that a much newer server may open, after a stop of all members"),
    "SERVER_ID": ("", "the server_id of the first member, for replication to and from other clusters"),
    "GTID_DOMAIN": ("", "the domain of the cluster's GTIDs: one sequence for all members; needs SERVER_ID"),
    "SERVER_RESTARTS": ("3", "how often in 10 minutes a server that a signal has ended is started again at once"),
    "UPGRADE_TABLES": ("yes", "no: a human upgrades the system tables of each member, after a change of the series"),
    "FLUSH_LOG_AT_TRX_COMMIT": ("1", "0 or 2 loses acknowledged commits in a power cut; 1: `sync_binlog` is 1, too"),
}
"""Name without prefix -> default and meaning; docs/settings.md has the whole table."""


class Settings(NamedTuple):
    """The settings of one pod; DEFAULTS explains the fields."""

    pod: str
    namespace: str
    pod_ip: str
    service: str
    replicas: int
    ordinals_start: int
    min_epoch: int
    last_one_out: bool
    expect_data: bool
    domain: str
    nameserver: str
    data_root: Path
    run_dir: Path
    config_dir: Path
    secrets: SecretFolder
    initdb_dir: Path
    initdb_shell: bool
    bind_address: str
    exchange_port: int
    health_port: int
    metrics: str
    address_type: str
    mariadbd: str
    server_user: str
    provider: str
    provider_options: tuple[tuple[str, str], ...]
    sst_method: str
    tls_dir: Path | None
    upgrade_from: Series | None
    server_id_base: int | None
    gtid_domain: int | None
    server_restarts: int
    upgrade_tables: bool
    flush_log_at_trx_commit: str

    @property
    def server_id(self) -> int | None:
        """The member's server_id; None = the server's own default, or what conf.d says.

        With a domain of GTIDs it is the same on all members: a member that bootstraps puts its own into the cluster's
        GTIDs (wsrep_mysqld.cc, `wsrep_init_globals`), and those that join keep the one before, so that one commit would
        have two GTIDs.
        """
        if self.server_id_base is None or self.gtid_domain is not None:
            return self.server_id_base
        return self.server_id_base + self.ordinal

    @property
    def own_gtid_domain(self) -> int | None:
        """The domain of what a member writes without replicating it; of its own, so that it is not the cluster's."""
        return None if self.gtid_domain is None else self.gtid_domain + 1 + self.ordinal

    @property
    def ordinal(self) -> int:
        """The pod's ordinal."""
        return int(self.pod.rpartition("-")[2])

    @property
    def configured_ordinals(self) -> frozenset[int]:
        """The ordinals of the configured replicas."""
        return frozenset(range(self.ordinals_start, self.ordinals_start + self.replicas))

    @property
    def has_dns(self) -> bool:
        """Whether DNS is to be asked which pods there are."""
        return self.nameserver != NO_NAMESERVER

    @property
    def set_name(self) -> str:
        """The StatefulSet's name."""
        return self.pod.rpartition("-")[0]

    def pod_of(self, ordinal: int) -> str:
        """The name of the StatefulSet's pod with this ordinal."""
        return f"{self.set_name}-{ordinal}"

    def ordinal_of(self, pod: str) -> int | None:
        """The ordinal of a pod of this StatefulSet; None for any other name."""
        found = parse_pod_name(pod)
        return found[1] if found and found[0] == self.set_name else None

    @property
    def agent_socket(self) -> Path:
        """The agent's unix socket."""
        return self.run_dir / "agent.sock"

    @property
    def server_socket(self) -> Path:
        """The server's unix socket."""
        return self.run_dir / "mariadbd.sock"

    @property
    def permission(self) -> Path:
        """The one-shot permission to bootstrap."""
        return self.run_dir / "permission.json"

    @property
    def cnf(self) -> Path:
        """The server's configuration."""
        return self.config_dir / "my-galera.cnf"

    @property
    def backup_owner(self) -> str:
        """The name of this cluster in a repository of backups, which others may use, too."""
        return f"{self.namespace}/{self.set_name}"

    def cluster_name(self, cluster_id: str) -> str:
        """`wsrep_cluster_name` (32 characters): a member of another cluster at an old address is refused (R35)."""
        cluster = f"{self.namespace}/{self.service}/{self.set_name}/{cluster_id}"
        return f"{self.set_name[:19]}-{sha256(cluster.encode()).hexdigest()[:12]}"


def from_environment(env: Mapping[str, str], hostname: str) -> Settings:
    """Read the settings; raises SettingInvalidError with all complaints at once."""
    values = {name: env.get(f"{PREFIX}{name}", "").strip() or default for name, (default, _) in DEFAULTS.items()}
    pod = env.get("POD_NAME", "").strip() or hostname
    complaints = [
        *checks.check_names(env, DEFAULTS),
        *(
            []
            if parse_pod_name(pod)
            else [f"POD_NAME {pod!r} is not a StatefulSet's pod name (set it, or the hostname)"]
        ),
        *([] if env.get("POD_NAMESPACE", "").strip() else ["POD_NAMESPACE is not set"]),
        *_check_set(values["SET"], env.get(f"{PREFIX}SET", "").strip() and pod),
        *checks.check_number(values, "REPLICAS", 1, MAX_ORDINAL),
        *checks.check_number(values, "ORDINALS_START", 0, MAX_ORDINAL),
        *checks.check_number(values, "MIN_EPOCH", 0, INT64_MAX),
        *checks.check_number(values, "EXCHANGE_PORT", 1, 65535),
        *checks.check_number(values, "HEALTH_PORT", 0, 65535),
        *checks.check_ports(values),
        *checks.check_address("POD_IP", env.get("POD_IP", "").strip()),
        *checks.check_address(f"{PREFIX}BIND_ADDRESS", values["BIND_ADDRESS"], may_be_all=True),
        *checks.check_nameserver(values),
        *checks.check_choice(values, "LAST_ONE_OUT", "no", "yes"),
        *checks.check_choice(values, "EXPECT_DATA", "no", "yes"),
        *checks.check_choice(values, "METRICS", "basic", "full"),
        *checks.check_choice(values, "ADDRESS_TYPE", "DNS", "IP"),
        *checks.check_choice(values, "SST_METHOD", *SST_METHODS),
        *checks.check_encryption(values),
        *checks.check_series(values, "UPGRADE_FROM"),
        *checks.check_number(values, "SERVER_RESTARTS", 0, MOST_RESTARTS),
        *checks.check_choice(values, "UPGRADE_TABLES", "yes", "no"),
        *checks.check_absolute(values, "DATA_ROOT", "RUN_DIR", "CONFIG_DIR", "SECRETS_DIR", "TLS_DIR", "INITDB_DIR"),
        *checks.check_choice(values, "INITDB_SHELL", "no", "yes"),
        *checks.check_replication(values, MAX_ORDINAL),
        *checks.check_choice(values, "FLUSH_LOG_AT_TRX_COMMIT", "0", "1", "2", "3"),
    ]
    try:
        options = checks.parse_provider_options(values["PROVIDER_OPTIONS"])
        names = checks.parse_secret_files(values["SECRET_FILES"], KEYS)
    except SettingInvalidError as exc:
        complaints.append(str(exc))
    if complaints:
        raise SettingInvalidError("; ".join(complaints))
    return Settings(
        pod=pod,
        namespace=env["POD_NAMESPACE"].strip(),
        pod_ip=env.get("POD_IP", "").strip(),
        service=values["SERVICE"],
        replicas=int(values["REPLICAS"]),
        ordinals_start=int(values["ORDINALS_START"]),
        min_epoch=int(values["MIN_EPOCH"]),
        last_one_out=values["LAST_ONE_OUT"] == "yes",
        expect_data=values["EXPECT_DATA"] == "yes",
        domain=values["DOMAIN"],
        nameserver=values["NAMESERVER"],
        data_root=Path(values["DATA_ROOT"]),
        run_dir=Path(values["RUN_DIR"]),
        config_dir=Path(values["CONFIG_DIR"]),
        secrets=SecretFolder(Path(values["SECRETS_DIR"]), names),
        initdb_dir=Path(values["INITDB_DIR"]),
        initdb_shell=values["INITDB_SHELL"] == "yes",
        bind_address=values["BIND_ADDRESS"],
        exchange_port=int(values["EXCHANGE_PORT"]),
        health_port=int(values["HEALTH_PORT"]),
        metrics=values["METRICS"],
        address_type=values["ADDRESS_TYPE"],
        mariadbd=values["MARIADBD"],
        server_user=values["SERVER_USER"],
        provider=values["PROVIDER"],
        provider_options=options,
        sst_method=values["SST_METHOD"],
        tls_dir=Path(values["TLS_DIR"]) if values["TLS_DIR"] else None,
        upgrade_from=parse_series(f"{values['UPGRADE_FROM']}.0"),
        server_id_base=int(values["SERVER_ID"]) if values["SERVER_ID"] else None,
        gtid_domain=int(values["GTID_DOMAIN"]) if values["GTID_DOMAIN"] else None,
        server_restarts=int(values["SERVER_RESTARTS"]),
        upgrade_tables=values["UPGRADE_TABLES"] == "yes",
        flush_log_at_trx_commit=values["FLUSH_LOG_AT_TRX_COMMIT"],
    )


def parse_pod_name(name: str) -> tuple[str, int] | None:
    """The StatefulSet and the ordinal in a pod's name; None = it is not the name of a pod of a StatefulSet."""
    match = re.fullmatch(POD_NAME, name)
    return (match["set"], int(match["ordinal"])) if match and int(match["ordinal"]) <= MAX_ORDINAL else None


def _check_set(name: str, pod: str) -> list[str]:
    """`pod` is empty where SET is not given: a member needs it not, but a wrong one would mislead others."""
    if not parse_pod_name(f"{name}-0"):
        return [f"{PREFIX}SET {name[:60]!r} is not the name of a StatefulSet"]
    found = parse_pod_name(pod)
    return [f"{PREFIX}SET is {name!r}, but this is a pod of {found[0]!r}"] if found and found[0] != name else []


def current() -> Settings:
    """Read the settings of this process; raises SettingInvalidError."""
    return from_environment(os.environ, os.uname().nodename)


def settings_for_set() -> Settings:
    """Read the settings of a pod that is not a member of the StatefulSet that SET names, but works for it.

    Where a pod's name matters, they are those of the member with the lowest ordinal.  Raises SettingInvalidError.
    """
    name = os.environ.get(f"{PREFIX}SET", "").strip() or DEFAULTS["SET"][0]
    # A name that cannot be is one complaint, not two.
    known = name if parse_pod_name(f"{name}-0") else DEFAULTS["SET"][0]
    settings = from_environment({**os.environ, "POD_NAME": f"{known}-0"}, "")
    return settings._replace(pod=settings.pod_of(settings.ordinals_start))
