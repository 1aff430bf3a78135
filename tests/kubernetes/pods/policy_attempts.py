"""Tries to connect from one pod to many places at the same time; and the pods that do it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from images.inputs import version
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError

ATTEMPT = """
attempt() {
    if complaint=$(socat -u OPEN:/dev/null "TCP:$1,connect-timeout=3" 2>&1); then echo "$1 open"
    else
        case $complaint in
            *refused* | *'timed out'*) echo "$1 denied" ;;
            *) echo "$1 $complaint" ;;
        esac
    fi
}
for place; do attempt "$place" & done
wait
"""
"""A policy may refuse on behalf of the called pod. A closed port looks the same, but also without the policy."""

LISTEN = """
for port; do
    socat "TCP-LISTEN:$port,fork,reuseaddr" SYSTEM:: >/dev/null 2>&1 </dev/null &
    echo $!
done
"""

PORT = 8081
"""The port of a `listener`."""


def find_reachable(kubectl: Kubectl, pod: str, places: Mapping[str, str]) -> set[str]:
    """Try to connect from a pod to places, HOST:PORT by name; returns the names of those that it reached.

    Raises ClusterError when the result of an attempt is not clear.
    """
    output = kubectl("exec", pod, "--", "sh", "-c", ATTEMPT, "sh", *places.values(), seconds=120)
    results = dict(line.split(" ", 1) for line in output.splitlines())
    for name, place in places.items():
        if (result := results.get(place)) not in ("open", "denied"):
            raise ClusterError(f"{pod} to {name}: {result}")
    return {name for name, place in places.items() if results[place] == "open"}


@contextmanager
def open_ports(kubectl: Kubectl, pod: str, ports: Sequence[int]) -> Iterator[None]:
    """Listen on ports of a pod that are closed most of the time."""
    pids = kubectl("exec", pod, "--", "sh", "-c", LISTEN, "sh", *map(str, ports)).split()
    try:
        yield
    finally:
        kubectl("exec", pod, "--", "sh", "-c", 'kill "$@"', "sh", *pids)


def listener(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A pod that attempts are made from, and that also listens; Pod Security allows it."""
    container = {
        "name": "listener",
        "image": f"localhost/mysql-galera:{version()}",  # for its shell and its socat
        "imagePullPolicy": "IfNotPresent",
        "command": ["socat", f"TCP-LISTEN:{PORT},fork,reuseaddr", "SYSTEM:hostname"],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    confined = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": confined,
            "containers": [container],
        },
    }


def address_of(kubectl: Kubectl, pod: str) -> str:
    """The pod's address."""
    address = kubectl.get("pod", pod)["status"]["podIP"]
    assert isinstance(address, str)
    return address


def strip_metadata(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Remove the metadata that the API server has added to an object, so that it can be applied again."""
    return {**stored, "metadata": {key: stored["metadata"][key] for key in ("name", "labels")}}
