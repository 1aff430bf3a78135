"""The control plane: etcd, API server, controllers, scheduler and DNS, as processes of one machine."""

from pathlib import Path

from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.machines.binaries import program
from tests.kubernetes.machines.network import API_SERVICE, CONTROL, make_switch, services
from tests.kubernetes.machines.pki import ClusterAuthority
from tests.kubernetes.machines.spaces import Spaces
from tests.kubernetes.waiting import ClusterError, wait

PORT = 6443
ETCD = "http://127.0.0.1:2379"

COREFILE = """\
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{
    bind {address}
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig} cluster
        pods insecure
        ttl 5
    }}
    cache 30
}}
"""
"""As in most clusters, but without names outside of the cluster, which has no way out."""


class ControlPlane:
    """The control plane, on or off; its objects are lost when it is switched off."""

    def __init__(self, folder: Path, *, dual: bool = False) -> None:
        """With `dual` it has both families of addresses, IPv4 first."""
        self._dual = dual
        self.machine = Spaces("control", folder / "control", program("pause"))
        self.authority = ClusterAuthority(folder / "pki", f"https://{CONTROL}:{PORT}")

    def up(self, *, bound: bool) -> None:
        """Start everything; returns when pods can be created."""
        self.machine.open(bound=bound)
        make_switch(self.machine, dual=self._dual)
        self._make_credentials()
        self._start_etcd()
        self._start_api_server()
        self._start_controllers()
        self._start_dns()
        wait("the service account of namespace default", self._has_default_account, seconds=120)

    def down(self) -> None:
        """Cut its power."""
        self.machine.close()

    def kubectl(self) -> Kubectl:
        """Kubectl as administrator, from this process."""
        config = self.authority.kubeconfig("admin")
        return Kubectl((*self.machine.enter("--net"), str(program("kubectl")), f"--kubeconfig={config}"))

    def _make_credentials(self) -> None:
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        hosts = [f"DNS:{name}" for name in names] + [f"IP:{ip}" for ip in ("127.0.0.1", API_SERVICE, CONTROL)]
        self.authority.sign("api-server", "kube-apiserver", hosts=tuple(hosts))
        self.authority.sign("to-kubelets", "api-server", groups="system:masters")
        self.authority.sign("service-accounts", "service-accounts")
        self.authority.log_in("admin", "admin", groups="system:masters")
        self.authority.log_in("controllers", "system:kube-controller-manager")
        self.authority.log_in("scheduler", "system:kube-scheduler")
        self.authority.log_in("proxy", "system:kube-proxy")
        # These get more rights than they need, because no test here is about access to the API.
        for user in ("dns", "policies", "provisioner"):
            self.authority.log_in(user, user, groups="system:masters")

    def _start_etcd(self) -> None:
        # In memory, because a test's cluster ends with its machine.
        urls = ("--listen-client-urls", ETCD, "--advertise-client-urls", ETCD)
        self.machine.start("etcd", ("etcd", "--data-dir", "/run/etcd", *urls))

    def _start_api_server(self) -> None:
        pki = self.authority
        options = {
            "etcd-servers": ETCD,
            "service-cluster-ip-range": services(dual=self._dual),
            "secure-port": PORT,
            "advertise-address": CONTROL,
            "client-ca-file": pki.certificate("ca"),
            "tls-cert-file": pki.certificate("api-server"),
            "tls-private-key-file": pki.key("api-server"),
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": pki.certificate("service-accounts"),
            "service-account-signing-key-file": pki.key("service-accounts"),
            "kubelet-certificate-authority": pki.certificate("ca"),
            "kubelet-client-certificate": pki.certificate("to-kubelets"),
            "kubelet-client-key": pki.key("to-kubelets"),
            "kubelet-preferred-address-types": "InternalIP",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            # Pod Security decides about privileges, as in other clusters, and not this flag.
            "allow-privileged": "true",
        }
        self.machine.start("kube-apiserver", argv("kube-apiserver", options))
        self.machine.wait_for("kube-apiserver", self._is_answering, seconds=120)

    def _start_controllers(self) -> None:
        pki = self.authority
        manager = {
            "kubeconfig": pki.kubeconfig("controllers"),
            "leader-elect": "false",
            "use-service-account-credentials": "true",
            "service-account-private-key-file": pki.key("service-accounts"),
            "root-ca-file": pki.certificate("ca"),
            "service-cluster-ip-range": services(dual=self._dual),
        }
        self.machine.start("kube-controller-manager", argv("kube-controller-manager", manager))
        scheduler = {"kubeconfig": pki.kubeconfig("scheduler"), "leader-elect": "false"}
        self.machine.start("kube-scheduler", argv("kube-scheduler", scheduler))

    def _start_dns(self) -> None:
        corefile = self.machine.folder / "Corefile"
        corefile.write_text(COREFILE.format(address=CONTROL, kubeconfig=self.authority.kubeconfig("dns")))
        self.machine.start("coredns", (str(program("coredns")), "-conf", str(corefile)))

    def _is_answering(self) -> bool:
        try:
            return self.kubectl()("get", "--raw=/readyz", seconds=5) == "ok"
        except ClusterError:
            return False

    def _has_default_account(self) -> bool:
        try:
            return bool(self.kubectl()("get", "serviceaccount", "default", "--output=name", seconds=5))
        except ClusterError:
            return False


def argv(name: str, options: dict[str, object]) -> tuple[str, ...]:
    """The command line of one of Kubernetes' own programs."""
    return (str(program(name)), *(f"--{option}={value}" for option, value in options.items()))
