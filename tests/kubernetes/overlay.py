"""The lab's overlay as a user would change it: with components and patches."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

from tests.kubernetes.database import Database
from tests.paths import ROOT
from tests.support.authority import Authority

OVERLAY = ROOT / "manifests/overlays/lab"
NAMESPACE = "galera-lab"
COMPONENTS = OVERLAY.parents[1] / "components"
SET = {"kind": "StatefulSet", "name": "mysql"}


class Overlay:
    """An overlay of a user on the lab's, with changing components and patches."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self._folder = database, folder

    def apply(
        self,
        *patches: Mapping[str, Any],
        components: tuple[str, ...] = (),
        scripts: Mapping[str, str] | None = None,
        objects: tuple[Mapping[str, Any], ...] = (),
        images: Mapping[str, str] | None = None,
        operations: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Apply the lab with these patches and components, and with scripts of the first start.

        `objects` are there before, and no part of the overlay.  `images` maps names to others, without tags.
        `operations` are a JSON patch (RFC 6902) of the StatefulSet, after the components.
        """
        if objects:
            self.database.kubectl("apply", f"--filename={OVERLAY / 'namespace.yaml'}")
            self.database.kubectl.apply(*objects)
        for name, text in (scripts or {}).items():
            (self._folder / name).write_text(text)
        initdb = {"name": "mysql-initdb", "behavior": "merge", "files": list(scripts or ())}
        rules = {
            # Else a component's objects have no namespace, and do not find objects whose names have a suffix hash.
            "namespace": NAMESPACE,
            "resources": [os.path.relpath(OVERLAY, self._folder)],
            "components": [os.path.relpath(COMPONENTS / name, self._folder) for name in components],
            "patches": [
                *({"patch": json.dumps(patch)} for patch in patches),
                *([{"patch": json.dumps(operations), "target": SET}] if operations else ()),
            ],
            "configMapGenerator": [initdb] if scripts else [],
            "images": [{"name": name, "newName": other} for name, other in (images or {}).items()],
        }
        (self._folder / "kustomization.yaml").write_text(json.dumps(rules))
        self.database.apply(self._folder)

    def certificate(self, authority: Authority, name: str) -> None:
        """Put a certificate for all members into the Secret; the kubelet reads it again when a pod has changed."""
        authority.sign(name, "galera", hosts=(f"DNS:*.galera.{NAMESPACE}.svc.cluster.local", "DNS:mysql"))
        values = {
            "tls.crt": authority.certificate(name).read_text(),
            "tls.key": authority.key(name).read_text(),
            "ca.crt": authority.certificate("ca").read_text(),
        }
        metadata = {"name": "galera-tls"}
        self.database.kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
        for pod in self.database.pods():
            name = pod["metadata"]["name"]
            self.database.kubectl("annotate", "pod", name, f"look-again={token_hex(4)}", "--overwrite")
