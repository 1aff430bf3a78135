"""A peer of which nothing is known, and whether that is silence: an answer that is not understood is none."""

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
    """What to look at, if the reason shows it; the same for all peers with this reason."""
    contact: Contact = Contact.NOT_ASKED
    """What came from its address."""

    @property
    def is_silent(self) -> bool:
        """Whether it was asked and no agent answered there: only such a pod can be given up by an override."""
        return self.contact in (Contact.NOTHING, Contact.REFUSAL)
