"""The page on a chart of your own: its blocks make a chart that helm takes, with the library's containers."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.examples.page import BLOCK, PAGE, make_chart, render
from tests.support.manifests import helm
from tests.support.manifests.built import Document, Documents, of_kind


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    if helm.find() is None:
        pytest.skip(helm.MISSING)
    return make_chart(tmp_path)


def container(pod: Document, name: str) -> Document:
    found: list[Document] = [one for one in pod["initContainers"] if one["name"] == name]
    assert len(found) == 1
    return found[0]


def pod_of(documents: Documents) -> Document:
    spec: Document = of_kind(documents, "StatefulSet")["db"]["spec"]["template"]["spec"]
    return spec


def test_the_page_has_all_files() -> None:
    assert [found["name"] for found in BLOCK.finditer(PAGE.read_text())] == [
        "create",
        "db/templates/service.yaml",
        "db/files/on-start.sh",
        "db/templates/stateful-set.yaml",
    ]


def test_helm_takes_the_chart_and_the_pods_know_what_they_need(chart: Path) -> None:
    helm.run("lint", "--strict", str(chart))
    documents = render(chart)
    pod = pod_of(documents)
    assert [one["name"] for one in pod["initContainers"]] == ["witness", "discover"]
    witness = container(pod, "witness")
    assert witness["command"][1:3] == ["witness", "serve"]
    assert witness["command"][3:] == ["--mark=/data/first-start", "--sign=/data/etcd/member/wal"]
    assert witness["restartPolicy"] == "Always"
    assert {one["name"]: one.get("value") for one in container(pod, "discover")["env"]}["REPLICAS"] == "3"
    (service,) = of_kind(documents, "Service").values()
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["metadata"]["name"] == of_kind(documents, "StatefulSet")["db"]["spec"]["serviceName"]


def test_a_hook_in_another_image_gets_the_program_from_a_volume(chart: Path) -> None:
    page = chart / "templates/stateful-set.yaml"
    text = page.read_text().replace('"onStart"', '"hookImage" "example/etcd" "onStart"')
    more = '{{- include "peerfinder.install" $finder | nindent 8 }}\n        {{- include "peerfinder.discover"'
    page.write_text(text.replace('{{- include "peerfinder.discover"', more))
    pod = pod_of(render(chart))
    discover = container(pod, "discover")
    assert (discover["image"], discover["command"][0]) == ("example/etcd", "/work-dir/peer-finder")
    shared = {"name": "work-dir", "mountPath": "/work-dir"}
    assert shared in container(pod, "install")["volumeMounts"]
    assert shared | {"readOnly": True} in discover["volumeMounts"]


@pytest.mark.parametrize("key", ["service", "members", "sign", "onStart", "image"])
def test_a_key_that_is_missing_is_named(chart: Path, key: str) -> None:
    page = chart / "templates/stateful-set.yaml"
    page.write_text(re.sub(rf'"{key}" ("[^"]*"|\(.*?\)|\S+)', "", page.read_text(), count=1))
    with pytest.raises(helm.HelmError, match=f"peerfinder: {key}: "):
        render(chart)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"etcd/member/wal"', '"/data/etcd/member/wal"', "sign: /data/etcd/member/wal must be a path below mountPath"),
        ('"etcd/member/wal"', '"../wal"', "sign: ../wal must be a path below mountPath"),
        ('"sign"', '"mountpath" "/x" "sign"', "there is no key mountpath"),
        ("$members := 3", "$members := 0", "peerfinder: members"),
    ],
)
def test_a_mistake_is_refused_by_its_key(chart: Path, old: str, new: str, says: str) -> None:
    page = chart / "templates/stateful-set.yaml"
    page.write_text(page.read_text().replace(old, new, 1))
    with pytest.raises(helm.HelmError, match=re.escape(says)):
        render(chart)


def test_a_hook_that_was_not_saved_is_missed(chart: Path) -> None:
    (chart / "files/on-start.sh").unlink()
    with pytest.raises(helm.HelmError, match=r"files/on-start\.sh"):
        render(chart)


def test_the_hook_ends_where_the_program_fails(tmp_path: Path) -> None:
    """A shell goes on after a failure within `case`, and the database would start."""
    (text,) = (found["text"] for found in BLOCK.finditer(PAGE.read_text()) if found["name"].endswith(".sh"))
    environment = {"PEERFINDER_SELF": "db-0.db.db.svc.x", "POD_NAME": "db-0", "REPLICAS": "3", "PATH": "/usr/bin:/bin"}
    for shell in ("dash", "bash"):
        for program in ("false", str(tmp_path / "missing")):
            done = subprocess.run(
                (shell, "-c", text),
                env=environment | {"PEER_FINDER": program, "MARK": "/m", "SIGN": "/s", "state": "new"},
                capture_output=True,
                check=False,
            )
            assert done.returncode != 0


def test_a_posix_shell_reads_the_hook() -> None:
    (text,) = (found["text"] for found in BLOCK.finditer(PAGE.read_text()) if found["name"].endswith(".sh"))
    assert subprocess.run(("sh", "-n"), input=text, text=True, check=False).returncode == 0
