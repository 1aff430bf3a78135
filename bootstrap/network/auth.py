"""The HMAC over a message between two agents: who sent it to whom, in answer to what.

Every part is written with its length before it, so that no two different messages have the same text under the HMAC.
The direction is part of it, so that a request cannot be reflected as an answer; the answer repeats the asker's
nonce, so that neither a replayed nor a redirected answer counts.  Two keys are accepted while a key is being rotated.
"""

import hashlib
import hmac
from dataclasses import dataclass, replace

PROTOCOL = "galera-bootstrap/1"
"""Part of every HMAC: a message of another protocol version does not verify."""


@dataclass(frozen=True, slots=True)
class Message:
    """All that the HMAC covers."""

    direction: str
    """`request` or `answer`."""
    target: str
    """Method and path of the request."""
    cluster_id: str
    """The cluster that both belong to."""
    sender: str
    """The sending pod and the life of its agent, `pod/boot_id`."""
    receiver: str
    """The receiving pod; in an answer the asker as it named itself."""
    nonce: str
    """Random, chosen by the asker for this one exchange."""
    body: bytes
    """What is said."""

    def seal(self, key: bytes) -> str:
        """The HMAC-SHA256 in hexadecimal; another cluster's message has another one (R35)."""
        words = (PROTOCOL, self.direction, self.target, self.cluster_id, self.sender, self.receiver, self.nonce)
        mac = hmac.new(key, digestmod=hashlib.sha256)
        for part in (*(word.encode() for word in words), self.body):
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.hexdigest()

    def verified(self, keys: tuple[bytes, ...], seal: str) -> bool:
        """Whether one of the keys made this seal; takes the same time for every wrong one."""
        given = seal.encode(errors="replace")
        return sum(hmac.compare_digest(self.seal(key).encode(), given) for key in keys) > 0

    def answer(self, sender: str, body: bytes) -> "Message":
        """The message that answers this request."""
        return replace(self, direction="answer", sender=sender, receiver=self.sender, body=body)
