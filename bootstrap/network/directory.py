"""The names and addresses of the StatefulSet's pods, by DNS."""

import hmac  # noqa: F401  # dnspython, which comes later, wants it: here it does without OpenSSL where `lean` says so
from typing import TYPE_CHECKING

from bootstrap.core.model.facts import Unknown
from bootstrap.settings import Settings, parse_pod_name
from peerfinder.core import names
from peerfinder.dns.nameservers import Nameservers, read_resolv_conf
from peerfinder.errors import NoRecordsError, PeerFinderError

if TYPE_CHECKING:
    pass


DNS_DEADLINE_S = 1.0
"""For one name."""


NOT_RUNNING = "a pod without an address does not run; when it is not even created, podManagementPolicy must be Parallel"


NO_NAMES = (
    "nor has this pod an address there: the Service must set publishNotReadyAddresses, and GALERA_BOOTSTRAP_SERVICE "
    "must be the StatefulSet's serviceName"
)


class Directory:
    """Names and addresses of the StatefulSet's pods."""

    def __init__(self, settings: Settings) -> None:
        """Read resolv.conf where no setting stands in for it; raises PeerFinderError when the domain is unknown."""
        text = read_resolv_conf()
        self.pod, self.set_name, self.own_address = settings.pod, settings.set_name, settings.pod_ip
        self.names = names.build_names(settings.service, settings.namespace, settings.domain, text)
        given = settings.nameserver
        self.nameservers = Nameservers.from_text(given) if given else Nameservers.from_resolv_conf(text)

    def address(self, pod: str, remembered: str = "") -> str | Unknown:
        """The first address of a pod; the remembered one only if DNS cannot tell, not if it denies the name."""
        try:
            return self._addresses(pod)[0]
        except NoRecordsError as exc:
            return Unknown(str(exc), self.cure())
        except PeerFinderError as exc:
            return remembered or Unknown(str(exc))

    def cure(self) -> str:
        """What to look at when a peer has no address: the peer (R20), or the Service, where this pod has none (R21)."""
        try:
            self._addresses(self.pod)
        except NoRecordsError:
            return NO_NAMES
        except PeerFinderError:
            return ""
        return NOT_RUNNING

    def ordinals(self) -> frozenset[int]:
        """The ordinals that the Service's SRV records show; raises PeerFinderError."""
        from peerfinder.dns import lookup  # noqa: PLC0415  # dnspython is dear, and a starter asks nobody

        return self.ordinals_of(lookup.find_peers(self.names, self.nameservers, DNS_DEADLINE_S))

    def ordinals_of(self, names: tuple[str, ...]) -> frozenset[int]:
        """The ordinals of those names that are pods of this StatefulSet."""
        pods = (parse_pod_name(name.partition(".")[0]) for name in names)
        return frozenset(pod[1] for pod in pods if pod and pod[0] == self.set_name)

    def _addresses(self, pod: str) -> tuple[str, ...]:
        from peerfinder.dns import lookup  # noqa: PLC0415  # see above

        return lookup.find_addresses(self.names.pod_fqdn(pod), self.nameservers, DNS_DEADLINE_S)
