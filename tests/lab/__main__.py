"""`python -m tests.lab`: the demo, and a lab that stays up so that people can break it."""

import sys
from pathlib import Path

import click

from tests.lab import daemon, demo, machine

PODS = click.argument("pods", nargs=-1, metavar="[POD]...")


@click.group()
@click.option("--name", default="lab", show_default=True, help="Name of the lab, if several run.")
@click.option("--folder", type=click.Path(path_type=Path), help="Folder of the lab; default: .lab/NAME.")
@click.pass_context
def cli(context: click.Context, name: str, folder: Path | None) -> None:
    """Run Galera pods as processes on loopback addresses: real mariadbd, real DNS, no container, no root."""
    context.obj = (folder or Path(".lab") / name).absolute()


@cli.command("demo")
def run_demo() -> None:
    """Show a first start, a power cut under load and the recovery, and check that no acknowledged row is lost."""
    sys.exit(demo.main())


@cli.command()
@click.option("-n", "--pods", default=3, show_default=True, type=click.IntRange(1, 9), help="Number of pods.")
@click.pass_obj
def up(folder: Path, pods: int) -> None:
    """Start a lab and leave it running in the background."""
    machine.check()
    daemon.spawn(folder, pods)
    click.echo(f"{pods} pods are starting in {folder}; watch them with `python -m tests.lab status`")


@cli.command()
@click.pass_obj
def status(folder: Path) -> None:
    """Show one line for each member."""
    click.echo(daemon.call(folder, "status"))


@cli.command()
@click.argument("pod", default="mysql-0")
@click.pass_obj
def explain(folder: Path, pod: str) -> None:
    """Explain a pod's decision, rule by rule."""
    click.echo(daemon.call(folder, "explain", pod=pod))


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


def main() -> None:
    """Run the command; an expected fault becomes one line on stderr and exit status 1."""
    try:
        cli(prog_name="python -m tests.lab")
    except (daemon.LabCommandError, machine.NotInstalledError) as exc:
        click.echo(f"lab: {exc}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
