"""`galera-bootstrap adopt`: start a cluster from data that ran without this toolkit."""

import click

from bootstrap.commands.admin.force import EPOCH, follow, format_call, show_members
from bootstrap.commands.admin.terminal import echo
from bootstrap.control import channel
from bootstrap.control.override_messages import RequestOverride
from bootstrap.errors import OverrideRefusedError
from bootstrap.settings import current


@click.command()
@click.option("--epoch", type=EPOCH, help="The epoch that this command prints when it is run without options.")
def command(*, epoch: int | None) -> None:
    """Start the cluster from this pod's datadir, which a server without this toolkit or a backup has left.

    All expected pods must answer, and all others must be empty.  Without --epoch nothing is changed: it shows what is
    known of every pod and what to type.  The accounts of root@localhost and of the agent get the Secret's passwords;
    the data get a new history.
    """
    client = channel.Client(current().agent_socket)
    answer = client.ask(RequestOverride(epoch, adopt=True))
    survey = answer.survey
    if answer.refusal or survey is None:
        raise OverrideRefusedError(f"nothing is changed: {answer.refusal}")
    if epoch is None:
        show_members(survey)
        echo()
        click.echo(f"To start a cluster from {survey.pod}:\n  {format_call(f'adopt --epoch {survey.epoch}')}")
        return
    echo(f"the override for epoch {epoch} is in this pod's journal; asking all pods to promise")
    follow(client, epoch)
