"""The section of the guide that explains a decision: where `status` sends a human.

Pure.  The pages are documents of this project; a test holds that each has the sections that are named here.
"""

from bootstrap.core.status.changes import HOLD

FOLDER = "docs/operations/messages"

PAGES = {
    "waiting": ("dns", "all-heard", "promised", "quorum"),
    "starting": (
        *("start", "own-disk", "own-server", "first-start", "last-view", "last-one-out"),
        *("join", "override", "order", "stuck-server"),
    ),
    "holds-volume": (f"own-disk{HOLD}", "options", "room", "journal", "permission"),
    "holds-cluster": ("two-primaries", "other-history", "other-branch", "ahead-of-primary", "beyond-fork"),
    "holds-outage": (
        *("epoch-floor", "expected-data", "all-empty", "no-candidate", "two-histories", "two-branches"),
        *("doubtful-transfer", "replaced-volume"),
    ),
}
"""A page -> the rules that have a section there, by the name that a decision carries."""


def find_help(rule: str, *, is_hold: bool) -> str:
    """Return page and section for a decision; the index of all messages for a rule without a section of its own."""
    for name in (f"{rule}{HOLD}", rule) if is_hold else (rule,):
        for page, rules in PAGES.items():
            if name in rules:
                return f"{FOLDER}/{page}.md#{name.translate({32: '-', 40: None, 41: None})}"
    return f"{FOLDER}.md"
