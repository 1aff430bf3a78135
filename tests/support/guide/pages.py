"""The code blocks of the guide's pages, as a reader of the rendered page gets them, and what a test does with each.

A comment right before a block of commands marks it:

- `<!-- run: cluster -->`: a test runs the page's blocks in their order on a real Kubernetes; with `full` after a comma
  only if E2E_FULL=1, because it takes long; `exit 1` after a comma is its exit status if that is not 0;
- `<!-- run: first -->`: functions that every block of the guide may use;
- `<!-- file -->`: the reader saves it under the name in its first line;
- `<!-- done by: tests/FILE.py -->`: that test does what the block does, in words of its own;
- `<!-- witness: NAME -->`: tests/pages/peerfinder/test_chart_of_your_own.py runs it;
- `<!-- by hand: NAME -->` is where the reader of a page must do something that is not a command: see `by_hand`.

A block that no test runs has a sentence that the reader sees, too: `_Not run by a test: REASON._`
On a page of which no block is run, `_No block of this page is run by a test: REASON._` stands once.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.paths import ROOT

GUIDE = ROOT / "docs/operations"

PAGES = [
    *sorted(GUIDE.glob("*.md")),
    *sorted((GUIDE / "messages").glob("*.md")),
    *(ROOT / "docs" / name for name in ("manifests.md", "cluster.md", "tutorial.md")),
]
"""The pages to which these rules apply."""

MESSAGES = (
    "messages.md",
    "waiting.md",
    "starting.md",
    "holds-volume.md",
    "holds-cluster.md",
    "holds-outage.md",
    "pods.md",
)

SHORT = ("install.md", "README.md", *MESSAGES, "back-up.md", "restore.md")
"""Each page begins where the page before has ended: with a complete cluster in the namespace `db`."""

LONG = ("scale.md", "upgrade.md", "rotate-secrets.md", "move-here.md", "recover-by-force.md", "manifests.md")
"""These have many restarts of all members, one after the other, and drains, which need more than one node."""

COMMANDS = ("sh", "console")
"""Languages of a block that a reader would type."""

NOT_COMMANDS = ("text", "yaml", "python", "ini", "sql")

RUN = re.compile(r"<!-- run: (?P<where>cluster|first)(?P<full>, full)?(, exit (?P<code>\d+))? -->")
BY_HAND = re.compile(r"<!-- by hand: (?P<name>[a-z0-9 -]+) -->")
NOT_RUN = re.compile(r"_Not run by a test: (?P<reason>[^_]{12,})\._")
NO_BLOCK = re.compile(r"^_No block of this page is run by a test: (?P<reason>[^_]{12,})\._$", re.MULTILINE)
DONE_BY = re.compile(r"<!-- done by: (?P<test>tests/[\w/]+\.py) -->")
WITNESS = re.compile(r"<!-- witness: [\w./-]+ -->")
FILE = re.compile(r"# (?P<name>[a-z-]+\.yaml)\n")


class How(StrEnum):
    """What a test does with a block."""

    CLUSTER = "cluster"
    FIRST = "first"
    FILE = "file"
    DONE = "done by a test in its own words"
    NOT_RUN = "not run"
    TEXT = "text"
    UNMARKED = "unmarked"
    """There is no mark; this is a mistake if the block has commands."""


@dataclass(frozen=True)
class ByHand:
    """A step of the reader that is not a command."""

    where: str
    """Page and line, for an error."""
    name: str


@dataclass(frozen=True)
class Command:
    """A text that is given to the shell at once."""

    text: str
    shown: str | None = None
    """The output that the page shows; None when it shows no output."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    where: str
    """Page and line, for an error."""
    language: str
    text: str
    how: How
    full: bool = False
    """Whether it is left out of a short run."""
    code: int = 0
    """The exit status that the page shows."""
    reason: str = ""
    """Why no test runs it."""

    @property
    def commands(self) -> list[Command]:
        """The commands: a `console` block has each after `$ `, with its output; another block is a single command."""
        if self.language != "console":
            return [Command(self.text)]
        typed = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [Command(first, rest or None) for first, _, rest in (one.partition("\n") for one in typed)]

    @property
    def file(self) -> str:
        """The file name in the block's first line; empty if there is none."""
        found = FILE.match(self.text)
        return found["name"] if found else ""


Step = Block | ByHand


def steps(page: Path) -> list[Step]:
    """The steps of a reader of the page, in their order."""
    found: list[Step] = []
    text = page.read_text()
    whole = NO_BLOCK.search(text)
    before = ""
    for token in MarkdownIt().parse(text):
        where = f"{page.relative_to(ROOT)}:{token.map[0] + 1 if token.map else 0}"
        if token.type in ("fence", "code_block"):
            one = block(where, token, before)
            if whole and one.how is How.UNMARKED:
                one = replace(one, how=How.NOT_RUN, reason=whole["reason"])
            found.append(one)
            before = ""
        elif token.type == "html_block" and (hand := BY_HAND.search(token.content)):
            found.append(ByHand(where, hand["name"]))
        elif token.type in ("html_block", "inline"):
            before = token.content.strip()
    return found


def block(where: str, token: Token, before: str) -> Block:
    """A block, with the mark right before it."""
    language = token.info.strip()
    if found := RUN.fullmatch(before):
        return Block(
            where, language, token.content, How(found["where"]), full=bool(found["full"]), code=int(found["code"] or 0)
        )
    if before == "<!-- file -->":
        return Block(where, language, token.content, How.FILE)
    if DONE_BY.fullmatch(before) or WITNESS.fullmatch(before):
        return Block(where, language, token.content, How.DONE)
    if found := NOT_RUN.search(before):
        return Block(where, language, token.content, How.NOT_RUN, reason=found["reason"])
    return Block(where, language, token.content, How.TEXT if language in NOT_COMMANDS else How.UNMARKED)


def find_page(name: str) -> Path:
    """The page with this name."""
    (page,) = (page for page in PAGES if page.name == name)
    return page


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page."""
    return [step for step in steps(page) if isinstance(step, Block)]


def is_as_shown(shown: str, output: str) -> bool:
    """Whether the output is as the page shows it.

    `...` means any text in a line, or any lines if it is alone; the width of a table's columns does not matter.
    """

    def pattern(line: str) -> str:
        if line.strip() == "...":
            return r"(?:.*\n)*?"
        words = [r".*".join(map(re.escape, word.split("..."))) for word in line.split()]
        return r"[ \t]*" + r"[ \t]+".join(words) + r"[ \t]*\n"

    return re.fullmatch("".join(map(pattern, shown.strip("\n").split("\n"))), output.strip("\n") + "\n") is not None
