"""Clients of a proxy in front of `members.Members`, which send their names to each client."""

import socket
from contextlib import closing

from tests.support.haproxy.proxy import PATIENCE, PORTS, Proxy


def connect(proxy: Proxy) -> socket.socket:
    """Connect to the port for clients."""
    return socket.create_connection((proxy.ip, PORTS["clients"]), timeout=PATIENCE)


def read_member(connection: socket.socket) -> str:
    """Read the name of the member at the other end; empty when the connection was closed."""
    try:
        return connection.recv(100).decode().strip()
    except ConnectionResetError:
        return ""


def ask_member(connection: socket.socket) -> str:
    """Ask for the member's name on a connection that is in use."""
    connection.sendall(b"?")
    return read_member(connection)


def find_writer(proxy: Proxy) -> str:
    """The member that answers a new client; empty when the client is refused."""
    try:
        with closing(connect(proxy)) as connection:
            return read_member(connection)
    except ConnectionResetError:
        return ""
