"""`galera-bootstrap force`: the operator's word where the rules cannot find an answer."""

import sys
import time

import click

from bootstrap.control import channel
from bootstrap.core.model.codec import Json
from bootstrap.errors import OverrideRefusedError, OverrideVoidError
from bootstrap.settings import current

POLL_S = 0.5
"""Between two questions for what has become of the word."""


@click.command()
@click.option("--epoch", type=int, help="The epoch that this command printed when it was asked without options.")
@click.option("--accept-loss", is_flag=True, help="What only the pods named by the other options hold is given up.")
@click.option("--without", multiple=True, metavar="POD", help="A pod that does not answer and will not come back.")
@click.option("--although-ahead", multiple=True, metavar="POD", help="A pod that answers and may hold more than this.")
def command(*, epoch: int | None, accept_loss: bool, without: tuple[str, ...], although_ahead: tuple[str, ...]) -> None:
    """Start the cluster from this pod's data although others are missing; run it in the pod that shall win.

    Without options nothing is changed: it shows what is known of every pod, what may be lost, and what to type.
    """
    client = channel.Client(current().agent_socket)
    if epoch is None or not accept_loss:
        if epoch is not None or accept_loss:
            raise OverrideRefusedError("--epoch and --accept-loss belong together: run it without options first")
        show(client.ask("force", epoch=None, without=[], although=[]))
        return
    answer = client.ask("force", epoch=epoch, without=list(without), although=list(although_ahead))
    if answer["refusal"]:
        raise OverrideRefusedError(f"nothing was changed: {answer['refusal']}")
    click.echo(f"epoch {epoch}: the word is in this pod's journal; asking all who answer for their promise")
    follow(client, epoch)
    advise(epoch)


def show_members(told: Json) -> None:
    """What is known of each pod."""
    members = told.get("members")
    for member in members if isinstance(members, list) else []:
        click.echo(f"{member['name']}  {member['line']}")


def show(told: Json) -> None:
    """What an operator must know before the word is said."""
    show_members(told)
    if told["refusal"]:
        raise OverrideRefusedError(f"force would be refused: {told['refusal']}")
    silent, ahead = listed(told, "unheard"), listed(told, "ahead")
    click.echo()
    if silent:
        click.echo(
            f"{', '.join(silent)} may hold commits that nobody else has: they would be given up. "
            "Make sure that no server runs there any more: if one does, there will be two clusters."
        )
    if ahead:
        click.echo(f"{', '.join(ahead)}: what is beyond {told['base']} there would be given up. Better force there.")
    click.echo(f"The new history would begin at {told['base']} of {told['self']}. Nothing is overwritten without")
    click.echo("another word: a pod that comes back with more holds, until `galera-bootstrap discard` there.")
    click.echo()
    words = [f"--epoch {told['epoch']} --accept-loss"]
    words += [f"--without {name}" for name in silent] + [f"--although-ahead {name}" for name in ahead]
    click.echo(f"If that is what you want:  {sys.argv[0]} force {' '.join(words)}")
    advise(told["epoch"])


def follow(client: channel.Client, epoch: int) -> None:
    """Tell what becomes of the word; raises WordVoidError when it comes to nothing."""
    state = ""
    while True:
        fate = client.ask("fate")
        if fate.get("epoch") != epoch:
            raise OverrideVoidError(
                f"the word for epoch {epoch} is gone: this pod's agent was restarted, or another word was said; "
                "run it without options again"
            )
        if fate["state"] == "void":
            raise OverrideVoidError(f"the word for epoch {epoch} is void: {fate['line']}; run it without options again")
        if fate["state"] != state:
            state = str(fate["state"])
            if state == "taken":
                click.echo("all who answer have promised; the server starts")
        if state == "primary":
            click.echo(f"this pod is Primary; the new history is {fate['line']}")
            return
        time.sleep(POLL_S)


def listed(told: Json, key: str) -> list[str]:
    """A list of names in the answer."""
    names = told.get(key)
    return [str(name) for name in names] if isinstance(names, list) else []


def advise(epoch: object) -> None:
    """What must be done with the configuration afterwards, and why."""
    click.echo(
        f"Then set GALERA_BOOTSTRAP_MIN_EPOCH={epoch} for all pods: if only disks of the old history ever come back "
        "together, they must not start it again."
    )
