"""The lab's overlay in the form that a user gives it: with components, and patches of his own."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from tests.kubernetes.database import Database
from tests.paths import ROOT
from tests.support.authority import Authority

OVERLAY = ROOT / "manifests/overlays/lab"
NAMESPACE = "galera-lab"
COMPONENTS = OVERLAY.parents[1] / "components"


class Overlay:
    """The lab as a user's own overlay has it, to which components come and from which patches go."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self._folder = database, folder

    def apply(self, *patches: Mapping[str, Any], components: tuple[str, ...] = ()) -> None:
        """The lab with these."""
        rules = {
            # Else what components add is of no namespace, and finds no object of one whose name has a suffix hash.
            "namespace": NAMESPACE,
            "resources": [os.path.relpath(OVERLAY, self._folder)],
            "components": [os.path.relpath(COMPONENTS / name, self._folder) for name in components],
            "patches": [{"patch": json.dumps(patch)} for patch in patches],
        }
        (self._folder / "kustomization.yaml").write_text(json.dumps(rules))
        self.database.apply(self._folder)

    def certificate(self, authority: Authority, name: str) -> None:
        """One for all members is in the Secret from now on; the kubelet looks when a pod has changed."""
        authority.sign(name, "galera", hosts=(f"DNS:*.galera.{NAMESPACE}.svc.cluster.local", "DNS:mysql"))
        words = {
            "tls.crt": authority.certificate(name).read_text(),
            "tls.key": authority.key(name).read_text(),
            "ca.crt": authority.certificate("ca").read_text(),
        }
        metadata = {"name": "galera-tls"}
        self.database.kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": words})
        for pod in self.database.pods():
            name = pod["metadata"]["name"]
            self.database.kubectl("annotate", "pod", name, f"look-again={token_hex(4)}", "--overwrite")
