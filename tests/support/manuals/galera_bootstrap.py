"""The manual page of galera-bootstrap, made from the program's own help: `make man` writes it again."""

import sys
from collections.abc import Iterator, Mapping

import click

from bootstrap import __version__
from bootstrap.cli import COMMANDS, GROUPS, group
from bootstrap.setting_checks import PREFIX
from bootstrap.settings import DEFAULTS
from tests.paths import ROOT
from tests.support.manuals.roff import escape, format_command, format_exit_codes, format_item

PAGE = ROOT / "bootstrap" / "shipped" / "galera-bootstrap.1"

DESCRIPTION = """\
decides whether a pod of a MariaDB Galera cluster bootstraps the cluster, joins it, waits, or holds for a human.
It runs in a pod: manifests call some of its commands, people the others, in the container of the agent.
"""

IN_A_POD = "kubectl -n db exec mysql-0 -c agent -- /work-dir/galera-bootstrap"

EXAMPLES = (
    (
        "How is the cluster, and what must be done?",
        f"{IN_A_POD} status",
    ),
    ("Why does this pod wait?", f"{IN_A_POD} explain"),
    ("What happened on all pods?", f"{IN_A_POD} events --all"),
)


def find_command(name: str) -> click.Command:
    """The command of that name."""
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def format_group(title: str, commands: Mapping[str, str]) -> Iterator[str]:
    """Write the sections of a group of commands."""
    yield f".SH {title.upper()}"
    for name in commands:
        yield from format_command("galera-bootstrap", name, find_command(name))


def make_page() -> str:
    """Write the page."""
    assert {name for commands in GROUPS.values() for name in commands} == set(COMMANDS)
    lines = [
        '.\\" Made by `make man`.',
        f'.TH GALERA\\-BOOTSTRAP 1 "" "galera\\-bootstrap {__version__}" "User Commands"',
        *(".SH NAME", "galera\\-bootstrap \\- start, recover and watch a MariaDB Galera cluster on Kubernetes"),
        *(".SH SYNOPSIS", "\\fBgalera\\-bootstrap\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] ..."),
        *(".SH DESCRIPTION", "\\fBgalera\\-bootstrap\\fR", *escape(DESCRIPTION).splitlines()),
        *(line for title, commands in GROUPS.items() for line in format_group(escape(title), commands)),
        *(".SH ENVIRONMENT", "POD_NAME, POD_NAMESPACE and POD_IP name the pod. The settings:"),
        *(
            line
            for name, (default, meaning) in DEFAULTS.items()
            for line in format_item(
                f"\\fB{PREFIX}{name}\\fR", escape(f"{meaning} (default: {default or 'empty'})".replace("\n", " "))
            )
        ),
        *format_exit_codes("galera-bootstrap"),
        ".SH EXAMPLES",
        *(part for text, words in EXAMPLES for part in (".PP", text, ".PP", ".nf", f"    {escape(words)}", ".fi")),
        *(".SH SEE ALSO", "\\fBpeer\\-finder\\fR(1)"),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
