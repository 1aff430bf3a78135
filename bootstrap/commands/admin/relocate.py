"""`galera-bootstrap relocate`: an init container between the agent and `bootstrap`, or typed on a volume at rest."""

import click

from bootstrap.operations.relocate import bring_in, give_back
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import current
from bootstrap.storage.layout import Layout


@click.command()
@click.option("--back", is_flag=True, help="Put it back to where it was; no agent and no server may run on the volume.")
def command(*, back: bool) -> None:
    """Bring a datadir that stands at the root of the volume, or in another folder of it, into `data/`.

    It is moved by renames: nothing is copied.  A run that was killed is finished by the next one, in either direction.
    Refused when a server has the datadir open, or when two datadirs are on the volume.
    """
    die_by_signal()
    layout = Layout(current().data_root)
    (give_back if back else bring_in)(layout, logger("relocate"))
