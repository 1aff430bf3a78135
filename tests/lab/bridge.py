"""A network of its own for a lab: a bridge of this machine, and a network namespace for each pod, as a CNI makes them.

Needs root.  What a lab that was killed leaves behind is told apart by its name, `lab<X>`, and removed by hand:
`ip link delete lab7`, `ip netns delete lab7-mysql-0`.
"""

import subprocess

BASE = "198.18"
"""Of 198.18.0.0/15, which nobody routes (RFC 2544, benchmarks)."""


class BridgeError(OSError):
    """The kernel refused a step; the message says which."""


class Bridge:
    """The bridge `lab<X>` with the address 198.18.X.1/24, and the pods that are plugged into it."""

    def __init__(self, network: int) -> None:
        """Make it; raises BridgeError when there is one of that number."""
        self.name = f"lab{network}"
        self._pods: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        ip("link", "add", self.name, "type", "bridge")
        try:
            ip("address", "add", f"{BASE}.{network}.1/24", "dev", self.name)
            ip("link", "set", self.name, "up")
        except BridgeError:
            self.close()
            raise

    def plug(self, pod: str, address: str) -> str:
        """A fresh network namespace with this address, for a new pod; its name.  Raises BridgeError."""
        space, port = f"{self.name}-{pod}", f"{self.name}p{address.rpartition('.')[2]}"
        ip("netns", "add", space)
        ip("link", "add", port, "master", self.name, "type", "veth", "peer", "name", "eth0", "netns", space)
        self._pods[pod], self._addresses[pod] = port, address
        ip("-n", space, "link", "set", "lo", "up")
        ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("link", "set", port, "up")
        return space

    def unplug(self, pod: str) -> None:
        """Remove a pod's namespace; nothing may run in it any more."""
        port = self._pods.pop(pod)
        # A namespace's end takes its interfaces away some time later; the pod's successor wants the name now.
        ip("link", "delete", port)
        ip("netns", "delete", f"{self.name}-{pod}")

    def cut(self, pod: str) -> None:
        """Pull the plug: nobody reaches the pod, the pod reaches nobody, and no connection is told."""
        ip("link", "set", self._pods[pod], "down")

    def mend(self, pod: str) -> None:
        """Put the plug in again."""
        ip("link", "set", self._pods[pod], "up")

    def silence(self, source: str, target: str) -> None:
        """What the one pod sends to the other is lost, and nobody is told; all other ways stay open.

        Its frames go to a card that nobody has.
        """
        wrong = ("lladdr", "02:00:00:00:00:00", "nud", "permanent")
        ip("-n", f"{self.name}-{source}", "neigh", "replace", self._addresses[target], "dev", "eth0", *wrong)

    def let_speak(self, source: str, target: str) -> None:
        """Undo `silence`."""
        ip("-n", f"{self.name}-{source}", "neigh", "delete", self._addresses[target], "dev", "eth0")

    def close(self) -> None:
        """Remove all of it."""
        for pod in list(self._pods):
            self.unplug(pod)
        ip("link", "delete", self.name)


def ip(*words: str) -> None:
    """One command of ip(8); raises BridgeError."""
    done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BridgeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def check() -> None:
    """Raises BridgeError where a bridge cannot be made."""
    Bridge(0).close()
