"""Addresses of a cluster, and the wires between its machines.

The control plane's machine is the switch and the router: a bridge with a port for each node, and a route to each
node's pods.
"""

import subprocess

from tests.kubernetes.machines.spaces import Spaces
from tests.kubernetes.waiting import ClusterError

CONTROL = "10.10.0.1"
"""The address of the control plane: the API server, and the DNS server of the pods."""
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
PODS = "10.244.0.0/16"

CONTROL6 = "fd00:10::1"
SERVICES6 = "fd00:96::/112"
PODS6 = "fd00:244::/56"
"""The same for IPv6, in addition, in a cluster of both families."""


def node_address(number: int) -> str:
    """The address of a node; nodes are counted from 1."""
    return f"10.10.0.{10 + number}"


def node_pods(number: int) -> str:
    """The addresses of a node's pods."""
    return f"10.244.{number}.0/24"


def node_address6(number: int) -> str:
    """The IPv6 address of a node, in a cluster of both families."""
    return f"fd00:10::{10 + number}"


def node_pods6(number: int) -> str:
    """The IPv6 addresses of a node's pods."""
    return f"fd00:244:0:{number}::/64"


def services(*, dual: bool) -> str:
    """The addresses of Services, in the form that Kubernetes' programs read."""
    return f"{SERVICES},{SERVICES6}" if dual else SERVICES


def make_switch(control: Spaces, *, dual: bool) -> None:
    """Make the bridge."""
    control.run("ip", "link", "add", "nodes", "type", "bridge")
    control.run("ip", "address", "add", f"{CONTROL}/24", "dev", "nodes")
    control.run("ip", "link", "set", "nodes", "up")
    if dual:
        # Without duplicate address detection: during it, no program could bind the address.
        control.run("ip", "address", "add", f"{CONTROL6}/64", "dev", "nodes", "nodad")
        control.run("sysctl", "--quiet", "--write", "net.ipv6.conf.all.forwarding=1")


def unplug(control: Spaces, port: str) -> None:
    """Remove an old wire: after the end of a network namespace, the kernel needs some time to clean up."""
    # The wire may vanish between the check and the removal.
    control.run("sh", "-c", f"! ip link show {port} || ip link delete {port} || ! ip link show {port}")


def plug(control: Spaces, node: Spaces, number: int, *, dual: bool) -> None:
    """Make a wire from the switch to a node; it vanishes when one of them ends."""
    port = f"node{number}"
    unplug(control, port)
    # From outside of both PID namespaces, because the peer is named by its pid.
    wire = (
        "ip",
        "link",
        "add",
        port,
        "master",
        "nodes",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        str(node.pid),
    )
    done = subprocess.run((*control.enter("--net"), *wire), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"the wire to {node.name} cannot be made: {done.stderr.strip()}")
    control.run("ip", "link", "set", port, "up")
    control.run("ip", "route", "replace", node_pods(number), "via", node_address(number))
    node.run("ip", "address", "add", f"{node_address(number)}/24", "dev", "eth0")
    node.run("ip", "link", "set", "eth0", "up")
    node.run("ip", "route", "add", "default", "via", CONTROL)
    if dual:
        node.run("sysctl", "--quiet", "--write", "net.ipv6.conf.all.forwarding=1")
        node.run("ip", "address", "add", f"{node_address6(number)}/64", "dev", "eth0", "nodad")
        node.run("ip", "-6", "route", "add", "default", "via", CONTROL6)
        control.run("ip", "-6", "route", "replace", node_pods6(number), "via", node_address6(number))
