"""The settings of a pod as one frozen value, read once from the environment and from the Secret's files.

Nothing else in this package looks at the environment.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bootstrap.core.galera.server_version import Series, parse_series
from bootstrap.core.model.shapes import MAX_ORDINAL
from bootstrap.errors import SettingInvalidError
from peerfinder.core.names import POD_NAME

PREFIX = "GALERA_BOOTSTRAP_"

SST_METHODS = ("rsync", "mariabackup")


DEFAULTS = {
    "SERVICE": ("galera", "the headless Service"),
    "REPLICAS": ("3", "the least number of expected pods; keep it at the StatefulSet's replicas"),
    "MIN_EPOCH": ("0", "data of an older epoch than this never bootstrap; `force` says when to raise it"),
    "LAST_ONE_OUT": ("no", "yes: a pod that stopped as the only member starts without hearing from the others"),
    "DOMAIN": ("", "the cluster domain; default: from the search line of /etc/resolv.conf"),
    "NAMESERVER": ("", "HOST[:PORT] of the name server; default: from /etc/resolv.conf"),
    "DATA_ROOT": ("/var/lib/galera", "the volume, with data/ and meta/ in it"),
    "RUN_DIR": ("/run/galera", "sockets and the one-shot permission; as long-lived as the pod"),
    "CONFIG_DIR": ("/etc/mysql", "where my-galera.cnf is written; conf.d/*.cnf in it is yours"),
    "SECRETS_DIR": ("/etc/galera-secrets", "the files of the Secret"),
    "BIND_ADDRESS": ("0.0.0.0", "where the agent and the server listen"),  # noqa: S104  # a pod's own network
    "EXCHANGE_PORT": ("4569", "the port of the records between agents"),
    "HEALTH_PORT": ("8080", "the port of probes and metrics, open to all and read-only; 0 = none"),
    "METRICS": ("basic", "what /metrics tells whoever reaches the port: basic, or full with uuids, positions, names"),
    "ADDRESS_TYPE": ("DNS", "DNS or IP: how the members stand in wsrep_cluster_address"),
    "MARIADBD": ("mariadbd", "the server's program"),
    "SERVER_USER": ("", "the account that a server started by root changes to; root alone is refused by mariadbd"),
    "PROVIDER": ("/usr/lib/galera/libgalera_smm.so", "the Galera library"),
    "PROVIDER_OPTIONS": ("", "more wsrep_provider_options, key=value;key=value"),
    "SST_METHOD": ("rsync", "rsync or mariabackup: how a member without usable data gets all of them"),
    "TLS_DIR": ("", "tls.crt, tls.key and ca.crt for clients, replication and state transfers; default: no TLS"),
    "UPGRADE_FROM": ("", "MAJOR.MINOR of data that this server may open over series in between, after a stop of all"),
    "FLUSH_LOG_AT_TRX_COMMIT": ("1", "0 or 2 loses acknowledged commits in a power cut, by documented choice"),
}
"""Name without prefix -> default and meaning; the help of every command is made from this."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a pod is told about itself; the fields are explained in DEFAULTS."""

    pod: str
    namespace: str
    pod_ip: str
    service: str
    replicas: int
    min_epoch: int
    last_one_out: bool
    domain: str
    nameserver: str
    data_root: Path
    run_dir: Path
    config_dir: Path
    secrets_dir: Path
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
    flush_log_at_trx_commit: str

    @property
    def ordinal(self) -> int:
        """The pod's ordinal."""
        return int(self.pod.rpartition("-")[2])

    @property
    def set_name(self) -> str:
        """The StatefulSet's name."""
        return self.pod.rpartition("-")[0]

    def pod_of(self, ordinal: int) -> str:
        """The name of the StatefulSet's pod with this ordinal."""
        return f"{self.set_name}-{ordinal}"

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
    def lock(self) -> Path:
        """The volume's lock."""
        return self.data_root / "meta" / "lock"

    def cluster_name(self, cluster_id: str) -> str:
        """`wsrep_cluster_name` (32 characters): a stale address of another cluster is refused by it (R35)."""
        told = f"{self.namespace}/{self.service}/{self.set_name}/{cluster_id}"
        return f"{self.set_name[:19]}-{sha256(told.encode()).hexdigest()[:12]}"


def from_environment(env: Mapping[str, str], hostname: str) -> Settings:
    """Read the settings; raises SettingInvalidError with every complaint at once."""
    told = {name: env.get(f"{PREFIX}{name}", "").strip() or default for name, (default, _) in DEFAULTS.items()}
    pod = env.get("POD_NAME", "").strip() or hostname
    complaints = [
        *_unknown(env),
        *(
            []
            if parse_pod_name(pod)
            else [f"POD_NAME {pod!r} is not a StatefulSet's pod name (set it, or the hostname)"]
        ),
        *([] if env.get("POD_NAMESPACE", "").strip() else ["POD_NAMESPACE is not set"]),
        *_number(told, "REPLICAS", 1, MAX_ORDINAL),
        *_number(told, "MIN_EPOCH", 0, 999_999_999),
        *_number(told, "EXCHANGE_PORT", 1, 65535),
        *_number(told, "HEALTH_PORT", 0, 65535),
        *_different(told, "HEALTH_PORT", "EXCHANGE_PORT"),
        *_choice(told, "LAST_ONE_OUT", "no", "yes"),
        *_choice(told, "METRICS", "basic", "full"),
        *_choice(told, "ADDRESS_TYPE", "DNS", "IP"),
        *_choice(told, "SST_METHOD", *SST_METHODS),
        *_plain_transfer(told),
        *_series(told, "UPGRADE_FROM"),
        *_absolute(told, "DATA_ROOT", "RUN_DIR", "CONFIG_DIR", "SECRETS_DIR", "TLS_DIR"),
        *_choice(told, "FLUSH_LOG_AT_TRX_COMMIT", "0", "1", "2", "3"),
    ]
    try:
        options = _provider_options(told["PROVIDER_OPTIONS"])
    except SettingInvalidError as exc:
        complaints.append(str(exc))
    if complaints:
        raise SettingInvalidError("; ".join(complaints))
    return Settings(
        pod=pod,
        namespace=env["POD_NAMESPACE"].strip(),
        pod_ip=env.get("POD_IP", "").strip(),
        service=told["SERVICE"],
        replicas=int(told["REPLICAS"]),
        min_epoch=int(told["MIN_EPOCH"]),
        last_one_out=told["LAST_ONE_OUT"] == "yes",
        domain=told["DOMAIN"],
        nameserver=told["NAMESERVER"],
        data_root=Path(told["DATA_ROOT"]),
        run_dir=Path(told["RUN_DIR"]),
        config_dir=Path(told["CONFIG_DIR"]),
        secrets_dir=Path(told["SECRETS_DIR"]),
        bind_address=told["BIND_ADDRESS"],
        exchange_port=int(told["EXCHANGE_PORT"]),
        health_port=int(told["HEALTH_PORT"]),
        metrics=told["METRICS"],
        address_type=told["ADDRESS_TYPE"],
        mariadbd=told["MARIADBD"],
        server_user=told["SERVER_USER"],
        provider=told["PROVIDER"],
        provider_options=options,
        sst_method=told["SST_METHOD"],
        tls_dir=Path(told["TLS_DIR"]) if told["TLS_DIR"] else None,
        upgrade_from=parse_series(f"{told['UPGRADE_FROM']}.0"),
        flush_log_at_trx_commit=told["FLUSH_LOG_AT_TRX_COMMIT"],
    )


def parse_pod_name(name: str) -> tuple[str, int] | None:
    """The StatefulSet and the ordinal in a pod's name; None = it is not the name of a pod of a StatefulSet."""
    match = POD_NAME.fullmatch(name)
    return (match["set"], int(match["ordinal"])) if match and int(match["ordinal"]) <= MAX_ORDINAL else None


def _unknown(env: Mapping[str, str]) -> list[str]:
    names = sorted(name for name in env if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in DEFAULTS)
    return [f"{name} is not a setting" for name in names]


def _number(told: Mapping[str, str], name: str, least: int, most: int) -> list[str]:
    value = told[name]
    good = value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most
    return [] if good else [f"{PREFIX}{name} {value!r} is not a number from {least} to {most}"]


def _different(told: Mapping[str, str], name: str, other: str) -> list[str]:
    return [f"{PREFIX}{name} and {PREFIX}{other} are both {told[name]}"] if told[name] == told[other] else []


def _plain_transfer(told: Mapping[str, str]) -> list[str]:
    """The image has no stunnel, without which rsync would send all data in the clear beside an encrypted cluster."""
    if told["TLS_DIR"] and told["SST_METHOD"] == "rsync":
        return [f"{PREFIX}TLS_DIR needs {PREFIX}SST_METHOD=mariabackup: rsync sends in the clear"]
    return []


def _series(told: Mapping[str, str], name: str) -> list[str]:
    good = not told[name] or re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", told[name])
    return [] if good else [f"{PREFIX}{name} {told[name]!r} is not a major version as 10.11"]


def _absolute(told: Mapping[str, str], *names: str) -> list[str]:
    """The server would look for another folder under a relative name than this toolkit: each has its own base."""
    relative = [name for name in names if told[name] and not told[name].startswith("/")]
    return [f"{PREFIX}{name} {told[name]!r} does not begin with /" for name in relative]


def _choice(told: Mapping[str, str], name: str, *choices: str) -> list[str]:
    return [] if told[name] in choices else [f"{PREFIX}{name} {told[name]!r} is not one of {', '.join(choices)}"]


PROVIDER_OPTION = re.compile(r"(?P<key>[a-z][a-z0-9_.]*)\s*=\s*(?P<value>[A-Za-z0-9_.:/,+-]*)")

FORBIDDEN = re.compile(
    r"pc\.(bootstrap|ignore_sb|ignore_quorum|npvo|recovery|weight)|gmcast\.(listen_addr|group)|ist\.recv_.*|base_.*"
)
"""Provider options that found a second cluster, switch quorum off, weigh members, or are this toolkit's to set."""


def _provider_options(text: str) -> tuple[tuple[str, str], ...]:
    """The options of a setting; members that weigh more than others would make a count of them worthless (R37)."""
    options = []
    for part in filter(None, map(str.strip, text.split(";"))):
        match = PROVIDER_OPTION.fullmatch(part)
        if not match or FORBIDDEN.fullmatch(match["key"]):
            raise SettingInvalidError(f"{PREFIX}PROVIDER_OPTIONS: {part!r} is not allowed")
        options.append((match["key"], match["value"]))
    return tuple(options)


def current() -> Settings:
    """The settings of this process; raises SettingInvalidError."""
    return from_environment(os.environ, os.uname().nodename)


def of_the_set(name: str) -> Settings:
    """The settings of a pod that is no member of the StatefulSet of that name, but works for it.

    They are those of the member with the lowest ordinal, where a pod's name counts.  Raises SettingInvalidError.
    """
    return from_environment({**os.environ, "POD_NAME": f"{name}-0"}, "")
