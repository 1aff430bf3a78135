"""Runs a real Kubernetes on this machine: a control plane and nodes, each in namespaces of its own."""

import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypedDict

from images.build import ensure_image
from images.inputs import DEFAULT_SERIES, name_server_image, version
from images.running import BuildError, read_output, say
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.machines import binaries, provisioner, storage
from tests.kubernetes.machines.control import ControlPlane
from tests.kubernetes.machines.node import CNI_PLUGINS, PAUSE, Node
from tests.kubernetes.machines.spaces import HIDDEN
from tests.kubernetes.waiting import ClusterError
from tests.lab import series
from tests.support.manifests.registry import LOCAL, REGISTRY

PACKAGES = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    str(CNI_PLUGINS / "ptp"): "containernetworking-plugins",
    "iptables": "iptables",
    "ip": "iproute2",
    "openssl": "openssl",
    "nsenter": "util-linux",
}
"""Programs, and the Debian packages that have them."""

POLICY_PACKAGES = {"ipset": "ipset"}
PROVISIONER_PACKAGES = {str(provisioner.BUSYBOX): "busybox-static"}
"""The same for the optional parts of a cluster."""

PAUSE_RECIPE = 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n'

VOLUMES = 150
"""Volumes on each node: a released one is never used again. A run of all tests needs 50, more after a failed test."""


class NotHereError(Exception):
    """This machine cannot run a cluster; the message says what to do."""


def check(*, policies: bool = False, provisioner: bool = False) -> None:
    """Check that this machine can run such a cluster; raises NotHereError when something is missing."""
    if os.geteuid() != 0:
        raise NotHereError("a node makes namespaces, mounts and cgroups: run this as root")
    wanted = PACKAGES | (POLICY_PACKAGES if policies else {}) | (PROVISIONER_PACKAGES if provisioner else {})
    packages = {package for name, package in wanted.items() if shutil.which(name) is None}
    if packages:
        install = f"apt-get install --no-install-recommends {' '.join(sorted(packages))}"
        raise NotHereError(f"programs are missing; on Debian: {install}")
    bundles = (*binaries.BUNDLES, *[binaries.POLICIES] * policies, *[binaries.PROVISIONER] * provisioner)
    if absent := binaries.list_missing(bundles):
        raise NotHereError(f"no Kubernetes binaries in {binaries.cache_folder()} ({', '.join(absent)}); run `make e2e`")


def our_images(*names: str) -> dict[str, str]:
    """Build this project's images if needed; returns them for `Cluster.load`.  Raises BuildError.

    Each has its local name first, and that of its release.  The server image is that of the chosen series.
    """
    chosen = {"mysql-galera": name_server_image(series.read_chosen() or DEFAULT_SERIES)}
    found = {name: ensure_image(chosen.get(name, name)).id for name in names}
    return {f"{registry}/{name}:{version()}": image for registry in (LOCAL, REGISTRY) for name, image in found.items()}


class Extras(TypedDict):
    """The optional parts of a cluster."""

    policies: bool
    """NetworkPolicies are enforced."""
    provisioner: bool
    """Volumes are made on demand."""


def find_extras() -> Extras:
    """Find the optional parts that this machine can run; prints what is missing for the others."""
    reasons = {
        "policies": why_unavailable(policies=True),
        "provisioner": why_unavailable(provisioner=True),
    }
    for part, reason in reasons.items():
        if reason:
            say(f"a cluster without {part}: {reason}")
    return {"policies": not reasons["policies"], "provisioner": not reasons["provisioner"]}


def why_unavailable(*, policies: bool = False, provisioner: bool = False) -> str:
    """The complaint of check(); empty when this machine can run such a cluster."""
    try:
        check(policies=policies, provisioner=provisioner)
    except NotHereError as exc:
        return str(exc)
    return ""


class Cluster:
    """A cluster in a folder. As a context manager it runs; it is removed afterwards, even if this process is killed."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        nodes: int = 1,
        policies: bool = False,
        provisioner: bool = False,
        dual: bool = False,
    ) -> None:
        """Describe a cluster, in a temporary folder if none is given.  This reads nothing and starts nothing.

        With `policies` NetworkPolicies are enforced, with `provisioner` volumes are made on demand, with `dual` pods
        and Services have addresses of both families.
        """
        self.policies, self.provisioner = policies, provisioner
        self.folder = (folder or Path(tempfile.mkdtemp(prefix="cluster-"))).absolute()
        for hidden in HIDDEN:
            if self.folder.is_relative_to(hidden) or binaries.cache_folder().is_relative_to(hidden):
                raise NotHereError(f"neither the cluster nor its programs can be in {hidden}: a node has its own there")
        tag = f"peerfinder-{zlib.crc32(str(self.folder).encode()):08x}"
        self.control = ControlPlane(self.folder, dual=dual)
        self.nodes = [Node(number, self.folder, tag, policies=policies, dual=dual) for number in range(1, nodes + 1)]

    def up(self, *, bound: bool = False) -> None:
        """Start everything; returns when the nodes are ready.  A `bound` cluster ends with this process.

        If it raises NotHereError or ClusterError, nothing is left running.
        """
        check(policies=self.policies, provisioner=self.provisioner)
        if self.control.machine.is_on:
            raise ClusterError(f"a cluster runs in {self.folder} already")
        with ExitStack() as undo:
            undo.callback(self.down)
            self.control.up(bound=bound)
            say("control plane: ready")
            for node in self.nodes:
                node.up(self.control, bound=bound)
            self.load_pause()
            if self.provisioner:
                self._start_provisioner()
            self.kubectl.apply(storage.storage_class(), *(v for n in self.nodes for v in storage.volumes(n, VOLUMES)))
            for node in self.nodes:
                self.wait_ready(node)
                node.wait_policies()
                say(f"{node.name}: ready")
            undo.pop_all()

    def down(self) -> None:
        """Cut the power of all machines and remove the folder."""
        for node in self.nodes:
            node.down()
        self.control.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def kubectl(self) -> Kubectl:
        """Kubectl as administrator."""
        return self.control.kubectl()

    def wait_ready(self, node: Node, *, seconds: float = 120) -> None:
        """Wait until the node is Ready.  Raises ClusterError with the end of the kubelet's log."""

        def is_ready() -> bool:
            try:
                found = self.kubectl.get("node", node.name)
            except ClusterError:
                return False
            return any(c["type"] == "Ready" and c["status"] == "True" for c in found["status"]["conditions"])

        node.machine.wait_for("kubelet", is_ready, seconds)

    def load(self, images: Mapping[str, str]) -> None:
        """Load images of the local containers storage into all nodes, under the names that pods use.

        `images` maps a name to an id, because another clone's build may move the tag at any time.
        Raises ClusterError.
        """
        for name, image in images.items():
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                archive = Path(folder) / "image.tar"
                try:
                    read_output(["buildah", "push", "--quiet", image, f"docker-archive:{archive}:{name}"])
                except BuildError as exc:
                    raise ClusterError(f"{name} is not in the local storage: {exc}") from exc
                for node in self.nodes:
                    node.load(archive)
            say(f"{name}: on {', '.join(node.name for node in self.nodes)}")

    def load_pause(self) -> None:
        """Build the image of the sandboxes from the pause program, and load it into all nodes."""
        self.make_image(PAUSE, PAUSE_RECIPE, binaries.program("pause"))

    def _start_provisioner(self) -> None:
        self.make_image(provisioner.IMAGE, provisioner.RECIPE, provisioner.BUSYBOX)
        self.kubectl.in_namespace(provisioner.NAMESPACE).apply(*provisioner.objects())
        provisioner.start(self.control, self.nodes)

    def make_image(self, image: str, recipe: str, program: Path) -> None:
        """Build an image of one static program, and load it into all nodes."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            shutil.copy(program, folder)
            (Path(folder) / "Dockerfile").write_text(recipe)
            read_output(["buildah", "bud", "--quiet", "--isolation=chroot", "--timestamp=0", f"--tag={image}", folder])
        self.load({image: image})

    def __enter__(self) -> "Cluster":
        self.up(bound=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
