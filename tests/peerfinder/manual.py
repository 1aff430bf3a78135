"""The manual page of peer-finder, made of what the program itself says: `make man` writes it anew.

`test_manual.py` holds the page that lies in the package against this.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

from peerfinder.cli import COMMANDS
from peerfinder.flags import FLAGS

ROOT = Path(__file__).parents[2]

PAGE = ROOT / "peerfinder" / "shipped" / "peer-finder.1"

DESCRIPTION = """\
looks the peers of a pod up by the SRV records of its headless Service, and runs a hook with their names on
standard input, one a line, its own included, sorted by bytes.
Without an on-change hook it ends after the first. It takes the place of the Go program of the same name.
No hook runs for an answer that is empty, cut off or holds a name that is no pod of the Service,
nor because DNS is silent or broken.
"""

ENVIRONMENT = (
    ("PEERFINDER_NAME", "stands in for the flag -name, with _ for each hyphen; the flag beats it"),
    ("POD_NAMESPACE", "namespace, where neither the flag nor the Service's name says it"),
    ("POD_NAME", "name of our own pod; else the host name"),
    ("POD_IP", "gives hooks HOST_ADDRESS, HOST_ADDRESS_TYPE, POD_IP and POD_IP_TYPE"),
)

OF_HOOKS = (
    ("PEERFINDER_EVENT", "on-start or on-change"),
    ("PEERFINDER_SELF", "our own name"),
    ("PEERFINDER_COUNT", "how many peers there are"),
    ("PEERFINDER_ADDED, PEERFINDER_REMOVED", "who came and who went since the last hook that ended well"),
)

EXAMPLES = (
    (
        "Run a program with the peers before a database starts:",
        "peer-finder -service=galera -on-start=/work-dir/on-start.sh",
    ),
    ("Stay, and tell a proxy of each change:", "peer-finder -service=galera -on-change=/reload.sh -no-require-self"),
    ("Find out why there are no peers:", "peer-finder doctor galera"),
)


def escaped(text: str) -> str:
    """Write text so that roff takes it as it is: a hyphen stays one that can be copied."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def line(text: str) -> str:
    """Write a line of text; one that begins like a request is none."""
    return f"\\&{text}" if text[:1] in (".", "'") else text


def item(left: str, text: str) -> Iterator[str]:
    yield from (".TP", line(left), line(escaped(text)))


def flag(name: str, value: str) -> str:
    return f"\\fB{escaped(name)}\\fR" + (f"=\\fI{escaped(value)}\\fR" if value else "")


def exit_codes() -> Iterator[tuple[str, str]]:
    """Give code and meaning of each row of the page of exit codes."""
    page = (ROOT / "docs" / "exit-codes.md").read_text().partition("## peer-finder")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (\d[^|]*) \| ([^|]+) \|", page, re.MULTILINE):
        yield row[0], row[1].replace("`", "")


def command(name: str) -> Iterator[str]:
    """Write a section of one command from its own help."""
    found: click.Command = getattr(import_module(f"peerfinder.commands.{name}"), name)
    context = click.Context(found, info_name=name, help_option_names=["-h", "--help"])
    arguments = " ".join(
        f"\\fI{part.human_readable_name}\\fR" for part in found.params if isinstance(part, click.Argument)
    )
    yield from (f".SS \\fBpeer\\-finder {name}\\fR [\\fIOPTIONS\\fR] {arguments}".rstrip(),)
    for paragraph in (found.help or "").split("\n\n"):
        yield from (".PP", line(escaped(" ".join(paragraph.split()))))
    for part in found.get_params(context):
        record = None if isinstance(part, click.Argument) else part.get_help_record(context)
        if record:
            yield from item(f"\\fB{escaped(record[0])}\\fR", " ".join(record[1].split()))


def page() -> str:
    """Write the page."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    commands = " | ".join(f"\\fB{name}\\fR" for name in COMMANDS)
    lines = [
        '.\\" Made by `make man`.',
        f'.TH PEER\\-FINDER 1 "" "peer\\-finder {version}" "User Commands"',
        *(".SH NAME", "peer\\-finder \\- find the peers of a pod and run hooks with them"),
        *(".SH SYNOPSIS", "\\fBpeer\\-finder\\fR \\fB\\-service\\fR=\\fINAME\\fR [\\fB\\-on\\-start\\fR=\\fITEXT\\fR]"),
        *("[\\fB\\-on\\-change\\fR=\\fITEXT\\fR] [\\fIFLAGS\\fR]", ".br"),
        f"\\fBpeer\\-finder\\fR {commands} [\\fIOPTIONS\\fR] ...",
        *(".SH DESCRIPTION", "\\fBpeer\\-finder\\fR", *escaped(DESCRIPTION).splitlines()),
        *(".SH FLAGS", "With one dash or two, as \\fB\\-flag\\fR=\\fIvalue\\fR or \\fB\\-flag\\fR \\fIvalue\\fR."),
        *(part for one in FLAGS for part in item(flag(f"-{one.name}", one.value), one.meaning)),
        *(".SH COMMANDS", *(part for name in COMMANDS for part in command(name))),
        *(".SH ENVIRONMENT", *(part for name, text in ENVIRONMENT for part in item(f"\\fB{name}\\fR", text))),
        *(".SS Of hooks", *(part for name, text in OF_HOOKS for part in item(f"\\fB{name}\\fR", text))),
        *(".SH FILES", *item("\\fI/etc/resolv.conf\\fR", "name servers, cluster domain and namespace")),
        *(".SH EXIT STATUS", *(part for code, text in exit_codes() for part in item(f"\\fB{code}\\fR", text))),
        ".SH EXAMPLES",
        *(part for text, words in EXAMPLES for part in (".PP", text, ".PP", ".nf", f"    {escaped(words)}", ".fi")),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
