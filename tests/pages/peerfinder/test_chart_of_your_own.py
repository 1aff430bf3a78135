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


def variables(found: Document) -> dict[str, str]:
    return {one["name"]: one["value"] for one in found["env"] if "value" in one}


def pod_of(documents: Documents) -> Document:
    spec: Document = of_kind(documents, "StatefulSet")["db"]["spec"]["template"]["spec"]
    return spec


def test_the_page_has_all_files() -> None:
    assert [found["name"] for found in BLOCK.finditer(PAGE.read_text())] == [
        "create",
        "db/values.yaml",
        "db/templates/service.yaml",
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
    assert variables(container(pod, "discover"))["REPLICAS"] == "3"
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
        ('"members" .Values.members', '"members" 0', "peerfinder: members"),
        ('"sign"', '"ignore" (list ".snapshot" "a b") "sign"', "ignore: a b must be a name without blanks"),
    ],
)
def test_a_mistake_is_refused_by_its_key(chart: Path, old: str, new: str, says: str) -> None:
    page = chart / "templates/stateful-set.yaml"
    page.write_text(page.read_text().replace(old, new, 1))
    with pytest.raises(helm.HelmError, match=re.escape(says)):
        render(chart)


@pytest.mark.parametrize("name", ["on-start.sh", "post.pl"])
def test_a_hook_that_was_not_saved_is_missed(chart: Path, name: str) -> None:
    (chart / "files" / name).unlink()
    with pytest.raises(helm.HelmError, match=f"files/{re.escape(name)}"):
        render(chart)


@pytest.mark.parametrize(
    "text",
    ["sh /hook/on-start.sh && echo $# #done; exit 3", "echo waiting: now; sh /x", "echo 'a'\necho b", "- x", "{a: b}"],
)
def test_the_text_of_a_hook_comes_through_as_it_is(chart: Path, text: str) -> None:
    page = chart / "templates/stateful-set.yaml"
    escaped = text.replace("\n", "\\n")
    page.write_text(page.read_text().replace('"sh /hook/on-start.sh"', f'"{escaped}"'))
    assert container(pod_of(render(chart)), "discover")["command"][2] == f"-on-start={text}"


@pytest.mark.parametrize("sign", ["a, b", "a b", "a: b", "a#b"])
def test_a_sign_comes_through_as_one_path(chart: Path, sign: str) -> None:
    page = chart / "templates/stateful-set.yaml"
    page.write_text(page.read_text().replace('"etcd/member/wal"', f'"{sign}"'))
    pod = pod_of(render(chart))
    assert container(pod, "witness")["command"][3:] == ["--mark=/data/first-start", f"--sign=/data/{sign}"]
    assert variables(container(pod, "discover"))["SIGN"] == f"/data/{sign}"


@pytest.mark.parametrize("image", ['""', ".Values.unset"])
def test_an_empty_image_of_the_hook_is_none(chart: Path, image: str) -> None:
    page = chart / "templates/stateful-set.yaml"
    page.write_text(page.read_text().replace('"onStart"', f'"hookImage" {image} "onStart"'))
    discover = container(pod_of(render(chart)), "discover")
    assert (discover["command"][0], variables(discover)["PEER_FINDER"]) == ("peer-finder", "peer-finder")
    assert "galera-install" in discover["image"]
    assert "work-dir" not in {one["name"] for one in discover["volumeMounts"]}


def test_what_the_program_s_messages_ask_for_can_be_set(chart: Path) -> None:
    page = chart / "templates/stateful-set.yaml"
    more = '"ignore" (list ".snapshot" "x") "port" 4571 "firstOrdinal" 5 "env" (list (dict "name" "A" "value" "b"))'
    page.write_text(page.read_text().replace('"sign"', f'{more} "sign"'))
    pod = pod_of(render(chart))
    for name in ("witness", "discover"):
        assert variables(container(pod, name)).items() >= {
            ("PEERFINDER_IGNORE", ".snapshot x"),
            ("PEERFINDER_WITNESS_PORT", "4571"),
            ("PEERFINDER_FIRST_ORDINAL", "5"),
            ("A", "b"),
        }
    assert container(pod, "witness")["ports"][0]["containerPort"] == 4571


@pytest.mark.parametrize("words", [("--set=fullnameOverride=" + "x" * 63,), ("--set=nameOverride=" + "y" * 60,)])
def test_a_long_name_leaves_room_for_the_labels_of_the_pods(chart: Path, words: tuple[str, ...]) -> None:
    """Kubernetes puts the set's name and a hash into a label: 63 characters in all."""
    (name,) = of_kind(render(chart, *words), "StatefulSet")
    assert len(name) <= 52


def test_the_values_of_the_page_are_used(chart: Path) -> None:
    words = ("replicas=5", "members=4", "image=a/b:1", "tools=c/d:2", "storage=9Gi", "imagePullSecrets[0].name=pull")
    documents = render(chart, *(f"--set={word}" for word in words))
    pod, spec = pod_of(documents), of_kind(documents, "StatefulSet")["db"]["spec"]
    assert (spec["replicas"], variables(container(pod, "discover"))["REPLICAS"]) == (5, "4")
    assert (pod["containers"][0]["image"], container(pod, "witness")["image"]) == ("a/b:1", "c/d:2")
    assert spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "9Gi"
    assert pod["imagePullSecrets"] == [{"name": "pull"}]


def read_hook() -> str:
    """The form of every hook, as the page has it."""
    (text,) = re.findall(r"<!-- done by: tests/pages/\S+ -->\n```sh\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    return str(text)


def test_the_hook_ends_where_the_program_fails(tmp_path: Path) -> None:
    """A shell goes on after a failure within `case`, and the database would start."""
    environment = {"MARK": "/m", "SIGN": "/s", "PATH": "/usr/bin:/bin"}
    for shell in ("dash", "bash"):
        for program in ("false", str(tmp_path / "missing")):
            done = subprocess.run(
                (shell, "-c", read_hook()),
                env=environment | {"PEER_FINDER": program},
                capture_output=True,
                check=False,
            )
            assert (done.returncode != 0, done.stdout) == (True, b"")


@pytest.mark.parametrize(("answer", "says"), [("first", "create"), ("data", "start with"), ("later", "join as a new")])
def test_the_hook_acts_on_each_answer(tmp_path: Path, answer: str, says: str) -> None:
    program = tmp_path / "peer-finder"
    program.write_text(f"#!/bin/sh\necho {answer}\n")
    program.chmod(0o755)
    environment = {"MARK": "/m", "SIGN": "/s", "PATH": "/usr/bin:/bin", "PEER_FINDER": str(program)}
    done = subprocess.run(("sh", "-c", read_hook()), env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(says)
