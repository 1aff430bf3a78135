"""The registry that the manifests name: `localhost` until a release wrote another one (`make release REGISTRY=`)."""

import re

from tests.paths import ROOT

LOCAL = "localhost"
"""Where a build puts images; the lab's overlay and values take them from there."""


def read_registry() -> str:
    """The registry, with a path if it has one."""
    found = re.search(r"image: (\S+)/mysql-galera:", (ROOT / "manifests/base/stateful-set.yaml").read_text())
    assert found is not None
    return found[1]


REGISTRY = read_registry()
