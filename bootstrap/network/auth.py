"""The HMAC over a message between two agents: its sender, its receiver, and the request that it answers.

The length of every part is written before it, so two different messages never have the same text under the HMAC.
The direction is part of it, so a request cannot be sent back as an answer; an answer repeats the nonce of its request,
so neither a replayed nor a redirected answer counts.  A request names the runs of both agents and is numbered
(`callers`), so it counts once.  Two keys are accepted while a key is being rotated.
"""

import hashlib
import hmac
from typing import NamedTuple

PROTOCOL = "galera-bootstrap/1"
"""Part of every HMAC: a message of another protocol version does not verify."""


class Message(NamedTuple):
    """Everything that the HMAC covers."""

    direction: str
    """`request`, `answer`, or `run`: an answer that only shows which run of the agent this is."""
    target: str
    """Method and path of the request."""
    cluster_id: str
    """The cluster that both belong to."""
    sender: str
    """The sending pod and the run of its agent: `pod/run_id`."""
    receiver: str
    """The receiving pod and the run of its agent, empty if not known yet; in an answer the sender of the request."""
    nonce: str
    """Random, chosen by the sender of the request for this one exchange."""
    body: bytes
    """The content."""
    state: str = ""
    """Of a request: the state of the sender that the receiver may be waiting for."""

    def seal(self, key: bytes) -> str:
        """Compute the HMAC-SHA256, in hexadecimal; a message of another cluster has another one (R35)."""
        texts = (PROTOCOL, self.direction, self.target, self.cluster_id, self.sender, self.receiver, self.nonce)
        mac = hmac.new(key, digestmod=hashlib.sha256)
        for part in (*(text.encode() for text in (*texts, self.state)), self.body):
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.hexdigest()

    def is_sealed(self, keys: tuple[bytes, ...], seal: str) -> bool:
        """Whether one of the keys made this seal; every wrong seal takes the same time."""
        given = seal.encode(errors="replace")
        return sum(hmac.compare_digest(self.seal(key).encode(), given) for key in keys) > 0

    def answer(self, sender: str, body: bytes) -> "Message":
        """Make the message that answers this request."""
        return self._replace(direction="answer", sender=sender, receiver=self.sender, body=body, state="")

    def answer_run(self, sender: str) -> "Message":
        """Make the message that shows the sender of this request which run of the agent to ask."""
        return self.answer(sender, b"")._replace(direction="run")
