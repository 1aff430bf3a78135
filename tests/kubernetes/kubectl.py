"""kubectl, of the test cluster or of a user's own; every call has an end."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kubernetes.waiting import ClusterError

GRACE = 10.0
"""Seconds that a call may take beyond the time that it was told to wait."""


@dataclass(frozen=True)
class Kubectl:
    """A cluster, as kubectl reaches it."""

    command: tuple[str, ...]
    """kubectl with its options, and what must stand before it."""
    namespace: str = "default"

    def within(self, namespace: str) -> "Kubectl":
        """The same cluster, another namespace."""
        return Kubectl(self.command, namespace)

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = 60.0) -> str:
        """What it printed.  Raises ClusterError with what it complained about, or when it takes longer.

        Kubectl itself gives up after `seconds`; it is killed when it does not, as a delete on a node without a kubelet.
        """
        argv = (*self.command, f"--namespace={self.namespace}", *words)
        shown = f"kubectl {' '.join(words[:4])}"
        try:
            done = subprocess.run(
                argv, input=stdin or "", capture_output=True, text=True, timeout=seconds + GRACE, check=False
            )
        except subprocess.TimeoutExpired as exc:
            raise ClusterError(f"{shown}: no end after {seconds + GRACE:.0f} s") from exc
        if done.returncode != 0:
            raise ClusterError(f"{shown}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def get(self, *words: str) -> Any:
        """Objects as they are stored: the object, or the list when no name is given."""
        return json.loads(self("get", *words, "--output=json"))

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create or change objects."""
        self("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def wait(self, what: str, condition: str, *, seconds: float) -> None:
        """Until an object, or all that a selector finds, has a condition such as `condition=Ready` or `delete`."""
        self("wait", what, f"--for={condition}", f"--timeout={seconds:.0f}s", seconds=seconds)


def of_context(context: str) -> Kubectl:
    """A cluster of the user's own kubeconfig."""
    return Kubectl(("kubectl", f"--context={context}"))
