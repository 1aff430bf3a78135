"""The StatefulSet of an example on a network of its own, with a real name server; each start gives a pod a new address.

As in Kubernetes, a pod has records from its start on, ready or not; a test may hide some, as a slow name server does.
"""

import shutil
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.dns.knot import Knot, pods
from tests.lab.bridge import BASE, Bridge, BridgeError
from tests.support.examples.container import Surroundings
from tests.support.examples.pod import Pod
from tests.support.manifests.built import Document, Documents, of_kind

NETWORKS = range(200, 256)
"""Numbers of bridges; other labs use the lower ones."""

DOMAIN = "cluster.local"


class Lab:
    """The pods of one StatefulSet."""

    def __init__(self, documents: Documents, folder: Path, *, path: str = "") -> None:
        """Prepare the pods, without starting any; `path` has the folders of the server's programs."""
        (self.set,) = of_kind(documents, "StatefulSet").values()
        self.name, self.namespace = self.set["metadata"]["name"], self.set["metadata"]["namespace"]
        self.service = self.set["spec"]["serviceName"]
        self.template: Document = self.set["spec"]["template"]["spec"]
        self.size = int(self.set["spec"]["replicas"])
        self.pods: dict[int, Pod] = {}
        self.addresses: dict[int, str] = {}
        self._documents, self._folder, self._path = documents, folder, path
        self._hidden: frozenset[int] = frozenset()
        self._last = 10
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.network, self.bridge = make_bridge()
            stack.callback(self.bridge.close)
            self.knot = stack.enter_context(
                Knot(self._folder / "knot", address=f"{BASE}.{self.network}.1", port=53, domain=DOMAIN)
            )
            stack.callback(self.power_cut)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    def host(self, number: int) -> str:
        """The full name of a pod."""
        return f"{self.name}-{number}.{self.service}.{self.namespace}.svc.{DOMAIN}"

    def start(self, *numbers: int, hidden: Collection[int] = ()) -> None:
        """Start new pods, each with a new address, on the existing volumes; DNS does not show the hidden ones."""
        self._hidden = frozenset(hidden)
        fresh = {number: self._surroundings(number) for number in numbers or range(self.size)}
        self._publish()
        for number, around in fresh.items():
            self.pods[number] = Pod(self.template, around, self._make_folder(number, f"log-{self.addresses[number]}"))

    def show(self) -> None:
        """Let DNS show all pods from now on."""
        self._hidden = frozenset()
        self._publish()

    def power_cut(self, *numbers: int) -> None:
        """Send SIGKILL to all processes of these pods, or of all pods, at one moment; also remove their records.

        All are stopped first, so that none of them can notice the end of another one.
        """
        gone = numbers or tuple(self.pods)
        for number in gone:
            self.pods[number].freeze()
        for number in gone:
            self.pods.pop(number).kill()
            self.bridge.unplug(f"{self.name}-{number}")
            del self.addresses[number]
        self._publish()

    def lose_volume(self, number: int) -> None:
        """Replace the pod's disk by an empty one; the pod must not run."""
        shutil.rmtree(self._folder / f"{self.name}-{number}" / "claims")

    def claim(self, number: int) -> Path:
        """The folder that is /data in the pod."""
        return self._folder / f"{self.name}-{number}" / "claims" / "data"

    def run(self, number: int, container: str, *argv: str) -> str:
        """Run a command in a container; returns its output, or the empty text when it fails."""
        done = self.pods[number].containers[container].run(*argv)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _publish(self) -> None:
        shown = {f"{self.name}-{n}": a for n, a in self.addresses.items() if n not in self._hidden}
        self.knot.publish(pods(self.service, shown, namespace=self.namespace))

    def _make_folder(self, number: int, *parts: str) -> Path:
        path = self._folder.joinpath(f"{self.name}-{number}", *parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _surroundings(self, number: int) -> Surroundings:
        """Make a new network namespace, the volumes, and the fields that the kubelet gives to a pod."""
        pod = f"{self.name}-{number}"
        self._last += 1
        address = self.addresses[number] = f"{BASE}.{self.network}.{self._last}"
        spec = self.template
        etc = self._make_folder(number, "etc")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{address} {self.host(number)} {pod}\n")
        search = f"{self.namespace}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}"
        (etc / "resolv.conf").write_text(f"search {search}\nnameserver {self.knot.address}\noptions ndots:5\n")
        resolver = str(Path("/etc/resolv.conf").resolve())
        return Surroundings(
            space=self.bridge.plug(pod, address),
            fields={"metadata.name": pod, "metadata.namespace": self.namespace, "status.podIP": address},
            secrets={name: secret["stringData"] for name, secret in of_kind(self._documents, "Secret").items()},
            volumes=self._volumes(number, spec),
            files={"/etc/hosts": etc / "hosts", resolver: etc / "resolv.conf"},
            user=spec["securityContext"]["runAsUser"],
            path=self._path,
        )

    def _volumes(self, number: int, spec: Document) -> Mapping[str, Path]:
        """The volumes: claims keep their data, the others are new."""
        shutil.rmtree(self._make_folder(number, "volumes"))
        claims = [claim["metadata"]["name"] for claim in self.set["spec"].get("volumeClaimTemplates", ())]
        found = {name: self._make_folder(number, "claims", name) for name in claims}
        for volume in spec.get("volumes", ()):
            folder = found[volume["name"]] = self._make_folder(number, "volumes", volume["name"])
            for name, text in self._contents(volume).items():
                (folder / name).write_text(text)
        return found

    def _contents(self, volume: Document) -> Mapping[str, str]:
        if "configMap" in volume:
            data: Mapping[str, str] = of_kind(self._documents, "ConfigMap")[volume["configMap"]["name"]]["data"]
        elif "secret" in volume:
            data = of_kind(self._documents, "Secret")[volume["secret"]["secretName"]]["stringData"]
        else:
            data = {}
        return data


def make_bridge() -> tuple[int, Bridge]:
    """Make a bridge with the first free number.  Raises BridgeError."""
    for number in NETWORKS:
        try:
            return number, Bridge(number)
        except BridgeError as exc:
            if "exists" not in str(exc):
                raise
    raise BridgeError(f"lab{NETWORKS[0]} to lab{NETWORKS[-1]} are all in use: remove leftovers with `ip link delete`")
