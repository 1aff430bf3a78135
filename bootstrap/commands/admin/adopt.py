"""`galera-bootstrap adopt`: data that ran without this toolkit become the start of a cluster."""

import sys

import click

from bootstrap.commands.admin.force import follow, show_members
from bootstrap.control import channel
from bootstrap.errors import OverrideRefusedError
from bootstrap.settings import current


@click.command()
@click.option("--epoch", type=int, help="The epoch that this command printed when it was asked without options.")
def command(*, epoch: int | None) -> None:
    """Start the cluster from this pod's datadir, which a server without this toolkit or a backup has left.

    All expected pods must answer, and all others must be empty.  Without --epoch nothing is changed: it shows what is
    known of every pod and what to type.  The accounts of root@localhost and of the agent get the Secret's passwords;
    the data get a new history.
    """
    client = channel.Client(current().agent_socket)
    answer = client.ask("force", epoch=epoch, without=[], although=[], adopt=True)
    if epoch is None:
        show_members(answer)
    if answer["refusal"]:
        raise OverrideRefusedError(f"nothing is changed: {answer['refusal']}")
    if epoch is None:
        click.echo()
        click.echo(f"To start a cluster from {answer['self']}:  {sys.argv[0]} adopt --epoch {answer['epoch']}")
        return
    click.echo(f"epoch {epoch}: the word is in this pod's journal; asking all for their promise")
    follow(client, epoch)
