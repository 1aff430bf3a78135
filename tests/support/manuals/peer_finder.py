"""The manual page of peer-finder, made from the program's own help: `make man` writes it again.

`test_manual.py` compares the page in the package with this.
"""

import sys
from collections.abc import Iterator
from importlib import import_module

import click

from bootstrap import __version__
from peerfinder.commands.listed import COMMANDS
from peerfinder.flags import FLAGS
from tests.paths import ROOT
from tests.support.manuals.roff import escape, format_command, format_exit_codes, format_flag, format_item

PAGE = ROOT / "peerfinder" / "shipped" / "peer-finder.1"

DESCRIPTION = """\
looks up the peers of a pod by the SRV records of its headless Service, and runs a hook with their names on
standard input, one per line, its own included, sorted by bytes.
Without an on-change hook it ends after the first. It replaces the Go program of the same name.
No hook runs for an answer that is empty, truncated or holds a name that is not a pod of the Service,
nor because DNS is silent or broken.
"""

ENVIRONMENT = (
    ("PEERFINDER_NAME", "replaces the flag -name, with _ for each hyphen; the flag beats it"),
    ("POD_NAMESPACE", "namespace, if neither the flag nor the Service's name has it"),
    ("POD_NAME", "name of our own pod, if it is among the peers and the host name is not"),
    ("POD_IP", "gives hooks HOST_ADDRESS, HOST_ADDRESS_TYPE (unless HOST_ADDRESS is set), POD_IP and POD_IP_TYPE"),
)

HOOK_VARIABLES = (
    ("PEERFINDER_EVENT", "on-start or on-change"),
    ("PEERFINDER_SELF", "our own name"),
    ("PEERFINDER_COUNT", "how many peers there are"),
    ("PEERFINDER_ADDED, PEERFINDER_REMOVED", "peers that came and went since the last hook that ended well"),
)

EXAMPLES = (
    (
        "Run a program with the peers before a database starts:",
        "peer-finder -service=galera -on-start=/work-dir/on-start.sh",
    ),
    ("Stay, and reload a proxy on each change:", "peer-finder -service=galera -on-change=/reload.sh -no-require-self"),
    ("Find out why there are no peers:", "peer-finder doctor galera"),
)


def find_command(name: str) -> click.Command:
    """The command of that name."""
    found: click.Command = getattr(import_module(f"peerfinder.commands.{name}"), name)
    return found


def list_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield all commands, those of a group by two words."""
    for name in COMMANDS:
        command = find_command(name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {one}", command.commands[one]) for one in sorted(command.commands))
        else:
            yield name, command


def make_page() -> str:
    """Write the page."""
    commands = " | ".join(f"\\fB{name}\\fR" for name in COMMANDS)
    lines = [
        '.\\" Made by `make man`.',
        f'.TH PEER\\-FINDER 1 "" "peer\\-finder {__version__}" "User Commands"',
        *(".SH NAME", "peer\\-finder \\- find the peers of a pod and run hooks with them"),
        *(".SH SYNOPSIS", "\\fBpeer\\-finder\\fR \\fB\\-service\\fR=\\fINAME\\fR [\\fB\\-on\\-start\\fR=\\fITEXT\\fR]"),
        *("[\\fB\\-on\\-change\\fR=\\fITEXT\\fR] [\\fIFLAGS\\fR]", ".br"),
        f"\\fBpeer\\-finder\\fR {commands} [\\fIOPTIONS\\fR] ...",
        *(".SH DESCRIPTION", "\\fBpeer\\-finder\\fR", *escape(DESCRIPTION).splitlines()),
        *(".SH FLAGS", "With one dash or two, as \\fB\\-flag\\fR=\\fIvalue\\fR or \\fB\\-flag\\fR \\fIvalue\\fR."),
        *(part for one in FLAGS for part in format_item(format_flag(f"-{one.name}", one.metavar), one.help)),
        ".SH COMMANDS",
        *(part for name, one in list_commands() for part in format_command("peer-finder", name, one)),
        *(".SH ENVIRONMENT", *(part for name, text in ENVIRONMENT for part in format_item(f"\\fB{name}\\fR", text))),
        *(".SS Of hooks", *(part for name, text in HOOK_VARIABLES for part in format_item(f"\\fB{name}\\fR", text))),
        *(".SH FILES", *format_item("\\fI/etc/resolv.conf\\fR", "name servers, cluster domain and namespace")),
        *format_exit_codes("peer-finder"),
        ".SH EXAMPLES",
        *(part for text, words in EXAMPLES for part in (".PP", text, ".PP", ".nf", f"    {escape(words)}", ".fi")),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
