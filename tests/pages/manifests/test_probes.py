"""The probes ask what the agent answers, and they are those of docs/probes.md."""

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
    """The example of docs/probes.md: the keys of both containers, none of which is in both."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "probes.md").read_text(), re.MULTILINE | re.DOTALL)
    (told,) = parse(block)
    return told


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_probes_are_those_of_the_page(documents_of: Built, name: str) -> None:
    told = documented()
    found = {name: probes(container) for name, container in containers(template(documents_of(name))).items()}

    assert found == {
        **({"restore": {}} if name == "components/restore" else {}),
        "install": {},
        "agent": {"startupProbe": told["startupProbe"], "livenessProbe": told["livenessProbe"]},
        "bootstrap": {},
        "mysql": {"readinessProbe": told["readinessProbe"]},
    }


@pytest.mark.parametrize("name", [*CLUSTERS, FORM_OF_2017])
def test_the_agent_answers_there(documents_of: Built, name: str) -> None:
    asked = 0
    for container in containers(template(documents_of(name))).values():
        names = {one["name"]: one["containerPort"] for one in container.get("ports", ())}
        for probe in probes(container).values():
            asked += 1
            assert probe["httpGet"]["path"] in probe_server.PATHS
            assert names.get(probe["httpGet"]["port"], probe["httpGet"]["port"]) == PORT
    assert asked


@pytest.mark.parametrize("name", NAMES)
def test_no_server_and_no_proxy_is_killed_by_a_probe(documents_of: Built, name: str) -> None:
    for _, pod in pods(documents_of(name)):
        killed = {name for name, c in containers(pod).items() if {"startupProbe", "livenessProbe"} & set(c)}
        # `members` of the proxies only writes their configuration.
        assert killed <= {"agent", "members"}
