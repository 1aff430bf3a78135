"""Attempts to connect from one pod to many places, all at once, and the pods that make them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from images.inputs import version
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError

ATTEMPT = """
attempt() {
    if said=$(socat -u OPEN:/dev/null "TCP:$1,connect-timeout=3" 2>&1); then echo "$1 open"
    else
        case $said in
            *refused* | *'timed out'*) echo "$1 denied" ;;
            *) echo "$1 $said" ;;
        esac
    fi
}
for place; do attempt "$place" & done
wait
"""
"""A policy may refuse in the name of the called pod: what tells it from a closed port is that it is open without."""

LISTEN = """
for port; do
    socat "TCP-LISTEN:$port,fork,reuseaddr" SYSTEM:: >/dev/null 2>&1 </dev/null &
    echo $!
done
"""

PORT = 8081
"""What a `listener` listens on."""


def reached(kubectl: Kubectl, pod: str, places: Mapping[str, str]) -> set[str]:
    """The places, HOST:PORT by name, that a pod has a connection to.

    Raises ClusterError when an attempt ended in a way of which nothing follows.
    """
    printed = kubectl("exec", pod, "--", "sh", "-c", ATTEMPT, "sh", *places.values(), seconds=120)
    ended = dict(line.split(" ", 1) for line in printed.splitlines())
    for name, place in places.items():
        if (end := ended.get(place)) not in ("open", "denied"):
            raise ClusterError(f"{pod} to {name}: {end}")
    return {name for name, place in places.items() if ended[place] == "open"}


@contextmanager
def listening(kubectl: Kubectl, pod: str, ports: Sequence[int]) -> Iterator[None]:
    """Somebody listens on ports of a pod that are closed most of the time."""
    pids = kubectl("exec", pod, "--", "sh", "-c", LISTEN, "sh", *map(str, ports)).split()
    try:
        yield
    finally:
        kubectl("exec", pod, "--", "sh", "-c", 'kill "$@"', "sh", *pids)


def listener(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A pod that attempts are made from, and that listens itself; as Pod Security wants it."""
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


def as_it_was_applied(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without what the API server has added, so that it can be made again."""
    return {**thing, "metadata": {key: thing["metadata"][key] for key in ("name", "labels")}}
