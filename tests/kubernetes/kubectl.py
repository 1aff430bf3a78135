"""Runs kubectl, for the test cluster or a user's own; every call has a time limit."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kubernetes.waiting import ClusterError

GRACE = 10.0
"""Seconds that a call may take beyond the time for which kubectl waits."""


@dataclass(frozen=True)
class Kubectl:
    """A cluster, and how kubectl reaches it."""

    command: tuple[str, ...]
    """kubectl with its options, and the command that must stand before it."""
    namespace: str = "default"

    def in_namespace(self, namespace: str) -> "Kubectl":
        """The same cluster, with another namespace."""
        return Kubectl(self.command, namespace)

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = 60.0) -> str:
        """Run kubectl; returns its output.  Raises ClusterError with its complaint, or when it takes too long.

        Kubectl itself gives up after `seconds`.  If not, as a delete on a node without a kubelet, it is killed.
        """
        argv = (*self.command, f"--namespace={self.namespace}", *words)
        shown = f"kubectl {' '.join(words[:4])}"
        try:
            done = subprocess.run(
                argv, input=stdin or "", capture_output=True, text=True, timeout=seconds + GRACE, check=False
            )
        except subprocess.TimeoutExpired as exc:
            raise ClusterError(f"{shown}: it has not ended after {seconds + GRACE:.0f} s") from exc
        if done.returncode != 0:
            raise ClusterError(f"{shown}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def get(self, *words: str) -> Any:
        """Stored objects: the object, or the list when no name is given."""
        return json.loads(self("get", *words, "--output=json"))

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create or change objects."""
        self("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def wait(self, what: str, condition: str, *, seconds: float) -> None:
        """Wait until an object, or all of a selector, has a condition such as `condition=Ready` or `delete`."""
        self("wait", what, f"--for={condition}", f"--timeout={seconds:.0f}s", seconds=seconds)


def use_context(context: str) -> Kubectl:
    """Use a cluster of the user's own kubeconfig."""
    return Kubectl(("kubectl", f"--context={context}"))
