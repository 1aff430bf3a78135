"""checkov's policies for Kubernetes: what it complains of is what was decided against, and nothing else.

It breaks beside other packages and has an environment of its own: the PATH's, or `.venv-checkov` in this clone.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.manifests import built, kustomize
from tests.manifests.built import MANIFESTS

DECIDED = {
    "CKV_K8S_8": "liveness probe: it would kill a server in a state transfer; a dead one is restarted without it",
    "CKV_K8S_15": "always pull: a start after a power cut would depend on a registry, and no tag is ever moved",
    "CKV_K8S_43": "digests: known when the image is in a registry; overlays/production says where they go",
}
"""Check -> why it is not met."""

OVERLAYS = ("lab", "production")


def failed(text: str, scratch: Path) -> set[str]:
    """The checks that fail for what was built."""
    checkov = shutil.which("checkov") or shutil.which("checkov", path=built.ROOT / ".venv-checkov/bin")
    if checkov is None:
        pytest.skip(
            "NOT TESTED: checkov's policies; run `python3 -m venv .venv-checkov`, then its `pip install checkov`"
        )
    file = scratch / "built.yaml"
    file.write_text(text)
    command = (checkov, "--framework=kubernetes", "--output=json", "--compact", f"--file={file}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 50
    assert report["summary"]["parsing_errors"] == 0
    return {one["check_id"] for one in report["results"]["failed_checks"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_fails_but_what_was_decided(overlay: str, tmp_path: Path) -> None:
    assert failed(kustomize.build(MANIFESTS / "overlays" / overlay), tmp_path) == set(DECIDED)


def test_nor_with_proxies_in_front_of_the_lab(tmp_path: Path) -> None:
    folder = tmp_path / "with"
    folder.mkdir()
    lab, proxies = (built.relative(MANIFESTS / name, folder) for name in ("overlays/lab", "components/writer-haproxy"))
    lines = ("namespace: galera-lab", "resources:", f"- {lab}", "components:", f"- {proxies}")
    (folder / "kustomization.yaml").write_text("\n".join(lines))

    assert failed(kustomize.build(folder), tmp_path) == set(DECIDED)


def test_the_form_of_2017_fails_others(tmp_path: Path) -> None:
    assert failed(kustomize.build(MANIFESTS / built.FORM_OF_2017), tmp_path) - set(DECIDED)
