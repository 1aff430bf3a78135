"""The command line of `galera-bootstrap`: its commands, and the file of each one."""

import importlib

import click

from bootstrap import __version__
from peerfinder.imports import imports_stay

LOOK = {
    "status": "how the cluster is, one line for each member, why this pod waits, and what to do",
    "explain": "the rule that decides, what would change the decision, and what is known of every peer",
    "events": "what has happened: decisions, promises, joins, bootstraps, overrides; --all: a picture of all pods",
    "inspect": "class and position of the datadir; of a volume from elsewhere what is missing",
    "render": "show my-galera.cnf as it would be written",
}
"""These change nothing."""

DECIDE = {
    "force": "start a new history here, without the pods that are lost; without options: look",
    "discard": "put the datadir of a pod that holds aside, and join",
    "adopt": "start a cluster from data that ran without this toolkit",
}
"""The overrides."""

MOVE = {
    "relocate": "bring the datadir of another image or manifest to its place on the volume, or back",
}
"""These move data on a volume, and change nothing in them."""

POD = {
    "install": "copy the tools into a volume of the pod",
    "agent": "answer the peers and decide; runs as long as the pod",
    "on-start": "peers on stdin: report the datadir, wait for the decision, write my-galera.cnf",
    "on-change": "peers on stdin: write my-galera.cnf again",
    "start": "take the permission and become the server: start -- mariadbd --defaults-file=...",
    "upgrade": "in the server's container: upgrade its system tables",
    "leave": "before a server is stopped: wait until clients are sent elsewhere and other pods have joined",
    "healthz": "a probe: exit code 0 or 1",
    "restore": "put a backup on a pod's empty volume; it starts a new history",
    "arbitrate": "the vote of a third member without data: garbd",
}
"""The commands that a pod's containers run, in the order of its life."""

JOB = {
    "backup": "copy all data, by a guest of the cluster; the copy is whole, or there is none",
    "send": "send the newest copy, encrypted, to an object storage",
    "send-log": "send the binary log there, continuously",
    "prove": "restore the newest copy from there into a throw-away server, and read all tables",
    "fetch": "put a copy from there into a folder",
    "backups": "list the copies there, and the moments that restore --until reaches",
}
"""The commands of jobs that make backups."""

GROUPS = {
    "Look (changes nothing)": LOOK,
    "Decide (an override: a human gives data up, or accepts them)": DECIDE,
    "Take over (volumes of another cluster)": MOVE,
    "Called by manifests": POD,
    "Backups (called by manifests)": JOB,
}
"""The parts of the help."""

COMMANDS = {name: about for group in GROUPS.values() for name, about in group.items()}
"""Command -> what it is for; each is a file below bootstrap/commands."""


FOLDERS = {
    **dict.fromkeys({**LOOK, **DECIDE, **MOVE}, "admin"),
    **dict.fromkeys(POD, "pod"),
    **dict.fromkeys(JOB, "job"),
}
"""Command -> its folder below bootstrap/commands."""


class Lazy(click.Group):
    """Imports the file of a command only when that command runs: the libraries of the others cost start-up time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        with imports_stay():
            module = importlib.import_module(f"bootstrap.commands.{FOLDERS[cmd_name]}.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101  # a fault of ours, not of the user
        command.help = command.help or COMMANDS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one the last line of the error names the one that may be meant."""
        if args[0] in COMMANDS or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches  # noqa: PLC0415  # only for a mistake

        near = get_close_matches(args[0], COMMANDS, 1)
        meant = f"did you mean {near[0]}?" if near else "galera-bootstrap --help lists them"
        raise click.UsageError(f"no command {args[0]!r}; {meant}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # as above
        """List the commands in their groups, without importing them."""
        width = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), about) for name, about in commands.items()])


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def group() -> None:
    """Decide whether a MariaDB Galera pod bootstraps, joins, waits or holds.

    Settings come from the environment (POD_NAME, POD_NAMESPACE, POD_IP, GALERA_BOOTSTRAP_...); see docs/settings.md.
    """
