"""The names of a headless Service: its suffix, its pods, and the cluster domain from the text of resolv.conf.

Knows how Kubernetes composes names (<pod>.<service>.<namespace>.svc.<domain>) and how a resolver reads `search`.
Reads no file and asks no server.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from peerfinder.core.peers import LABEL, NAME_MAX, is_name, normal, ordered, shown
from peerfinder.errors import AnswerInvalidError, DomainUnknownError, UsageError

SUFFIX_MAX = NAME_MAX - len("p.")
"""The longest name of a Service that leaves room for that of a pod, in characters."""


@dataclass(frozen=True)
class Names:
    """A headless Service by its full name."""

    service: str
    """Name of the governing Service."""
    namespace: str
    """Namespace of the Service."""
    domain: str
    """Cluster domain, such as cluster.local."""

    def __post_init__(self) -> None:
        """Refuse parts that cannot be part of a DNS name; raises UsageError."""
        for part, meaning in ((self.service, "service"), (self.namespace, "namespace")):
            if not LABEL.fullmatch(part):
                raise UsageError(f"the {meaning} {shown(part)} is no DNS label of lower-case letters, digits and -")
        if not is_name(self.domain):
            raise UsageError(f"the cluster domain {shown(self.domain)} is no domain name; set -domain")
        if len(self.suffix) > SUFFIX_MAX:
            raise UsageError(f"{shown(self.suffix)} is too long: no name of a pod below it could be asked for")

    @property
    def suffix(self) -> str:
        """The name of the Service, below which every peer's name lies."""
        return f"{self.service}.{self.namespace}.svc.{self.domain}"

    def of_pod(self, pod: str) -> str:
        """Name a pod of the Service; *pod* may be a host name of several labels, whose first counts."""
        return f"{normal(pod).split('.')[0]}.{self.suffix}"

    def question(self, port_name: str = "", protocol: str = "tcp") -> str:
        """Give the owner name of the SRV records.

        Without a port this is the Service itself, which CoreDNS and kube-dns answer with all its ports;
        `_port._tcp.` is the form that the DNS specification of Kubernetes promises (section 2.4).
        Raises UsageError for what is no name of a port.
        """
        if not port_name:
            return self.suffix
        name = f"_{port_name}._{protocol}.{self.suffix}"
        if not LABEL.fullmatch(port_name) or len(name) > NAME_MAX:
            raise UsageError(f"the port name {shown(port_name)} is not the name of a port of the Service")
        return name

    def accepted(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Validate the targets of an answer; k ports of a pod collapse into one peer.

        Raises AnswerInvalidError if a single target is not one LDH label below the suffix: Galera takes options
        from the text of an address, so one forged record could switch its split-brain protection off.
        """
        names = [normal(target) for target in targets]
        for name in names:
            pod, _, rest = name.partition(".")
            if rest != self.suffix or not LABEL.fullmatch(pod) or len(name) > NAME_MAX:
                raise AnswerInvalidError(
                    f"the answer is refused as a whole: {shown(name)} is no peer name of the form POD.{self.suffix}; "
                    "check -service, -ns and -domain, and who answers DNS here"
                )
        return ordered(names)


def search_list(text: str) -> tuple[str, ...]:
    """Read the search list of resolv.conf: the last `search` or `domain` line counts (resolv.conf(5)).

    Entries that are no domain names are dropped: one bad entry must not hide the good ones.
    """
    found: tuple[str, ...] = ()
    for words in directives(text):
        if words[0] in ("search", "domain"):
            found = tuple(name for name in map(normal, words[1:]) if is_name(name))
    return found


def directives(text: str) -> Iterator[list[str]]:
    """Split resolv.conf into lines of words, without comments, carriage returns and byte order mark."""
    for line in text.removeprefix("\ufeff").split("\n"):
        words = line.split()
        ends = (n for n, word in enumerate(words) if word[0] in "#;")
        if words := words[: next(ends, None)]:
            yield words


def from_resolv_conf(text: str, namespace: str) -> str:
    """Tell the cluster domain from the search list that the kubelet wrote: `<ns>.svc.<domain> svc.<domain> <domain>`.

    The entry of our own namespace is the best witness, then another namespace's, then `svc.<domain>`.
    `svc` counts only as a whole label. Raises DomainUnknownError if no entry has it.
    """
    split = [name.split(".") for name in search_list(text)]
    own = [labels[2:] for labels in split if labels[:2] == [namespace, "svc"] and labels[2:]]
    other = [labels[2:] for labels in split if labels[1:2] == ["svc"] and labels[2:]]
    bare = [labels[1:] for labels in split if labels[:1] == ["svc"] and labels[1:]]
    for labels in own + other + bare:
        return ".".join(labels)
    listed = " ".join(search_list(text)) or "nothing"
    raise DomainUnknownError(
        f"the cluster domain is unknown: resolv.conf searches {listed}, no entry is <namespace>.svc.<domain>; "
        "set -domain (usually cluster.local) or give the pod dnsPolicy ClusterFirst or ClusterFirstWithHostNet"
    )


def namespace_from(text: str) -> str:
    """Tell the pod's namespace from the search list; raises DomainUnknownError."""
    for labels in (name.split(".") for name in search_list(text)):
        if labels[1:2] == ["svc"] and labels[2:]:
            return labels[0]
    raise DomainUnknownError("the namespace is unknown: set -ns, or POD_NAMESPACE by the downward API")


def names_of(service: str, namespace: str, domain: str, resolv_conf: str, pod_namespace: str = "") -> Names:
    """Complete what was set by what resolv.conf says; *service* may be written with its namespace and domain.

    *pod_namespace* is the pod's own: it counts where nothing else was asked for, and contradicts nothing.
    Raises UsageError for a part that is no DNS name or contradicts another, DomainUnknownError for a missing one.
    """
    short, *rest = normal(service).split(".")
    written = rest[0] if rest else ""
    if rest[1:] and rest[1] != "svc":
        raise UsageError(f"the service {shown(service)} is not NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.DOMAIN")
    ns = _one("ns", normal(namespace), written) or normal(pod_namespace) or namespace_from(resolv_conf)
    zone = _one("domain", normal(domain), ".".join(rest[2:])) or from_resolv_conf(resolv_conf, ns)
    return Names(short, ns, zone)


def _one(flag: str, given: str, written: str) -> str:
    """Choose between a flag and the same part of a long service name; raises UsageError if they differ."""
    if given and written and given != written:
        raise UsageError(f"-{flag}={shown(given)} contradicts the service name, which says {shown(written)}")
    return given or written
