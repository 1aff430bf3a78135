"""A lab's own network: a bridge on this machine and a network namespace for each pod, as a CNI plugin makes them.

It needs root.
A lab that was killed leaves its bridge and namespaces behind. They have `lab<X>` in their names; remove them by hand:
`ip link delete lab7`, `ip netns delete lab7-mysql-0`.
"""

import subprocess

BASE = "198.18"
"""A part of 198.18.0.0/15, which is reserved for benchmarks and not routed (RFC 2544)."""


class BridgeError(OSError):
    """The kernel refused a step; the message names it."""


class Bridge:
    """The bridge `lab<X>` with the address 198.18.X.1/24, and the pods that are plugged into it."""

    def __init__(self, network: int) -> None:
        """Create it; raises BridgeError if there is already one with that number."""
        self.name = f"lab{network}"
        self._ports: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        run_ip("link", "add", self.name, "type", "bridge")
        try:
            run_ip("address", "add", f"{BASE}.{network}.1/24", "dev", self.name)
            run_ip("link", "set", self.name, "up")
        except BridgeError:
            self.close()
            raise

    def plug(self, pod: str, address: str) -> str:
        """Make a new network namespace with this address for a pod; returns its name.  Raises BridgeError."""
        space, port = f"{self.name}-{pod}", f"{self.name}p{address.rpartition('.')[2]}"
        run_ip("netns", "add", space)
        run_ip("link", "add", port, "master", self.name, "type", "veth", "peer", "name", "eth0", "netns", space)
        self._ports[pod], self._addresses[pod] = port, address
        run_ip("-n", space, "link", "set", "lo", "up")
        run_ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        run_ip("-n", space, "link", "set", "eth0", "up")
        run_ip("link", "set", port, "up")
        return space

    def unplug(self, pod: str) -> None:
        """Remove a pod's namespace, in which no process may run any more."""
        port = self._ports.pop(pod)
        # The kernel removes the interfaces of a deleted namespace later, but the pod's successor needs the name now.
        run_ip("link", "delete", port)
        run_ip("netns", "delete", f"{self.name}-{pod}")

    def cut(self, pod: str) -> None:
        """Cut the pod off in both directions, without a sign to any open connection."""
        run_ip("link", "set", self._ports[pod], "down")

    def reconnect(self, pod: str) -> None:
        """Undo `cut`."""
        run_ip("link", "set", self._ports[pod], "up")

    def block(self, source: str, target: str) -> None:
        """Lose all that one pod sends to the other, without an error; all other directions stay open.

        The frames go to a hardware address that no card has.
        """
        wrong = ("lladdr", "02:00:00:00:00:00", "nud", "permanent")
        run_ip("-n", f"{self.name}-{source}", "neigh", "replace", self._addresses[target], "dev", "eth0", *wrong)

    def unblock(self, source: str, target: str) -> None:
        """Undo `block`."""
        run_ip("-n", f"{self.name}-{source}", "neigh", "delete", self._addresses[target], "dev", "eth0")

    def close(self) -> None:
        """Remove the bridge and all namespaces."""
        for pod in list(self._ports):
            self.unplug(pod)
        run_ip("link", "delete", self.name)


def run_ip(*arguments: str) -> None:
    """Run ip(8) with these arguments; raises BridgeError."""
    done = subprocess.run(("ip", *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BridgeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def check() -> None:
    """Raise BridgeError if no bridge can be made here."""
    Bridge(0).close()
