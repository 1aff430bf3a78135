"""What is wrong with the values of settings: each check returns its complaints, so that all come at once.  Pure."""

import ipaddress
import re
from collections.abc import Iterable, Mapping

from bootstrap.core.galera import provider_options
from bootstrap.errors import SettingInvalidError

PREFIX = "GALERA_BOOTSTRAP_"

NO_NAMESERVER = "none"
"""The value of NAMESERVER for a sole pod that runs where there is no DNS, as by `podman run`."""

SERVER_PORTS = {"3306": "the server", "4444": "full transfers", "4567": "Galera", "4568": "incremental transfers"}
"""The ports of the server, which no setting changes."""


def check_names(env: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Refuse a variable with our prefix that is no setting: it may be a misspelt one."""
    settings = {f"{PREFIX}{name}" for name in known}
    names = sorted(name for name in env if name.startswith(PREFIX) and name not in settings)
    return [f"{name} is not a setting" for name in names]


def check_number(values: Mapping[str, str], name: str, least: int, most: int) -> list[str]:
    """Refuse what is no number in this range."""
    value = values[name]
    valid = value.isascii() and value.isdigit() and len(value) <= len(str(most)) and least <= int(value) <= most
    return [] if valid else [f"{PREFIX}{name} {value!r} is not a number from {least} to {most}"]


def check_nameserver(values: Mapping[str, str]) -> list[str]:
    """Only a sole pod may do without DNS: no other one would ever be found."""
    if values["NAMESERVER"] != NO_NAMESERVER or values["REPLICAS"] == "1":
        return []
    return [f"{PREFIX}NAMESERVER={NO_NAMESERVER} needs {PREFIX}REPLICAS=1: without DNS no pod finds another one"]


def check_ports(values: Mapping[str, str]) -> list[str]:
    """The agent's two ports must not be one, nor one of the server's."""
    health, exchange = ports = values["HEALTH_PORT"], values["EXCHANGE_PORT"]
    found = [f"{PREFIX}HEALTH_PORT and {PREFIX}EXCHANGE_PORT are both {health}"] if health == exchange else []
    for name, port in zip(("HEALTH_PORT", "EXCHANGE_PORT"), ports, strict=True):
        found += [f"{PREFIX}{name} {port} is the port of {SERVER_PORTS[port]}"] if port in SERVER_PORTS else []
    return found


def check_address(name: str, value: str, *, may_be_all: bool = False) -> list[str]:
    """Refuse what is not one address; it is written into options, and the agent listens there."""
    if not value:
        return []
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return [f"{name} {value[:60]!r} is not an IP address"]
    is_scoped = isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None
    if is_scoped or address.is_multicast or (address.is_unspecified and not may_be_all):
        return [f"{name} {value[:60]!r} is no address of one pod"]
    return []


def check_encryption(values: Mapping[str, str]) -> list[str]:
    """Refuse rsync with TLS: without stunnel, which the image has not, it would send all data unencrypted."""
    if values["TLS_DIR"] and values["SST_METHOD"] == "rsync":
        return [f"{PREFIX}TLS_DIR needs {PREFIX}SST_METHOD=mariabackup: rsync sends unencrypted"]
    return []


def check_series(values: Mapping[str, str], name: str) -> list[str]:
    """Refuse what is no major version of a server."""
    valid = not values[name] or re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", values[name])
    return [] if valid else [f"{PREFIX}{name} {values[name]!r} is not a major version like 10.11"]


def check_absolute(values: Mapping[str, str], *names: str) -> list[str]:
    """Refuse relative names: the server and this toolkit resolve them from different folders."""
    relative = [name for name in names if values[name] and not values[name].startswith("/")]
    return [f"{PREFIX}{name} {values[name]!r} does not begin with /" for name in relative]


def check_choice(values: Mapping[str, str], name: str, *choices: str) -> list[str]:
    """Refuse what is none of these words."""
    return [] if values[name] in choices else [f"{PREFIX}{name} {values[name]!r} is not one of {', '.join(choices)}"]


def check_replication(values: Mapping[str, str], last: int) -> list[str]:
    """Refuse numbers that would be too large for the member with the ordinal `last`, and a domain without an id."""
    most = (1 << 32) - 2 - last
    given = [name for name in ("SERVER_ID", "GTID_DOMAIN") if values[name]]
    found = [line for name in given for line in check_number(values, name, 1, most)]
    if given == ["GTID_DOMAIN"]:
        found.append(f"{PREFIX}GTID_DOMAIN needs {PREFIX}SERVER_ID: another cluster must know whose commits they are")
    return found


def parse_provider_options(text: str) -> tuple[tuple[str, str], ...]:
    """Parse the setting; raises SettingInvalidError for an option that it must not give."""
    options = []
    for part in filter(None, map(str.strip, text.split(";"))):
        if why := provider_options.why_refused(part):
            raise SettingInvalidError(f"{PREFIX}PROVIDER_OPTIONS: {part!r} is not allowed: {why}")
        key, _, value = part.partition("=")
        options.append((key.strip(), value.strip()))
    return tuple(options)


def parse_secret_files(text: str, keys: Iterable[str]) -> dict[str, str]:
    """Parse the setting; raises SettingInvalidError for a file that no pod reads, or a name that no key can have."""
    names: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        ours, _, theirs = (word.strip() for word in part.partition("="))
        if ours not in keys:
            raise SettingInvalidError(f"{PREFIX}SECRET_FILES: {ours[:60]!r} is none of {', '.join(keys)}")
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", theirs) or theirs.startswith("."):
            raise SettingInvalidError(f"{PREFIX}SECRET_FILES: {part[:60]!r}: {theirs[:60]!r} is no key of a Secret")
        names[ours] = theirs
    return names
