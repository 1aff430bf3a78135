"""`galera-bootstrap install`: the init container that copies the tools into the pod."""

import sys
from pathlib import Path

import click

from bootstrap import __version__
from bootstrap.errors import InstallFailedError
from bootstrap.operations.install import install, prepare_config
from bootstrap.process.log import die_by_signal, logger

FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--work-dir", type=FOLDER, required=True, help="Volume that gets the tools; may hold older ones.")
@click.option("--config", type=FOLDER, help="Volume that will be /etc/mysql: gets conf.d and a my-galera.cnf.")
@click.option(
    "--tools", type=FOLDER, help="The self-contained tools to copy; default: the tools that this program belongs to."
)
def command(*, work_dir: Path, config: Path | None, tools: Path | None) -> None:
    """Copy peer-finder and galera-bootstrap into a volume; from there they run in any image of the pod."""
    die_by_signal()
    log = logger("install")
    release = install((tools or own_tools()).absolute(), work_dir.absolute(), __version__, log)
    log(f"{work_dir} has the tools of {release.name}")
    if config is not None:
        prepare_config(config.absolute())
        log(f"{config} is prepared")


def own_tools() -> Path:
    """Return the folder of the self-contained program that runs now; raises InstallFailedError when it is not one."""
    if not getattr(sys, "frozen", False):
        raise InstallFailedError("this galera-bootstrap is not self-contained: run the tool image, or give --tools")
    return Path(sys.executable).parent
