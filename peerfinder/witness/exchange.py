"""One line over TCP: `NAMESPACE/POD STATE`, from the pod that was connected to, to its client.

The port tells nothing but one of three words, and reads nothing.  An address in DNS may belong to another pod by now,
so only an answer with the expected name counts.
"""

import os
import socket
from collections.abc import Callable
from time import monotonic

from peerfinder.core.first_start import Replica, Reply, Volume
from peerfinder.core.peers import quote
from peerfinder.dns import lookup
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import CannotListenError, LookupFailedError, NoRecordsError, VolumeUnknownError
from peerfinder.health import listen_at_port

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
    try:
        return listen_at_port(address, port)
    except OSError as exc:
        where = f"port {port} of {address}" if address else f"port {port}"
        why = os.strerror(exc.errno) if exc.errno else str(exc)
        raise CannotListenError(
            f"cannot listen on {where}: {why}; is there a second witness, or the host's network? Another --port "
            "must be the same in all pods"
        ) from exc


def serve(server: socket.socket, name: str, look: Callable[[], Volume], log: Callable[[str], None]) -> None:
    """Answer each connection with our name and what is on the volume now, without end.

    `look` may raise VolumeUnknownError: the answer is `unknown` then.  Each change is logged.
    """
    server.settimeout(LOOK_SECONDS)
    last_said = ""
    while True:
        client = _accept(server)
        try:
            word, error = look().value, ""
        except VolumeUnknownError as exc:
            word, error = UNKNOWN, str(exc)
        said = error or f"{name} has {word} on its volume, and answers on port {server.getsockname()[1]}"
        if said != last_said:
            log(said)
        last_said = said
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


def ask(member: Replica, nameservers: Nameservers, port: int) -> Reply:
    """Ask another pod what is on its volume, at all of its addresses: where two answers differ, nothing is known.

    But data count wherever they are: an old address may still be that of an older pod of this name.
    """
    end = monotonic() + ASK_SECONDS
    try:
        addresses = lookup.find_addresses(member.fqdn, nameservers, ASK_SECONDS)
    except NoRecordsError as exc:
        return Reply(None, str(exc), has_address=False)
    except LookupFailedError as exc:
        return Reply(None, str(exc))
    replies = [_ask_address(member, address, port, end) for address in addresses]
    volumes = {reply.volume for reply in replies if reply.volume}
    if Volume.DATA in volumes:
        return Reply(Volume.DATA)
    if len(volumes) == 1:
        return Reply(volumes.pop())
    if volumes:
        return Reply(None, f"{member.name} has several addresses, {', '.join(addresses)}, with different answers")
    return replies[-1]


def _ask_address(member: Replica, address: str, port: int, end: float) -> Reply:
    name, where = f"{member.namespace}/{member.name}", f"{member.name} ({address})"
    try:
        answer = _read_line(address, port, end)
    except OSError as exc:
        return Reply(None, f"{where} does not answer on port {port}: {exc.strerror or exc}: does its witness run?")
    claimed, _, word = answer.partition(" ")
    if claimed == name and word in [*Volume]:
        return Reply(Volume(word))
    if claimed == name and word == UNKNOWN:
        return Reply(None, f"{where} cannot read its volume: see the log of its witness")
    return Reply(None, f"{where} answers {quote(answer)} instead of {name} and what is on its volume")


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
