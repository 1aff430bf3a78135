"""The manual page of peer-finder, made from the program's own help: `make man` writes it again.

`test_manual.py` compares the page in the package with this.
"""

import re
import sys
from collections.abc import Iterator
from importlib import import_module

import click

from bootstrap import __version__
from peerfinder.commands.listed import COMMANDS
from peerfinder.flags import FLAGS
from tests.paths import ROOT

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


def escape(text: str) -> str:
    """Escape text for roff: a hyphen stays one that can be copied."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def format_line(text: str) -> str:
    """Write a line of text, also one that begins like a request of roff."""
    return f"\\&{text}" if text[:1] in (".", "'") else text


def format_item(left: str, text: str) -> Iterator[str]:
    yield from (".TP", format_line(left), format_line(escape(text)))


def format_flag(name: str, value: str) -> str:
    return f"\\fB{escape(name)}\\fR" + (f"=\\fI{escape(value)}\\fR" if value else "")


def read_exit_codes() -> Iterator[tuple[str, str]]:
    """Return code and meaning of each row of the page of exit codes."""
    page = (ROOT / "docs" / "exit-codes.md").read_text().partition("## peer-finder")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (\d[^|]*) \| ([^|]+) \|", page, re.MULTILINE):
        yield row[0], row[1].replace("`", "")


def format_command(name: str) -> Iterator[str]:
    """Write the section of a command from its help."""
    found: click.Command = getattr(import_module(f"peerfinder.commands.{name}"), name)
    context = click.Context(found, info_name=name, help_option_names=["-h", "--help"])
    arguments = " ".join(
        f"\\fI{part.human_readable_name}\\fR" for part in found.params if isinstance(part, click.Argument)
    )
    yield from (f".SS \\fBpeer\\-finder {name}\\fR [\\fIOPTIONS\\fR] {arguments}".rstrip(),)
    for paragraph in (found.help or "").split("\n\n"):
        yield from (".PP", format_line(escape(" ".join(paragraph.split()))))
    for part in found.get_params(context):
        record = None if isinstance(part, click.Argument) else part.get_help_record(context)
        if record:
            yield from format_item(f"\\fB{escape(record[0])}\\fR", " ".join(record[1].split()))


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
        *(".SH COMMANDS", *(part for name in COMMANDS for part in format_command(name))),
        *(".SH ENVIRONMENT", *(part for name, text in ENVIRONMENT for part in format_item(f"\\fB{name}\\fR", text))),
        *(".SS Of hooks", *(part for name, text in HOOK_VARIABLES for part in format_item(f"\\fB{name}\\fR", text))),
        *(".SH FILES", *format_item("\\fI/etc/resolv.conf\\fR", "name servers, cluster domain and namespace")),
        *(
            ".SH EXIT STATUS",
            *(part for code, text in read_exit_codes() for part in format_item(f"\\fB{code}\\fR", text)),
        ),
        ".SH EXAMPLES",
        *(part for text, words in EXAMPLES for part in (".PP", text, ".PP", ".nf", f"    {escape(words)}", ".fi")),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
