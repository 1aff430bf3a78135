"""Pages of command lines, from the programs' own help; tests/support/manuals makes the manual pages from the same."""

import re
from collections.abc import Iterable, Iterator

import click

from bootstrap.cli import GROUPS
from tests.support.manuals import galera_bootstrap, peer_finder
from tests.support.reference.markdown import begin, escape, join_blocks, write_table


def write_paragraph(text: str) -> str:
    """Write a paragraph of a help; one that must not be wrapped is a block."""
    lines = [line.strip() for line in text.strip("\n").splitlines()]
    if lines[0] == "\b":
        return "\n".join(("```text", *lines[1:], "```"))
    return re.sub(r"\bdocs/([\w/.-]+\.md)", r"[\1](../\1)", escape(text))


def write_command(program: str, name: str, command: click.Command, level: str) -> Iterator[str]:
    """Yield the blocks of one command."""
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    arguments = [part.human_readable_name for part in command.params if isinstance(part, click.Argument)]
    yield f"{level} {name}"
    yield "\n".join(("```text", " ".join((program, name, "[OPTIONS]", *arguments)), "```"))
    yield from map(write_paragraph, (command.help or "").strip("\n").split("\n\n"))
    # Not --help, which click adds to the parameters of each.
    parts = [part for part in command.params if not isinstance(part, click.Argument)]
    records = [record for part in parts if (record := part.get_help_record(context))]
    if records:
        yield write_table(("option", ""), [(f"`{left}`", escape(right)) for left, right in records])


def write_group(title: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the blocks of a group of commands."""
    yield f"## {title}"
    for name in names:
        yield from write_command("galera-bootstrap", name, galera_bootstrap.find_command(name), "###")


def write_galera_bootstrap() -> str:
    """Write the page of galera-bootstrap."""
    parts = [part for title, names in GROUPS.items() for part in write_group(title, names)]
    about = (
        "In a pod: `kubectl -n NAMESPACE exec POD -c agent -- /work-dir/galera-bootstrap COMMAND`, or by the "
        "[plugin](../kubectl-galera.md). All read the same [settings](../settings.md), and end with these "
        "[exit codes](../exit-codes.md#galera-bootstrap). `--help` of each shows what stands here."
    )
    length = "_Long: a list, to look up one command._"
    return join_blocks((*begin("galera-bootstrap: commands", "its help", length, about), *parts))


def write_peer_finder() -> str:
    """Write the page of peer-finder's commands."""
    parts = [
        part for name, one in peer_finder.list_commands() for part in write_command("peer-finder", name, one, "##")
    ]
    about = (
        "Without a command it looks for peers and runs hooks: [manual and flags](../peer-finder.md). "
        "[Exit codes](../exit-codes.md#peer-finder)."
    )
    return join_blocks((*begin("peer-finder: commands", "its help", about), *parts))
