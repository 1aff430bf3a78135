"""`python -m tests.lab`: the demo, and a lab that stays up so that people can break it."""

import json
import os
import sys
from pathlib import Path

import click

from tests.lab import daemon, demo, machine, series, user

POD = click.argument("pod", default="", metavar="[POD]")
SERIES = " or ".join(series.SUITES)

PODS = click.argument("pods", nargs=-1, metavar="[POD]...")


@click.group()
@click.option("--name", default="lab", show_default=True, help="Name of the lab, if several run.")
@click.option("--folder", type=click.Path(path_type=Path), help="Folder of the lab; default: .lab/NAME.")
@click.option("--series", "version", help=f"Series of MariaDB, {SERIES}; default: this machine's, or that of $SERIES.")
@click.pass_context
def cli(context: click.Context, name: str, folder: Path | None, version: str | None) -> None:
    """Run Galera pods as processes on loopback addresses: real mariadbd, real DNS, no container, no root."""
    series.choose(version or series.read_chosen())
    context.obj = (folder or Path(".lab") / name).absolute()


@cli.command("demo")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Also write the outage as a picture.")
def run_demo(svg: Path | None) -> None:
    """Show a first start, a power cut under load and the recovery, and check that no acknowledged row is lost."""
    sys.exit(demo.main(svg))


@cli.command()
@click.option("-n", "--pods", default=3, show_default=True, type=click.IntRange(1, 9), help="Number of pods.")
@click.pass_obj
def up(folder: Path, pods: int) -> None:
    """Start a lab and leave it running in the background."""
    machine.check()
    daemon.spawn(folder, pods)
    click.echo(f"{pods} pods are starting in {folder}; watch them with `python -m tests.lab status`")


@cli.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("pod")
@click.argument("argv", nargs=-1, required=True, metavar="-- COMMAND...")
@click.pass_obj
def run_in_pod(folder: Path, pod: str, argv: tuple[str, ...]) -> None:
    """Run a command in a pod, as `kubectl exec` does."""
    become(folder, pod, *argv)


@cli.command()
@POD
@click.option("--watch", is_flag=True, help="Refresh every second until interrupted.")
@click.pass_obj
def status(folder: Path, pod: str, *, watch: bool) -> None:
    """Show the cluster as a pod's agent sees it; without a name, that of the first pod that is on."""
    become(folder, pod, "galera-bootstrap", "status", *(["--watch"] if watch else []))


@cli.command()
@POD
@click.pass_obj
def explain(folder: Path, pod: str) -> None:
    """Explain a pod's decision."""
    become(folder, pod, "galera-bootstrap", "explain")


@cli.command(context_settings={"ignore_unknown_options": True})
@POD
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def events(folder: Path, pod: str, options: tuple[str, ...]) -> None:
    """Show what has happened on a pod; with --all, on all pods as one timeline."""
    if pod.startswith("-"):
        pod, options = "", (pod, *options)
    become(folder, pod, "galera-bootstrap", "events", *options)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("pod")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def force(folder: Path, pod: str, options: tuple[str, ...]) -> None:
    """Show what `galera-bootstrap force` in a pod would give up; with the options that it prints, do it."""
    become(folder, pod, "galera-bootstrap", "force", *options)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("pod")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def discard(folder: Path, pod: str, options: tuple[str, ...]) -> None:
    """Put the data of a pod aside that holds."""
    become(folder, pod, "galera-bootstrap", "discard", *options)


@cli.command()
@click.argument("pods", nargs=-1, required=True, metavar="POD...")
@click.pass_obj
def lose(folder: Path, pods: tuple[str, ...]) -> None:
    """Lose the volumes of pods that are off; they get empty ones."""
    click.echo(daemon.call(folder, "lose", pods=list(pods)))


@cli.command()
@click.argument("pod")
@click.pass_obj
def fill(folder: Path, pod: str) -> None:
    """Fill the disk of a pod that is off (root only)."""
    click.echo(daemon.call(folder, "fill", pod=pod))


@cli.command()
@click.argument("pod")
@click.pass_obj
def free(folder: Path, pod: str) -> None:
    """Make room on a disk that was filled."""
    click.echo(daemon.call(folder, "free", pod=pod))


@cli.command()
@click.argument("state", type=click.Choice(["on", "off"]))
@click.pass_obj
def dns(folder: Path, state: str) -> None:
    """Let the name server answer nobody, or answer again."""
    click.echo(daemon.call(folder, "dns", answers=state == "on"))


@cli.command()
@PODS
@click.option("-n", "--lines", default=12, show_default=True, help="Lines for each container.")
@click.pass_obj
def logs(folder: Path, pods: tuple[str, ...], lines: int) -> None:
    """Show the last log lines of each container."""
    click.echo(daemon.call(folder, "logs", pods=list(pods), lines=lines))


@cli.command()
@PODS
@click.option("--all", "everything", is_flag=True, help="Cut the power of all pods at once.")
@click.pass_obj
def kill(folder: Path, pods: tuple[str, ...], everything: bool) -> None:
    """Kill all processes of pods (SIGKILL) and leave the pods off, as when their node loses power."""
    if everything == bool(pods):
        raise click.UsageError("give the names of pods, or --all")
    click.echo(daemon.call(folder, "kill", pods=list(pods)))


@cli.command()
@PODS
@click.pass_obj
def stop(folder: Path, pods: tuple[str, ...]) -> None:
    """Stop pods in order and leave them off; without a name, all pods."""
    click.echo(daemon.call(folder, "stop", pods=list(pods)))


@cli.command()
@PODS
@click.pass_obj
def start(folder: Path, pods: tuple[str, ...]) -> None:
    """Start pods that are off; without a name, all of them."""
    click.echo(daemon.call(folder, "start", pods=list(pods)))


@cli.command()
@click.argument("count", type=click.IntRange(0, 9))
@click.pass_obj
def scale(folder: Path, count: int) -> None:
    """Create pods, or delete them from the highest ordinal down; the volumes stay."""
    click.echo(daemon.call(folder, "scale", count=count))


@cli.command()
@click.option("--keep", is_flag=True, help="Keep the volumes; the next `up` recovers from them.")
@click.pass_obj
def down(folder: Path, keep: bool) -> None:
    """Kill everything and remove the folder."""
    daemon.end(folder, keep=keep)
    click.echo(f"the lab has ended; the volumes are in {folder}" if keep else "the lab has ended and is removed")


@cli.command(hidden=True)
@click.argument("place", type=click.Path(path_type=Path))
@click.argument("pods", type=int)
def serve(place: Path, pods: int) -> None:
    """Run the background process of `up`."""
    daemon.serve(place, pods)


def become(folder: Path, pod: str, *argv: str) -> None:
    """Become a command in a pod, with this terminal."""
    command = json.loads(daemon.call(folder, "exec", pod=pod, argv=list(argv)))
    sys.stdout.flush()
    os.execvpe(command["argv"][0], command["argv"], command["env"])  # a person's own command


def main() -> None:
    """Run the command; an expected fault becomes one line on stderr and exit status 1."""
    try:
        cli(prog_name="python -m tests.lab")
    except (daemon.LabCommandError, user.NotInstalledError) as exc:
        click.echo(f"lab: {exc}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
