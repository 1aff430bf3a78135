"""A node: containerd, kubelet and kube-proxy on a machine of their own."""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.kubernetes.machines.binaries import program
from tests.kubernetes.machines.control import ControlPlane, argv
from tests.kubernetes.machines.network import (
    CONTROL,
    PODS,
    PODS6,
    SERVICES,
    node_address,
    node_address6,
    node_pods,
    node_pods6,
    plug,
)
from tests.kubernetes.machines.pki import ClusterAuthority
from tests.kubernetes.machines.spaces import Spaces
from tests.kubernetes.waiting import ClusterError, wait

PAUSE = "localhost/peerfinder-pause:1"
"""The image of every pod's sandbox."""

SOCKET = "/run/containerd/containerd.sock"

CNI_PLUGINS = Path("/usr/lib/cni")
"""The folder of Debian's containernetworking-plugins."""

CGROUPS = Path("/sys/fs/cgroup")

CONTAINERD = """\
version = 2
root = "{root}"
state = "/run/containerd"

[grpc]
  address = "{socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  # A machine that is a container itself may not lower an oom_score_adj.
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


class Node:
    """A node, on or off.  Images, volumes and the kubelet's files stay when it is off, as on a disk."""

    def __init__(self, number: int, folder: Path, tag: str, *, policies: bool = False, dual: bool = False) -> None:
        """Nodes are counted from 1; `tag` distinguishes the cgroups of several clusters."""
        self.number = number
        self._policies, self._dual = policies, dual
        self.name = f"node{number}"
        self.machine = Spaces(self.name, folder / self.name, program("pause"))
        self._cgroup = f"{tag}-{self.name}"

    @property
    def volumes(self) -> Path:
        """The folder for volumes on this node's disk."""
        return self.machine.folder / "volumes"

    def up(self, control: ControlPlane, *, bound: bool) -> None:
        """Start the node; returns when containerd answers. The kubelet then registers by itself."""
        self.machine.open(bound=bound)
        plug(control.machine, self.machine, self.number, dual=self._dual)
        self._make_cgroups()
        self._start_containerd()
        self._start_kubelet(control.authority)
        self._start_proxy(control.authority)
        if self._policies:
            self._start_router(control.authority)

    def down(self) -> None:
        """Cut the power, and remove what the kernel keeps of dead containers."""
        self.machine.close()
        self._remove_cgroups()

    def load(self, archive: Path) -> None:
        """Import an image from a docker or OCI archive.  Raises ClusterError."""
        self._ctr("images", "import", str(archive))

    def tag(self, image: str, name: str) -> None:
        """Give an image of the node an additional name.  Raises ClusterError."""
        self._ctr("images", "tag", "--force", image, name)

    def images(self) -> list[str]:
        """The names of the node's images."""
        return self._ctr("images", "list", "--quiet").split()

    def kill(self, containers: Iterable[str]) -> None:
        """Send SIGKILL to all processes of these containers, as the kernel does when memory runs out."""
        for container in containers:
            self._ctr("tasks", "kill", "--all", "--signal=SIGKILL", container)

    def wait_policies(self) -> None:
        """Wait until network policies are enforced, if the cluster has them.  Raises ClusterError."""
        if self._policies:
            self.machine.wait_for("kube-router", self._is_filtering, seconds=120)

    def _is_filtering(self) -> bool:
        try:
            # This is the comment of a rule that kube-router makes after it has read all pods and policies.
            return "comply to network policies" in self.machine.run("iptables", "--list-rules")
        except ClusterError:
            return False

    def _ctr(self, *words: str) -> str:
        return self.machine.run("ctr", f"--address={SOCKET}", "--namespace=k8s.io", *words)

    def _start_containerd(self) -> None:
        folder = self.machine.folder
        cni = folder / "cni"
        cni.mkdir(exist_ok=True)
        (cni / "pods.conflist").write_text(json.dumps(pod_network(self.number, dual=self._dual), indent=1))
        config = folder / "containerd.toml"
        config.write_text(
            CONTAINERD.format(root=folder / "containerd", socket=SOCKET, pause=PAUSE, plugins=CNI_PLUGINS, cni=cni)
        )
        self.machine.start("containerd", ("containerd", f"--config={config}"))
        self.machine.wait_for("containerd", self._is_containerd_answering, seconds=120)

    def _is_containerd_answering(self) -> bool:
        try:
            return bool(self._ctr("version"))
        except ClusterError:
            return False

    def _start_kubelet(self, authority: ClusterAuthority) -> None:
        folder = self.machine.folder
        address = node_address(self.number)
        login = authority.log_in(
            self.name, f"system:node:{self.name}", groups="system:nodes", hosts=(f"DNS:{self.name}", f"IP:{address}")
        )
        (folder / "pods-resolv.conf").write_text("")
        config = folder / "kubelet.json"
        config.write_text(json.dumps(self._kubelet_config(authority), indent=1))
        options: dict[str, object] = {
            "config": config,
            "kubeconfig": login,
            "hostname-override": self.name,
            "node-ip": f"{address},{node_address6(self.number)}" if self._dual else address,
            "root-dir": folder / "kubelet",
        }
        self.machine.start("kubelet", argv("kubelet", options))

    def _kubelet_config(self, authority: ClusterAuthority) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority.certificate("ca"))},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(authority.certificate(self.name)),
            "tlsPrivateKeyFile": str(authority.key(self.name)),
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "clusterDNS": [CONTROL],
            "clusterDomain": "cluster.local",
            "resolvConf": str(self.machine.folder / "pods-resolv.conf"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            # Tests must not depend on the free space of the real machine, and images cannot be pulled again.
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
        }

    def _start_proxy(self, authority: ClusterAuthority) -> None:
        options: dict[str, object] = {
            "kubeconfig": authority.kubeconfig("proxy"),
            "hostname-override": self.name,
            "proxy-mode": "iptables",
            "cluster-cidr": f"{PODS},{PODS6}" if self._dual else PODS,
            "conntrack-max-per-core": 0,  # the limit belongs to the whole kernel
        }
        self.machine.start("kube-proxy", argv("kube-proxy", options))

    def _start_router(self, authority: ClusterAuthority) -> None:
        options: dict[str, object] = {
            "kubeconfig": authority.kubeconfig("policies"),
            "node": self.name,
            "services": SERVICES,
        }
        # It ends when a call of iptables fails. In other clusters it is a pod, and the kubelet starts it again.
        again = 'while :; do "$@"; echo "ended with $?"; sleep 1; done'
        self.machine.start("kube-router", ("sh", "-c", again, "sh", *argv("kube-router", options)))

    def _make_cgroups(self) -> None:
        for hierarchy in hierarchies():
            root = hierarchy / self._cgroup
            root.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                # In cgroups v1 a new cgroup has no CPUs and no memory, and no process could run in it.
                if hierarchy.name == "cpuset" and (hierarchy / setting).exists():
                    (root / setting).write_text((hierarchy / setting).read_text())

    def _remove_cgroups(self) -> None:
        roots = [hierarchy / self._cgroup for hierarchy in hierarchies()]
        # A cgroup stays busy for a moment after its last process has ended.
        wait(f"removal of {self.name}'s cgroups", lambda: all(remove_cgroup(root) for root in roots), seconds=60)


def pod_network(number: int, *, dual: bool) -> dict[str, object]:
    """The CNI configuration: each pod has a wire to its node, which routes.

    There is no bridge: without br_netfilter in the kernel, packets between two of its ports would bypass the node's
    iptables, and so Services.
    """
    families = {node_pods(number): "0.0.0.0/0"} | ({node_pods6(number): "::/0"} if dual else {})
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": subnet}] for subnet in families],
        "routes": [{"dst": everywhere} for everywhere in families.values()],
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}]}


def remove_cgroup(root: Path) -> bool:
    """Remove a cgroup and all below it; returns whether this has worked."""
    try:
        for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        if root.exists():
            root.rmdir()
    except OSError:
        return False
    return True


def hierarchies() -> list[Path]:
    """The roots of the cgroup trees: one for each controller in version 1, one in version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return sorted(path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink())
