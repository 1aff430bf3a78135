"""What a starter reads from the agent's answers."""

from bootstrap.core.model.codec import Json, load
from bootstrap.core.model.disk import Disk, JournalHints, Position


def ordinals_in(answer: Json) -> frozenset[int]:
    """The ordinals that the agent expects."""
    ordinals = answer.get("ordinals")
    return frozenset(int(o) for o in ordinals) if isinstance(ordinals, list) else frozenset()


def addresses_in(hello: Json) -> dict[str, str]:
    """The addresses of pods that the agent has just looked up, so that none of them needs a second question to DNS."""
    addresses = hello.get("addresses")
    return {pod: str(address) for pod, address in addresses.items()} if isinstance(addresses, dict) else {}


def hints_in(hello: Json) -> JournalHints:
    """What the journal knows of the datadir."""
    base = hello.get("base")
    return JournalHints(
        joining=bool(hello.get("joining")),
        same_boot=bool(hello.get("same_boot")),
        initialised=bool(hello.get("initialised")),
        base=Position(str(base["uuid"]), int(base["seqno"])) if isinstance(base, dict) else None,
    )


def disk_in(hello: Json) -> Disk | None:
    """The report of an earlier starter."""
    return load(Disk, hello["disk"]) if hello.get("disk") else None


def fingerprint_in(hello: Json) -> str:
    """The datadir's fingerprint at that report."""
    return str(hello.get("fingerprint", ""))


def donors_in(permission: Json) -> tuple[str, ...]:
    """The pods to ask for the data first."""
    donors = permission.get("donors")
    return tuple(str(pod) for pod in donors) if isinstance(donors, list) else ()


def may_start(decision: Json) -> bool:
    """Whether this pod may start its server."""
    return bool(decision.get("action"))


def is_settled(decision: Json) -> bool:
    """Whether it is decided which pod starts first: this pod may start, or a promise binds it, perhaps to another."""
    return may_start(decision) or (decision["kind"] == "wait" and bool(decision["term"]))
