"""The guide's commands are read, not run: each has a mark, and the objects and options in them exist."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from bootstrap.cli import group as galera_bootstrap
from images.inputs import version
from tests.kubernetes.machines.binaries import list_missing, program
from tests.paths import ROOT
from tests.support.guide.pages import (
    BY_HAND,
    COMMANDS,
    DONE_BY,
    NOT_COMMANDS,
    PAGES,
    RUN,
    WITNESS,
    Block,
    How,
    blocks,
)
from tests.support.guide.shell_words import calls
from tests.support.guide.stage import NEXT, REGISTRY
from tests.support.manifests import kustomize
from tests.support.manifests.built import MANIFESTS, Document, containers, of_kind, parse, stateful_set, template

BLOCKS = [block for page in PAGES for block in blocks(page)]

TYPED = [block for block in BLOCKS if block.language in COMMANDS]

SHOWN = r"`(?P<code>(?:kubectl|galera-bootstrap|/work-dir/galera-bootstrap) [^`]+)`"
"""A command in a line of text."""

PLUGINS_OWN = ("sql", "logs", "backup", "restore", "doctor")
"""Commands of `kubectl galera` that galera-bootstrap does not have."""


def lines() -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the words of each simple command in the blocks and in the text of the pages."""
    for block in TYPED:
        for command in block.commands:
            for words in calls(command.text):
                yield block.where, words
    for page in PAGES:
        for found in re.finditer(SHOWN, page.read_text()):
            yield f"{page.name}: {found['code']}", found["code"].split()


def called(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the words after a program's name, which may come after another program's."""
    for where, words in lines():
        for number, word in enumerate(words):
            if word.rpartition("/")[2] == name:
                yield where, words[number + 1 :]
                break


def kubectl_calls() -> Iterator[tuple[str, list[str]]]:
    """Yield the place and kubectl's own words, without those of a command that it runs in a pod."""
    for where, words in called("kubectl"):
        if words[0] in ("...", "galera"):
            continue
        yield where, words[: words.index("--")] if "--" in words else words


def plugin_calls() -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the words after `kubectl galera`."""
    for where, words in called("kubectl"):
        if words[0] == "galera" and words[1:]:
            yield where, words[1:]


def named(words: list[str]) -> list[str]:
    """Return the command of kubectl, such as `rollout status` or `create secret generic`."""
    values = ("-n", "-c", "-o", "-f", "-k", "-p", "-l")
    rest = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if before not in values and not word.startswith("-")
    ]
    return rest[: {"rollout": 2, "set": 2, "create": 3 if rest[1:2] == ["secret"] else 2}.get(rest[0], 1)]


@cache
def kubectl_options(command: str) -> frozenset[str]:
    """Return the options of a command of kubectl, and those of all commands."""
    output = ""
    for words in ((*command.split(), "--help"), ("options",)):
        done = subprocess.run((program("kubectl"), *words), capture_output=True, text=True, timeout=30, check=True)
        output += done.stdout
    return frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", output))


@cache
def base() -> tuple[Document, ...]:
    """Build `manifests/base`."""
    if kustomize.find() is None:
        pytest.skip("NOT TESTED: the names in the guide's commands; no kustomize here: run make manifest-tools")
    return parse(kustomize.build(MANIFESTS / "base"))


def test_there_are_commands() -> None:
    assert len(list(called("kubectl"))) > 60
    assert len(list(plugin_calls())) > 30


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_a_block_says_whether_it_is_run(block: Block) -> None:
    assert block.language in (*COMMANDS, *NOT_COMMANDS)
    assert block.how is not How.UNMARKED, "a reader would believe that it was tested: see pages.py for the marks"
    if block.how is How.FILE:
        assert block.file, "the first line must contain the name of the file"


OTHERS = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page not in PAGES]
"""Pages whose commands are read by no other test here."""

MARKS = (RUN, BY_HAND, DONE_BY, WITNESS, re.compile(re.escape("<!-- file -->")))


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_all_other_pages_are_marked_too(page: Path) -> None:
    for block in blocks(page):
        assert block.language not in COMMANDS or block.how in (How.DONE, How.NOT_RUN), block.where


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_mark_has_a_known_form(page: Path) -> None:
    """A mark with a typing error would be only a comment, and would have no effect."""
    for comment in re.findall(r"<!--.*?-->", page.read_text(), re.DOTALL):
        assert any(mark.fullmatch(comment) for mark in MARKS), comment
        found = DONE_BY.fullmatch(comment)
        assert not found or (ROOT / found["test"]).is_file(), comment


def test_images_have_the_tags_that_are_on_the_nodes() -> None:
    found = {tag for block in BLOCKS for tag in re.findall(rf"{REGISTRY}/[\w-]+:([\w.-]+)", block.text)}

    assert found - {"no-such-tag"} == {version(), NEXT}


def test_each_of_our_commands_exists_with_its_options() -> None:
    theirs = ((where, words) for where, words in plugin_calls() if words[0] not in PLUGINS_OWN)
    for where, (name, *rest) in ((where, words) for where, words in [*called("galera-bootstrap"), *theirs] if words):
        if name in ("...", "COMMAND") or name.startswith("-"):
            continue
        command = galera_bootstrap.get_command(click.Context(galera_bootstrap), name)
        assert command is not None, f"{where}: galera-bootstrap has no {name}"
        known = {option for parameter in command.params for option in parameter.opts}
        given = {word.partition("=")[0] for word in rest if word.startswith("-")} - {"-n"}
        assert given <= known, f"{where}: galera-bootstrap {name} has no {given - known}"


def test_kubectl_knows_every_option() -> None:
    if list_missing():
        pytest.skip("NOT TESTED: the options of the guide's kubectl; it is built by `make e2e`")
    for where, words in kubectl_calls():
        command = " ".join(named(words))
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        unknown = given - kubectl_options(command)
        assert not unknown, f"{where}: kubectl {command} has no {unknown}"


def test_pods_containers_and_objects_are_those_of_the_manifests() -> None:
    built = base()
    kinds = ("StatefulSet", "ConfigMap", "Service", "Secret", "PodDisruptionBudget")
    names = {f"{kind.lower()}/{name}" for kind in kinds for name in of_kind(built, kind)}
    theirs = {"statefulset", "configmap", "service", "pdb"}
    claim = stateful_set(built)["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]
    for where, words in kubectl_calls():
        for before, word in zip(["", *words], words, strict=False):
            kind, _, name = word.partition("/")
            if before == "-c" and "$" not in word:
                assert word in containers(template(built)), f"{where}: no container {word}"
            if kind in theirs and name:
                assert word in names, f"{where}: there is no {word}"
            if kind == "pvc" and name and "$" not in name:
                assert re.fullmatch(rf"{claim}-mysql-\d", name), f"{where}: no claim is called {name}"
            if kind == "pod" and name.startswith("mysql"):
                assert re.fullmatch(r"mysql-\d", name), f"{where}: no pod is called {name}"
