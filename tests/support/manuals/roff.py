"""Manual pages of command lines, in roff."""

import re
from collections.abc import Iterator

import click

from tests.paths import ROOT


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


def read_exit_codes(program: str) -> Iterator[tuple[str, str]]:
    """Return code and meaning of each row of the page of exit codes."""
    page = (ROOT / "docs" / "exit-codes.md").read_text().partition(f"## {program}")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (\d[^|]*) \| ([^|]+) \|", page, re.MULTILINE):
        yield row[0], row[1].replace("`", "").strip()


def format_exit_codes(program: str) -> Iterator[str]:
    """Write the section of exit codes."""
    yield ".SH EXIT STATUS"
    for code, text in read_exit_codes(program):
        yield from format_item(f"\\fB{code}\\fR", escape(text))


def format_command(program: str, name: str, command: click.Command) -> Iterator[str]:
    """Write the section of a command from its help."""
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    arguments = " ".join(
        f"\\fI{part.human_readable_name}\\fR" for part in command.params if isinstance(part, click.Argument)
    )
    yield f".SS \\fB{escape(program)} {escape(name)}\\fR [\\fIOPTIONS\\fR] {arguments}".rstrip()
    for paragraph in (command.help or "").split("\n\n"):
        yield from (".PP", format_line(escape(" ".join(paragraph.replace("\b", "").split()))))
    for part in command.get_params(context):
        record = None if isinstance(part, click.Argument) else part.get_help_record(context)
        if record:
            yield from format_item(f"\\fB{escape(record[0])}\\fR", " ".join(record[1].split()))
