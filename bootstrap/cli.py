"""The command line of `galera-bootstrap`: its commands, and the file of each one."""

import importlib

import click

from bootstrap import __version__
from peerfinder.imports import imports_stay

COMMANDS = {
    "install": "copy the tools into a volume of the pod",
    "agent": "answer the peers and decide; runs as long as the pod",
    "on-start": "peers on stdin: report the datadir, wait for the decision, write my-galera.cnf",
    "on-change": "peers on stdin: write my-galera.cnf again",
    "start": "take the permission and become the server: start -- mariadbd --defaults-file=...",
    "leave": "before a server is stopped: wait until clients are sent elsewhere and other pods have joined",
    "status": "one line for each member, and what this pod does or waits for",
    "events": "what has happened on this pod: decisions, promises, joins, bootstraps, overrides",
    "healthz": "a probe: exit code 0 or 1",
    "explain": "the decision, rule by rule, with what is known of every peer",
    "force": "an override: start a new history here, without the pods that are lost; without options: look",
    "discard": "an override: put the datadir of a pod that holds aside, and join",
    "adopt": "an override: start a cluster from data that ran without this toolkit",
    "backup": "copy all data, by a guest of the cluster; the copy is whole, or there is none",
    "restore": "put a backup on a pod's empty volume; it starts a new history",
    "arbitrate": "the vote of a third member without data: garbd",
    "inspect": "class and position of the datadir",
    "render": "show my-galera.cnf as it would be written",
}
"""Command -> what it is for; each is a file below bootstrap/commands."""


POD = ("agent", "on-start", "on-change", "start", "leave", "healthz", "install", "backup", "restore", "arbitrate")
"""The commands that manifests run; all others are for people."""


class Lazy(click.Group):
    """Imports the file of a command only when that command runs: the libraries of the others cost start-up time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the commands in the order of a pod's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        with imports_stay():
            module = importlib.import_module(
                f"bootstrap.commands.{'pod' if cmd_name in POD else 'admin'}.{cmd_name.replace('-', '_')}"
            )
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101  # a fault of ours, not of the user
        command.help = command.help or COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # as above
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def group() -> None:
    """Decide whether a MariaDB Galera pod bootstraps, joins, waits or holds.

    Settings come from the environment (POD_NAME, POD_NAMESPACE, POD_IP, GALERA_BOOTSTRAP_...); see docs/settings.md.
    """
