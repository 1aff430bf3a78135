"""The page of rules: their order, and each decision with what would change it."""

from collections.abc import Iterator

from bootstrap.core.decision.decide import RULES
from bootstrap.core.status.changes import CHANGES, HOLD
from bootstrap.core.status.help_pages import find_help
from tests.support.reference.decisions import messages
from tests.support.reference.markdown import begin, escape, join_blocks, write_table

ABOUT = (
    "An agent tries the rules in this order, four times a second, and the first that has an answer decides. "
    "`explain --all` shows them with their answers. [Proofs](../override.md#proofs) and [overrides](../override.md) "
    "have a page of their own, and [races.md](../races.md) has what each rule is for."
)

NAMES = (
    "A decision carries the name of its rule, or of the case or proof that it found: `one-history` answers as "
    "`no-candidate`, `two-histories` or `two-branches`, and `most-advanced` as `all-heard`, `last-view` or "
    "`last-one-out`. A wait ends by itself when what is missing comes. A hold does not."
)

PROOFS = ("all-heard", "last-view", "last-one-out")
"""Names that a bootstrap gets from a variable: no text of the code has them beside it."""


def list_decisions() -> Iterator[tuple[str, str, str]]:
    """Yield kind and name of each decision, and what would change it."""
    proven = {(kind, proof) for kind in ("Bootstrap", "Wait") for proof in PROOFS}
    named = {(message.kind, message.rule) for message in messages()}
    for kind, rule in sorted(proven | named, key=lambda one: one[::-1]):
        is_hold = kind == "Hold"
        change = (CHANGES.get(f"{rule}{HOLD}") if is_hold else None) or CHANGES.get(rule, "")
        page = find_help(rule, is_hold=is_hold).removeprefix("docs/")
        yield f"[{rule}](../{page})", kind.lower(), escape(change.format(pods="the pod that is named"))


def write_rules() -> str:
    """Write the page."""
    rules = [(str(number), f"`{rule.name}`", escape(rule.about)) for number, rule in enumerate(RULES, 1)]
    return join_blocks(
        (
            *begin("Rules", "`bootstrap/core/decision/decide.py` and `bootstrap/core/status/changes.py`", ABOUT),
            "## In their order",
            write_table(("", "rule", "what it decides"), rules),
            "## Decisions",
            NAMES,
            write_table(("name in brackets", "decision", "it changes as soon as"), list_decisions()),
        )
    )
