"""The Pod Security Standard *restricted*, as our own rules.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ names the fields; *baseline* is part of it.
"""

from collections.abc import Iterator

from tests.support.manifests.built import Document, containers

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
}
"""The types of volumes that a pod may have."""

HOST = ("hostNetwork", "hostPID", "hostIPC")

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def complaints(pod: Document) -> list[str]:
    """The reasons why a namespace that enforces the standard would refuse a pod with this spec."""
    found = [f"{name}: {one}" for name, c in containers(pod).items() for one in container_complaints(pod, c)]
    return [*pod_complaints(pod), *found]


def pod_complaints(pod: Document) -> Iterator[str]:
    yield from (f"{name} is set" for name in HOST if pod.get(name))
    for volume in pod.get("volumes", ()):
        yield from (f"volume {volume['name']} is a {kind}" for kind in set(volume) - {"name"} - VOLUMES)
    context = pod.get("securityContext", {})
    if context.get("runAsUser") == 0:
        yield "the pod's user is root"
    if context.get("sysctls"):
        yield "sysctls are set"
    yield from context_complaints(context)


def container_complaints(pod: Document, container: Document) -> Iterator[str]:
    own = container.get("securityContext", {})
    whole = {**pod.get("securityContext", {}), **own}
    if whole.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if own.get("runAsUser") == 0:
        yield "the user is root"
    if whole.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "no seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "privilege escalation is not forbidden"
    if own.get("privileged"):
        yield "it is privileged"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield "capabilities are not dropped"
    yield from (f"capability {name} is added" for name in set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"})
    yield from (f"hostPort {port['hostPort']}" for port in container.get("ports", ()) if port.get("hostPort"))
    yield from context_complaints(own)
    yield from handler_complaints(container)


def context_complaints(context: Document) -> Iterator[str]:
    """The rules that apply to pods and to containers."""
    if context.get("procMount", "Default") != "Default":
        yield "procMount is not the default"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield "it is a host process"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") == "Unconfined":
        yield "AppArmor is off"
    selinux = context.get("seLinuxOptions", {})
    if selinux.get("user") or selinux.get("role"):
        yield "SELinux user or role is set"


def handler_complaints(container: Document) -> Iterator[str]:
    """Probes and hooks must not make the kubelet connect to another host."""
    handlers = [(name, container.get(name, {})) for name in PROBES]
    handlers += list(container.get("lifecycle", {}).items())
    for name, handler in handlers:
        yield from (f"{name} names a host" for kind in ("httpGet", "tcpSocket") if handler.get(kind, {}).get("host"))
