"""The pages of messages have every message of an agent; the messages are read from the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from bootstrap.core.decision.decide import RULES
from bootstrap.core.model.unknown import (
    ITS_VOLUME,
    NO_DNS,
    NO_NAMES,
    NOT_RUNNING,
    SAME_KEY,
    SAME_RELEASE,
    UNREACHED,
    WRONG_ADDRESS,
)
from bootstrap.core.status import help_pages
from bootstrap.core.status.changes import CHANGES, HOLD
from bootstrap.network import fanout
from bootstrap.settings import DEFAULTS
from tests.paths import ROOT
from tests.support.guide.links import anchors
from tests.support.guide.pages import GUIDE
from tests.support.reference.decisions import SOURCES, Message, constants, messages

SECTIONS = sorted((GUIDE / "messages").glob("*.md"))

PAGE = "".join(path.read_text() for path in SECTIONS)


@cache
def quoted() -> dict[str, list[str]]:
    """Read the messages of the page: kind and rule -> the messages in that rule's section."""
    found: dict[str, list[str]] = {}
    rule = ""
    for line in PAGE.splitlines():
        if heading := re.match(r"## (?P<rule>[\w-]+)", line):
            rule = heading["rule"]
        elif message := re.match(r"> (?P<kind>\w+): (?P<text>.*)", line):
            found.setdefault(f"{message['kind']} {rule}", []).append(message["text"])
    return found


def is_shown(message: Message) -> bool:
    """Whether the page has a message with these words in this order."""
    pattern = ".*".join(re.escape(part) for part in message.words)
    return any(re.search(pattern, text) for text in quoted().get(f"{message.kind.lower()} {message.rule}", ()))


def test_the_code_was_read() -> None:
    found = set(map(str, messages()))

    assert len(found) > 20
    assert "wait [own-disk] the datadir has not been read yet" in found


@pytest.mark.parametrize("rule", sorted({rule.name.split()[0] for rule in RULES} | {m.rule for m in messages()}))
def test_every_rule_has_its_section(rule: str) -> None:
    assert re.search(rf"^## {rule}( \(\w+\))?$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("kind", "rule"), sorted({(m.kind, m.rule) for m in messages()}))
def test_status_leads_to_the_section_of_each_decision(kind: str, rule: str) -> None:
    page, _, anchor = help_pages.find_help(rule, is_hold=kind == "Hold").partition("#")

    assert anchor in anchors(ROOT / page)
    assert anchor.removesuffix("-hold") == rule


def test_status_leads_to_the_index_for_a_rule_that_it_does_not_know() -> None:
    assert (ROOT / help_pages.find_help("later", is_hold=True)).samefile(GUIDE / "messages.md")


def test_the_index_has_every_section() -> None:
    """By the name in brackets; or, where there is no message of an agent, by what a reader sees."""
    index = (GUIDE / "messages.md").read_text()
    sections = [f"](messages/{path.name}#{name})" for path in SECTIONS for name in list(anchors(path))[1:]]

    assert len(sections) > 30
    assert [link for link in sections if link not in index] == []


@pytest.mark.parametrize(("kind", "rule"), sorted({(m.kind, m.rule) for m in messages()}))
def test_explain_knows_what_would_change_each_decision(kind: str, rule: str) -> None:
    assert rule in CHANGES or (kind == "Hold" and f"{rule}{HOLD}" in CHANGES)


def test_explain_knows_no_rule_that_is_gone() -> None:
    named_elsewhere = {"last-view", "last-one-out"}  # proofs
    assert {key.removesuffix(HOLD) for key in CHANGES} - named_elsewhere <= {message.rule for message in messages()}


@pytest.mark.parametrize("message", sorted(set(messages()), key=str), ids=str)
def test_every_message_is_shown_in_its_section(message: Message) -> None:
    assert is_shown(message), f"the page has there: {quoted().get(f'{message.kind.lower()} {message.rule}')}"


def unknowns() -> Iterator[str]:
    """Yield the fixed parts of the reasons in the code why a peer is unknown."""
    for tree in SOURCES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Unknown":
                yield from constants(node.args[0])


@pytest.mark.parametrize("words", sorted(set(unknowns())))
def test_every_reason_for_unknown_is_shown(words: str) -> None:
    assert words in PAGE


PORT = f"{UNREACHED} {DEFAULTS['EXCHANGE_PORT'][0]}"
CURES = (SAME_KEY, SAME_RELEASE, WRONG_ADDRESS, ITS_VOLUME, NO_DNS)


@pytest.mark.parametrize("words", [NOT_RUNNING, NO_NAMES, PORT, f"{fanout.SELF_UNREACHED}; {PORT}", *CURES])
def test_every_advice_is_shown_at_the_end_of_a_line(words: str) -> None:
    assert [line for line in PAGE.splitlines() if line.startswith("> wait: ") and line.endswith(f"; {words}")]


def codes(text: str, heading: str) -> set[int]:
    """Return the exit codes in the first column of the table under a heading."""
    _, _, section = text.partition(f"\n## {heading}\n")
    section = section.partition("\n## ")[0]
    cells = re.findall(r"^\| (\d+(?:, \d+)*) \|", section, re.MULTILINE)
    return {int(code) for cell in cells for code in cell.split(", ")}


def test_every_exit_code_of_a_pod_is_explained() -> None:
    """Some codes of peer-finder never end the run of a hook; they are only for users at a terminal."""
    text = (ROOT / "docs/exit-codes.md").read_text()
    at_a_terminal = {0, 4, 5}

    wanted = (codes(text, "peer-finder") | codes(text, "galera-bootstrap")) - at_a_terminal

    assert {2, 6, 13, 20} < wanted
    assert wanted <= codes(PAGE, "Exit codes")


def test_every_answer_of_the_readiness_probe_is_explained() -> None:
    text = (ROOT / "docs/probes.md").read_text().partition("\n## The words\n")[2].partition("\n## ")[0]
    words = set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))

    assert {"ready", "non-primary", "split"} < words
    assert words <= set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE))
