"""A peer of which nothing is known: why, what to look at, and whether that is silence.

An answer that is not understood is no silence.  There is one cure for all peers with the same reason, so that it is
shown once.
"""

from enum import StrEnum
from typing import NamedTuple


class Contact(StrEnum):
    """What came from a peer's address when it was asked."""

    NOT_ASKED = "not asked"
    """It could not be asked, or not to the end: nothing is known, not even that it is silent."""
    NOTHING = "nothing"
    """Nothing came, or the peer has no address."""
    REFUSAL = "refusal"
    """The connection was refused: no agent listens there, but the pod's network is up, and a server may be, too."""
    ANSWER = "answer"
    """Something took the connection or answered, whatever it was: the peer may be well, and not understood."""


class Unknown(NamedTuple):
    """A peer that has not answered, or not with a valid answer."""

    reason: str
    """Why not, for humans: silence, refused, a wrong key, another version."""
    cure: str = ""
    """What to look at, if the reason shows it: one of the texts below."""
    contact: Contact = Contact.NOT_ASKED
    """What came from its address."""

    @property
    def is_silent(self) -> bool:
        """Whether it was asked and no agent answered there: only such a pod can be given up by an override."""
        return self.contact in (Contact.NOTHING, Contact.REFUSAL)


UNREACHED = "the pods must reach each other's agents: let NetworkPolicy and service mesh pass port"
"""Where no agent has answered at all, followed by the port's number (R41)."""

SAME_KEY = (
    "all pods must have the same cluster-id and exchange-key: compare these files in the agents; if they are equal, an "
    "agent has not read the new ones: delete the pod that the others do not accept"
)
"""Where an agent and this one do not accept each other's seal."""

SAME_RELEASE = "all pods must run the same release of this toolkit, and nothing else may listen at the agents' port"
"""Where what answers speaks another language."""

ITS_VOLUME = "its agent cannot write down that this pod asks: look at that pod's volume"
"""Where a member must remember this pod before it answers, and cannot."""

WRONG_ADDRESS = "DNS or the network leads to another pod: that passes when the address is no longer in use"
"""Where another pod answers."""

NOT_RUNNING = "a pod without an address does not run; when it is not even created, podManagementPolicy must be Parallel"
"""Where DNS knows this pod, and not the other one."""

OTHER_START = (
    "a pod beyond the expected ones is there: where the StatefulSet has spec.ordinals.start, "
    "GALERA_BOOTSTRAP_ORDINALS_START must be the same number"
)
"""Where the lowest pod was never seen, and one above the expected ones is there."""

HANGS = (
    "its agent hangs, or its node is overloaded: look at that node; an agent that hangs comes back when its pod is "
    "deleted with its grace period"
)
"""Where a connection was taken, and no whole answer came."""

NO_NAMES = (
    "this pod has no address there either: the Service must set publishNotReadyAddresses, and "
    "GALERA_BOOTSTRAP_SERVICE must be the StatefulSet's serviceName"
)
"""Where DNS knows no pod at all."""

NO_DNS = "the name servers must answer this pod: `peer-finder doctor` in the container agent shows why they do not"
"""Where the address of a pod could not be asked for."""
