"""checkov's policies for Kubernetes: the only failed checks are those that this project has decided against.

checkov breaks if other packages are installed with it, so it has its own environment: in PATH, or `.venv-checkov` in
this clone.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.manifests import kustomize
from tests.support.manifests.built import COMPONENTS, FORM_OF_2017, MANIFESTS, NAMES, relative

DECIDED = {
    "CKV_K8S_8": "liveness probe: it would kill a server in a state transfer; a dead one is restarted without it",
    "CKV_K8S_15": "always pull: a start after a power cut would depend on a registry, and no tag is ever moved",
    "CKV_K8S_43": "digests: known when the image is in a registry; overlays/production says where they go",
}
"""Check -> why it fails everywhere."""

NO_POLICY = "policy: the reader replaces this program by another one, and a policy for that would be a guess"
NO_READINESS = "readiness probe: the reader replaces this program by another one, and it serves no client"
NO_TLS = "TLS: the example has none, as docs/examples.md says, and its policy lets members and labelled clients in only"

DECIDED_FOR = {
    "components/metrics/mysqld-exporter": {
        "CKV_K8S_9": "readiness probe: a slow scrape would take the member beside it out of its Services",
    },
    "components/openshift": {"CKV_K8S_40": "a high uid: OpenShift chooses it, from the range of the namespace"},
    "examples/configure": {"CKV_K8S_9": NO_READINESS, "CKV2_K8S_6": NO_POLICY},
    "examples/etcd": {"CKV_K8S_116": NO_TLS, "CKV_K8S_117": NO_TLS, "CKV_K8S_119": NO_TLS},
    "examples/redis": {"CKV_K8S_9": "readiness probe: `members` serves no client, and the server beside it has one"},
    "examples/wait-for-dependency": {
        "CKV_K8S_9": NO_READINESS,
        "CKV2_K8S_6": NO_POLICY,
        "CKV_K8S_35": "a password in a variable: the reader replaces this client, and it should stay one line",
    },
}
"""Manifest -> check -> why it fails there."""

WITH_PROXIES = "overlays/lab with components/writer-haproxy"

SCANNED = [name for name in (*NAMES, WITH_PROXIES) if name not in ("base", FORM_OF_2017)]
"""All manifests except base, which has no namespace and is scanned as a part of the components."""


def file_of(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name) + ".yaml"


def write(name: str, scratch: Path) -> str:
    """Build a manifest as for a cluster; a component is built on base, in a namespace."""
    if name == WITH_PROXIES:
        parts = (MANIFESTS / "overlays/lab", MANIFESTS / "components/writer-haproxy")
    elif MANIFESTS / name in COMPONENTS:
        parts = (MANIFESTS / "base", MANIFESTS / name)
    else:
        return kustomize.build(MANIFESTS / name)
    scratch.mkdir()
    resource, component = (relative(part, scratch) for part in parts)
    lines = ("namespace: galera-lab", "resources:", f"- {resource}", "components:", f"- {component}")
    (scratch / "kustomization.yaml").write_text("\n".join(lines))
    return kustomize.build(scratch)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Manifest -> its failed checks.  One run for all, because most of the time of a run is its start."""
    checkov = shutil.which("checkov") or shutil.which("checkov", path=ROOT / ".venv-checkov/bin")
    if checkov is None:
        pytest.skip(
            "NOT TESTED: checkov's policies; run `python3 -m venv .venv-checkov`, then its `pip install checkov`"
        )
    folder = tmp_path_factory.mktemp("checkov")
    names = (*SCANNED, FORM_OF_2017)
    files = folder / "built"
    files.mkdir()
    for name in names:
        (files / file_of(name)).write_text(write(name, folder / file_of(name)))
    command = (checkov, "--framework=kubernetes", "--output=json", "--compact", f"--directory={files}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    found = {}
    for name in names:
        passed, missed = (
            [one["check_id"] for one in report["results"][kind] if one["file_path"] == f"/{file_of(name)}"]
            for kind in ("passed_checks", "failed_checks")
        )
        assert len(passed) > 50, name
        found[name] = set(missed)
    return found


@pytest.mark.parametrize("name", SCANNED)
def test_only_checks_that_were_decided_against_fail(failed: Mapping[str, set[str]], name: str) -> None:
    assert failed[name] == {*DECIDED, *DECIDED_FOR.get(name, ())}


def test_the_form_of_2017_fails_other_checks(failed: Mapping[str, set[str]]) -> None:
    assert failed[FORM_OF_2017] - set(DECIDED)
