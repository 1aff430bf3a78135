"""The probes use paths that the agent answers, and they are those of docs/probes.md."""

import re

import pytest

from bootstrap.agent import probe_server
from bootstrap.settings import DEFAULTS
from tests.pages.manifests.conftest import Built
from tests.paths import ROOT
from tests.support.manifests.built import CLUSTERS, FORM_OF_2017, NAMES, Document, containers, parse, pods, template

PORT = int(DEFAULTS["HEALTH_PORT"][0])

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def probes(container: Document) -> dict[str, Document]:
    return {name: container[name] for name in PROBES if name in container}


def documented() -> Document:
    """Return the example of docs/probes.md with the keys of two containers; no key is in both."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "probes.md").read_text(), re.MULTILINE | re.DOTALL)
    (example,) = parse(block)
    return example


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_probes_are_those_of_the_page(documents_of: Built, name: str) -> None:
    page = documented()
    found = {name: probes(container) for name, container in containers(template(documents_of(name))).items()}

    assert found == {
        **({"restore": {}} if name in {"components/restore", "components/restore-s3"} else {}),
        **({"relocate": {}} if name == "components/take-over" else {}),
        **({"mysqld-exporter": {}} if name == "components/metrics/mysqld-exporter" else {}),
        "install": {},
        "agent": {"startupProbe": page["startupProbe"], "livenessProbe": page["livenessProbe"]},
        "bootstrap": {},
        "mysql": {"readinessProbe": page["readinessProbe"]},
    }


@pytest.mark.parametrize("name", [*CLUSTERS, FORM_OF_2017])
def test_the_agent_answers_the_probes(documents_of: Built, name: str) -> None:
    count = 0
    for container in containers(template(documents_of(name))).values():
        names = {one["name"]: one["containerPort"] for one in container.get("ports", ())}
        for probe in probes(container).values():
            count += 1
            assert probe["httpGet"]["path"] in probe_server.PATHS
            assert names.get(probe["httpGet"]["port"], probe["httpGet"]["port"]) == PORT
    assert count


@pytest.mark.parametrize("name", NAMES)
def test_no_probe_kills_a_server_or_a_proxy(documents_of: Built, name: str) -> None:
    for _, pod in pods(documents_of(name)):
        killed = {name for name, c in containers(pod).items() if {"startupProbe", "livenessProbe"} & set(c)}
        # `members` of the proxies only writes their configuration.
        assert killed <= {"agent", "members"}


@pytest.mark.parametrize("name", CLUSTERS)
def test_kubectl_describe_shows_why_a_container_has_ended(documents_of: Built, name: str) -> None:
    found = {container["terminationMessagePolicy"] for container in containers(template(documents_of(name))).values()}
    assert found == {"FallbackToLogsOnError"}
    assert "-exit-status=hook" in containers(template(documents_of(name)))["bootstrap"]["command"]
