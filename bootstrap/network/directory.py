"""The names and addresses of the StatefulSet's pods, by DNS."""

import hmac  # noqa: F401  # dnspython imports it later: here it does without OpenSSL where `peerfinder.imports` says so
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType

from bootstrap.core.model.unknown import NO_DNS, NO_NAMES, NOT_RUNNING, Contact, Unknown
from bootstrap.errors import SettingInvalidError
from bootstrap.settings import Settings
from peerfinder.core.names import Names, build_names
from peerfinder.dns.nameservers import Nameservers, read_resolv_conf
from peerfinder.errors import NoRecordsError, PeerFinderError

DNS_DEADLINE_S = 1.0
"""For one name."""

NONE_KNOWN: Mapping[str, str] = MappingProxyType({})


class Directory:
    """Names and addresses of the StatefulSet's pods."""

    def __init__(self, settings: Settings, names: Names, nameservers: Nameservers) -> None:
        self.settings = settings
        self.names = names
        self.nameservers = nameservers

    @classmethod
    def open(cls, settings: Settings) -> "Directory":
        """Read resolv.conf, for what the settings leave open; raises SettingInvalidError if the domain is unknown."""
        given = settings.nameserver if settings.has_dns else ""
        try:
            text = read_resolv_conf()
            names = build_names(settings.service, settings.namespace, settings.domain, text)
            nameservers = Nameservers.from_text(given) if given else Nameservers.from_resolv_conf(text)
        except PeerFinderError as exc:
            raise SettingInvalidError(str(exc)) from exc
        return cls(settings, names, nameservers)

    def members(self, ordinals: Iterable[int], known: Mapping[str, str] = NONE_KNOWN) -> tuple[str, ...]:
        """The members for this pod's `wsrep_cluster_address`: as `addresses`, and this pod is always among them."""
        own = self.settings
        return self.addresses({*ordinals, own.ordinal}, {**known, own.pod: own.pod_ip})

    def addresses(self, ordinals: Iterable[int], known: Mapping[str, str] = NONE_KNOWN) -> tuple[str, ...]:
        """The pods for a list of cluster addresses, in the order of the ordinals.

        As names, each on its own: Galera uses only one address of a name.  As addresses where the server cannot resolve
        names (`ADDRESS_TYPE=IP`); a pod that has none yet is left out then, and joins by connecting itself.
        `known` are addresses that need no lookup, by pod.
        """
        pods = [self.settings.pod_of(ordinal) for ordinal in sorted(ordinals)]
        if self.settings.address_type == "DNS":
            return tuple(self.names.pod_fqdn(pod) for pod in pods)
        found = [known.get(pod) or self.address(pod) for pod in pods]
        return tuple(address for address in found if not isinstance(address, Unknown))

    def address(self, pod: str, remembered: str = "") -> str | Unknown:
        """The first address of a pod; the remembered one only if DNS cannot answer, not if it denies the name."""
        try:
            return self._lookup(pod)[0]
        except NoRecordsError as exc:
            return Unknown(str(exc), self.cure(), Contact.NOTHING)
        except PeerFinderError as exc:
            # Without its address it cannot be asked: that is not its silence.
            return remembered or Unknown(str(exc), NO_DNS, Contact.NOT_ASKED)

    def cure(self) -> str:
        """What to look at when a peer has no address: the peer (R20), or the Service, where this pod has none (R21)."""
        try:
            self._lookup(self.settings.pod)
        except NoRecordsError:
            return NO_NAMES
        except PeerFinderError:
            return ""
        return NOT_RUNNING

    def possible_ordinals(self) -> tuple[int, ...]:
        """The ordinals of the configured replicas, and those that DNS shows where it answers."""
        shown: frozenset[int] = frozenset()
        with suppress(PeerFinderError):
            shown = self.ordinals()
        return tuple(sorted(self.settings.configured_ordinals | shown))

    def ordinals(self) -> frozenset[int]:
        """The ordinals that the Service's SRV records show; without DNS, this pod's.  Raises PeerFinderError."""
        if not self.settings.has_dns:
            return self.settings.configured_ordinals
        from peerfinder.dns import lookup  # noqa: PLC0415  # dnspython is expensive, and a starter asks nobody

        return self.ordinals_of(lookup.find_peers(self.names, self.nameservers, DNS_DEADLINE_S))

    def ordinals_of(self, names: tuple[str, ...]) -> frozenset[int]:
        """The ordinals of those names that are pods of this StatefulSet."""
        ordinals = (self.settings.ordinal_of(name.partition(".")[0]) for name in names)
        return frozenset(ordinal for ordinal in ordinals if ordinal is not None)

    def _lookup(self, pod: str) -> tuple[str, ...]:
        from peerfinder.dns import lookup  # noqa: PLC0415  # see above

        return lookup.find_addresses(self.names.pod_fqdn(pod), self.nameservers, DNS_DEADLINE_S)
