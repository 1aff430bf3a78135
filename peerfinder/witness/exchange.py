"""One line over TCP: `NAMESPACE/POD STATE`, from the pod that was connected to, to whoever connects.

The port tells nothing but one of three words, and reads nothing.  An address in DNS may belong to another pod by now,
so only an answer with the expected name counts.
"""

import socket
from collections.abc import Callable
from time import monotonic

from peerfinder.core.first_start import Member, Volume
from peerfinder.core.peers import quote
from peerfinder.dns import lookup
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import CannotListenError, LookupFailedError, NoRecordsError, VolumeUnknownError

PORT = 4570

ASK_SECONDS = 3.0
"""The longest time for one question, with the look-up of the address."""

LOOK_SECONDS = 1.0
"""Between two looks at the own volume while nobody asks: the mark must go also when all pods have started."""

SEND_SECONDS = 1.0
"""The longest time for an answer; it fits into the kernel's buffer, so only a client that has gone takes longer."""

ANSWER_MAX = 400
"""A namespace, a pod and a word are shorter, octets."""

UNKNOWN = "unknown"
"""The word for a volume that cannot be read; no pod takes it for an answer."""


def listen(address: str, port: int) -> socket.socket:
    """Listen on an address, or on all of both families if it is empty; raises CannotListenError."""
    has_both = not address and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if has_both or ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=64, dualstack_ipv6=has_both)
    except OSError as exc:
        where = f"port {port} of {address}" if address else f"port {port}"
        raise CannotListenError(
            f"cannot listen on {where}: {exc.strerror}; --address and --port name another one"
        ) from exc


def serve(server: socket.socket, name: str, look: Callable[[], Volume], log: Callable[[str], None]) -> None:
    """Answer each connection with our name and what is on the volume now, without end.

    `look` may raise VolumeUnknownError: the answer is `unknown` then, and the error is logged when it is new.
    """
    server.settimeout(LOOK_SECONDS)
    last_error = ""
    while True:
        client = _accept(server)
        try:
            word, error = look().value, ""
        except VolumeUnknownError as exc:
            word, error = UNKNOWN, str(exc)
        if error and error != last_error:
            log(error)
        last_error = error
        if client:
            with client:
                _send(client, f"{name} {word}\n")


def _accept(server: socket.socket) -> socket.socket | None:
    """Return the next connection; None if none came, or it has gone again."""
    try:
        return server.accept()[0]
    except (TimeoutError, ConnectionError):
        return None


def _send(client: socket.socket, line: str) -> None:
    try:
        client.settimeout(SEND_SECONDS)
        client.sendall(line.encode())
    except OSError:
        return  # the client may have gone; it asks again


def ask(member: Member, nameservers: Nameservers, port: int) -> tuple[Volume | None, str]:
    """Ask another pod; returns what is on its volume and "", or None and why that is not known."""
    end = monotonic() + ASK_SECONDS
    try:
        addresses = lookup.find_addresses(member.fqdn, nameservers, ASK_SECONDS)
    except (NoRecordsError, LookupFailedError) as exc:
        return None, str(exc)
    name, host, why = f"{member.namespace}/{member.name}", member.fqdn, ""
    for address in addresses:
        try:
            answer = _read_line(address, port, end)
        except OSError as exc:
            why = f"{host} ({address}) does not answer on port {port}: {exc.strerror or exc}"
            continue
        claimed, _, word = answer.partition(" ")
        if claimed == name and word in [*Volume]:
            return Volume(word), ""
        why = f"{host} ({address}) answers {quote(answer)}, which is not what {name} has on its volume"
    return None, why


def _read_line(address: str, port: int, end: float) -> str:
    """Read the one line of a pod; raises OSError."""
    with socket.create_connection((address, port), max(0.05, end - monotonic())) as connection:
        line = b""
        while not line.endswith(b"\n") and len(line) < ANSWER_MAX:
            connection.settimeout(max(0.05, end - monotonic()))
            if not (more := connection.recv(ANSWER_MAX)):
                break
            if monotonic() > end:
                raise TimeoutError("timed out")
            line += more
    return line.decode("ascii", "replace").removesuffix("\n")
