"""The names of a headless Service: its suffix, its pods, and the cluster domain from the text of resolv.conf.

Knows how Kubernetes composes names (<pod>.<service>.<namespace>.svc.<domain>) and how a resolver reads `search`.
Reads no file and sends no query.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from peerfinder.core.peers import LABEL, NAME_MAX, is_name, normalize, quote, sort_names
from peerfinder.errors import AnswerInvalidError, DomainUnknownError, UsageError

POD_NAME = r"(?P<set>[a-z0-9]([-a-z0-9]*[a-z0-9])?)-(?P<ordinal>0|[1-9][0-9]{0,5})"
"""The regular expression of the names that a StatefulSet gives its pods: an RFC 1123 label and the ordinal."""

SUFFIX_MAX = NAME_MAX - len("p.")
"""The longest name of a Service that leaves room for a pod's label, in characters."""


class Names(NamedTuple):
    """A headless Service by its full name; `build_names` checks the parts."""

    service: str
    """Name of the governing Service."""
    namespace: str
    """Namespace of the Service."""
    domain: str
    """Cluster domain, such as cluster.local."""

    @property
    def suffix(self) -> str:
        """The full name of the Service. Every peer is one label below it."""
        return f"{self.service}.{self.namespace}.svc.{self.domain}"

    def pod_fqdn(self, pod: str) -> str:
        """Return the full name of a pod of the Service; of a host name with several labels, the first counts."""
        return f"{normalize(pod).split('.')[0]}.{self.suffix}"

    def srv_name(self, port_name: str = "", protocol: str = "tcp") -> str:
        """Return the owner name of the SRV records.

        Without a port this is the Service itself: CoreDNS and kube-dns answer with all its ports.
        The DNS specification of Kubernetes promises the form `_port._tcp.` only (section 2.4).
        Raises UsageError for a text that cannot be the name of a port.
        """
        if not port_name:
            return self.suffix
        name = f"_{port_name}._{protocol}.{self.suffix}"
        if not LABEL.fullmatch(port_name) or len(name) > NAME_MAX:
            raise UsageError(f"the port name {quote(port_name)} is not the name of a port of the Service")
        return name

    def validate_targets(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Return the targets of an answer as peers; a pod with several ports is one peer.

        Raises AnswerInvalidError if any target is not one LDH label below the suffix: Galera takes options
        from the text of an address, so one forged record could switch its split-brain protection off.
        """
        names = [normalize(target) for target in targets]
        for name in names:
            pod, _, rest = name.partition(".")
            if rest != self.suffix or not LABEL.fullmatch(pod) or len(name) > NAME_MAX:
                raise AnswerInvalidError(
                    f"the answer is refused as a whole: {quote(name)} is not a peer name of the form "
                    f"POD.{self.suffix}; check -service, -ns and -domain, and which server answers DNS here"
                )
        return sort_names(names)


def parse_search_list(text: str) -> tuple[str, ...]:
    """Read the search list of resolv.conf: the last `search` or `domain` line counts (resolv.conf(5)).

    Entries that are not domain names are dropped: one bad entry must not hide the good ones.
    """
    entries: tuple[str, ...] = ()
    for words in parse_directives(text):
        if words[0] in ("search", "domain"):
            entries = tuple(name for name in map(normalize, words[1:]) if is_name(name))
    return entries


def parse_directives(text: str) -> Iterator[list[str]]:
    """Split resolv.conf into lines of words, without comments, carriage returns and byte order mark."""
    for line in text.removeprefix("\ufeff").split("\n"):
        words = line.split()
        ends = (n for n, word in enumerate(words) if word[0] in "#;")
        if words := words[: next(ends, None)]:
            yield words


def parse_options(text: str) -> tuple[str, ...]:
    """Read the words of all `options` lines of resolv.conf, in order."""
    return tuple(word for words in parse_directives(text) if words[0] == "options" for word in words[1:])


def find_cluster_domain(text: str, namespace: str) -> str:
    """Find the cluster domain in the search list that the kubelet wrote: `<ns>.svc.<domain> svc.<domain> <domain>`.

    The entry of our own namespace is preferred, then that of another namespace, then `svc.<domain>`.
    `svc` counts only as a whole label. Raises DomainUnknownError if no entry has it.
    """
    split = [name.split(".") for name in parse_search_list(text)]
    own = [labels[2:] for labels in split if labels[:2] == [namespace, "svc"] and labels[2:]]
    other = [labels[2:] for labels in split if labels[1:2] == ["svc"] and labels[2:]]
    bare = [labels[1:] for labels in split if labels[:1] == ["svc"] and labels[1:]]
    for labels in own + other + bare:
        return ".".join(labels)
    listed = " ".join(parse_search_list(text)) or "nothing"
    raise DomainUnknownError(
        f"the cluster domain is unknown: resolv.conf searches {listed}, no entry is <namespace>.svc.<domain>; "
        "set -domain (usually cluster.local) or give the pod dnsPolicy ClusterFirst or ClusterFirstWithHostNet"
    )


def find_namespace(text: str) -> str:
    """Find the pod's namespace in the search list; raises DomainUnknownError."""
    for labels in (name.split(".") for name in parse_search_list(text)):
        if labels[1:2] == ["svc"] and labels[2:]:
            return labels[0]
    raise DomainUnknownError("the namespace is unknown: set -ns, or POD_NAMESPACE by the downward API")


def build_names(service: str, namespace: str, domain: str, resolv_conf: str, pod_namespace: str = "") -> Names:
    """Build the names from settings and, where they are missing, from the text of resolv.conf.

    *service* may include its namespace and domain. *pod_namespace* is the pod's own: it counts only where no other
    namespace is set, so it contradicts nothing.
    Raises UsageError for a part that is not a DNS name or contradicts another, DomainUnknownError for a missing one.
    """
    short, *rest = normalize(service).split(".")
    ns_in_service = rest[0] if rest else ""
    if rest[1:] and rest[1] != "svc":
        raise UsageError(f"the service {quote(service)} is not NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.DOMAIN")
    ns = _choose("ns", normalize(namespace), ns_in_service) or normalize(pod_namespace) or find_namespace(resolv_conf)
    zone = _choose("domain", normalize(domain), ".".join(rest[2:])) or find_cluster_domain(resolv_conf, ns)
    names = Names(short, ns, zone)
    _check_parts(names)
    return names


def _check_parts(names: Names) -> None:
    """Refuse parts that cannot belong to a DNS name; raises UsageError."""
    for part, role in ((names.service, "service"), (names.namespace, "namespace")):
        if not LABEL.fullmatch(part):
            raise UsageError(f"the {role} {quote(part)} is not a DNS label of lower-case letters, digits and -")
    if not is_name(names.domain):
        raise UsageError(f"the cluster domain {quote(names.domain)} is not a domain name; set -domain")
    if len(names.suffix) > SUFFIX_MAX:
        raise UsageError(f"{quote(names.suffix)} is too long: the name of a pod below it would not fit into a DNS name")


def _choose(flag: str, value: str, in_service: str) -> str:
    """Choose between a flag and the same part of a long service name; raises UsageError if they differ."""
    if value and in_service and value != in_service:
        raise UsageError(f"-{flag}={quote(value)} contradicts the service name, which says {quote(in_service)}")
    return value or in_service
