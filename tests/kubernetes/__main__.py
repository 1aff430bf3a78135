"""`python -m tests.kubernetes`: starts a Kubernetes on this machine that stays up, and runs kubectl for it."""

import os
import random
import sys
from pathlib import Path

import click

from images.debian import image_id
from images.running import BuildError
from tests.kubernetes import bench
from tests.kubernetes.cluster import Cluster, Extras, NotHereError, find_extras, our_images
from tests.kubernetes.database import Database
from tests.kubernetes.machines import binaries
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.soak import Soak
from tests.kubernetes.waiting import ClusterError

OURS = ("galera-install", "mysql-galera", "haproxy")


@click.group()
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".lab/cluster"), show_default=True)
@click.option("--nodes", type=click.IntRange(1, 9), help="How many nodes; default: those of the folder, else 1.")
@click.pass_context
def cli(context: click.Context, folder: Path, nodes: int | None) -> None:
    """Run a real Kubernetes in namespaces of this machine, without registry and container engine; needs root."""
    existing = len(list(folder.glob("node[1-9]")))
    wanted = (
        find_extras()
        if context.invoked_subcommand in ("up", "soak", "bench")
        else Extras(policies=False, provisioner=False)
    )
    context.obj = Cluster(folder, nodes=nodes or existing or 1, **wanted)


@cli.command("binaries")
def build() -> None:
    """Build Kubernetes and CoreDNS, if they are not built yet; prints their folder."""
    binaries.ensure()
    click.echo(binaries.cache_folder())


@cli.command()
@click.pass_obj
def up(cluster: Cluster) -> None:
    """Start a cluster and leave it running."""
    cluster.up()


@cli.command()
@click.argument("images", nargs=-1)
@click.pass_obj
def load(cluster: Cluster, images: tuple[str, ...]) -> None:
    """Load images of the local containers storage into the nodes; without names: this project's images."""
    cluster.load({image: image_id(image) for image in images} or our_images(*OURS))


@cli.command(
    # All arguments are kubectl's, also `--`.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def kubectl(cluster: Cluster, words: tuple[str, ...]) -> None:
    """Run kubectl as the cluster's administrator."""
    command = (*cluster.kubectl.command, *words)
    os.execvp(command[0], command)


@cli.command("soak")
@click.option("--minutes", type=click.FloatRange(min=0), default=15, show_default=True)
@click.option("--seed", type=int, help="The seed of an earlier run: the same faults in the same order.")
@click.pass_obj
def soak_(cluster: Cluster, minutes: float, seed: int | None) -> None:
    """Start a cluster with the lab's members, and cause random faults one after the other, while a client writes."""
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    with cluster:
        cluster.load(our_images(*OURS))
        database = Database(cluster.kubectl.in_namespace("galera-lab"))
        database.apply(OVERLAY)
        database.wait_synced(3)
        soak = Soak(cluster, database, random.Random(seed))
        try:
            faults = soak.run(minutes * 60)
        finally:
            click.echo(soak.times.table())
        click.echo(f"seed {seed}: {faults} faults; all {database.count_acknowledged()} acknowledged rows are there")


@cli.command("bench")
@click.option("--times", "rounds", type=click.IntRange(1), default=5, show_default=True, help="Rounds.")
@click.option(
    "--overlay",
    "overlays",
    type=(str, click.Path(exists=True, file_okay=False, path_type=Path)),
    multiple=True,
    default=[("lab", OVERLAY)],
    help="NAME FOLDER; several ones are measured in turn, as that of an older checkout.",
)
@click.pass_obj
def bench_(cluster: Cluster, rounds: int, overlays: tuple[tuple[str, Path], ...]) -> None:
    """Start a cluster, and measure how long members and a client wait: start, loss of all pods, rolling restart."""
    with cluster:
        cluster.load(our_images(*OURS))
        click.echo(bench.run(cluster.kubectl, dict(overlays), rounds).table())


@cli.command()
@click.pass_obj
def down(cluster: Cluster) -> None:
    """Stop the cluster and remove the folder."""
    cluster.down()


def main() -> None:
    """Run the command; an expected error is one sentence on stderr, with exit status 1."""
    try:
        cli(prog_name="python -m tests.kubernetes")
    except (BuildError, ClusterError, NotHereError) as exc:
        click.echo(f"cluster: {exc}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
