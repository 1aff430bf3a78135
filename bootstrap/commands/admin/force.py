"""`galera-bootstrap force`: an override where the rules cannot find an answer."""

import time
from collections.abc import Sequence

import click

from bootstrap.commands.admin.terminal import echo
from bootstrap.control import channel
from bootstrap.control.override_messages import OverrideAnswer, Progress, RequestOverride, SurveyAnswer
from bootstrap.core.model.shapes import INT64_MAX
from bootstrap.core.participant.orders import OverrideState
from bootstrap.core.status.place import Place
from bootstrap.errors import OverrideRefusedError, OverrideVoidError
from bootstrap.process.program import own_command
from bootstrap.settings import current

POLL_S = 0.5
"""Between two questions what has become of the override."""

EPOCH = click.IntRange(0, INT64_MAX)


@click.command()
@click.option("--epoch", type=EPOCH, help="The epoch that this command prints when it is run without options.")
@click.option("--accept-loss", is_flag=True, help="Give up what only the pods named by the other options hold.")
@click.option("--without", multiple=True, metavar="POD", help="A pod that does not answer and will not come back.")
@click.option("--although-ahead", multiple=True, metavar="POD", help="A pod that answers and may hold more than this.")
def command(*, epoch: int | None, accept_loss: bool, without: tuple[str, ...], although_ahead: tuple[str, ...]) -> None:
    """Start the cluster from this pod's data although others are missing; run it in the pod whose data shall stay.

    Without options nothing is changed: it shows what is known of every pod, what may be lost, and what to type.
    """
    client = channel.Client(current().agent_socket)
    if epoch is None or not accept_loss:
        if epoch is not None or accept_loss:
            raise OverrideRefusedError("--epoch and --accept-loss belong together: run it without options first")
        show(client.ask(RequestOverride()), without)
        return
    answer = client.ask(RequestOverride(epoch, frozenset(without), frozenset(although_ahead)))
    if answer.refusal:
        raise OverrideRefusedError(f"nothing was changed: {answer.refusal}")
    echo(f"the override for epoch {epoch} is in this pod's journal; asking all pods that answer to promise")
    follow(client, epoch)
    advise(epoch)


def show_members(survey: SurveyAnswer) -> None:
    """Print what is known of each pod."""
    for member in survey.members:
        echo(f"{member.name}  {member.line}")


def show(answer: OverrideAnswer, without: Sequence[str]) -> None:
    """Print what a human must know before an override; raises OverrideRefusedError if it would be refused.

    What to type is shown beside a pod whose network answers only after the human has named that pod (`without`).
    """
    survey = answer.survey
    if answer.refusal or survey is None:
        # What would be given up is of no interest then, and reads like an offer.
        raise OverrideRefusedError(f"force would be refused: {answer.refusal}")
    show_members(survey)
    echo()
    if survey.unreachable:
        echo(
            f"{', '.join(survey.unreachable)} may hold commits that no other pod has: they would be given up. "
            "Make sure that no server runs there any more: if one does, there will be two clusters."
        )
    if refusing := [name for name in survey.refusing if name not in without]:
        call = format_call(" ".join(["force", *(f"--without {name}" for name in refusing)]))
        raise OverrideRefusedError(
            f"{', '.join(refusing)}: the network of the pod answers and its agent does not, so its server may still "
            f"run: first `kubectl -n {current().namespace} delete pod {' '.join(refusing)}`, then run this again; once "
            f"you have seen that no server runs there: `{call}`"
        )
    if survey.better:
        echo(f"{', '.join(survey.better)}: what is beyond {survey.base} there would be given up. Better force there:")
        for name in survey.better:
            click.echo(f"  {format_call('force', name)}")
    if apart := [name for name in survey.ahead if name not in survey.better]:
        echo(
            f"{', '.join(apart)}: may hold what this pod does not, and is not known to hold all that is here. Neither "
            "pod is the better one by its number: look at the data of both before you choose. What only the other one "
            "has would be given up."
        )
    echo(f"The new history would begin at {survey.base} of {survey.pod}. Nothing is overwritten without")
    echo("another override: a pod that comes back with more holds, until `galera-bootstrap discard` there.")
    echo()
    options = [f"--epoch {survey.epoch} --accept-loss"]
    options += [f"--without {name}" for name in survey.unreachable]
    options += [f"--although-ahead {name}" for name in survey.ahead]
    words = " ".join(["force", *options])
    when = "Only when no server runs there any more" if survey.refusing else "If that is what you want"
    click.echo(f"{when}:\n  {format_call(words)}")
    advise(survey.epoch)


def follow(client: channel.Client, epoch: int) -> None:
    """Print what becomes of the override, until this pod is Primary; raises OverrideVoidError when it has no effect."""
    state = OverrideState.PENDING
    while True:
        outcome = client.ask(Progress()).override
        if outcome.epoch != epoch:
            raise OverrideVoidError(
                f"the override for epoch {epoch} is gone: this pod's agent was restarted, or another override was "
                "given; run it without options again"
            )
        if outcome.state is OverrideState.VOID:
            raise OverrideVoidError(
                f"the override for epoch {epoch} is void: {outcome.line}; run it without options again"
            )
        if outcome.state is not state:
            state = outcome.state
            if state is OverrideState.TAKEN:
                echo("all pods that answer have promised; the server starts")
        if state is OverrideState.PRIMARY:
            echo(f"this pod is Primary; the new history is {outcome.line}")
            return
        time.sleep(POLL_S)


def format_call(words: str, pod: str = "") -> str:
    """Return a call of this program in a pod, this one by default, as a human types it outside of the pod."""
    settings = current()
    place = Place(settings.namespace, settings.set_name, settings.service, " ".join(own_command()))
    return place.ours(pod or settings.pod, words)


def advise(epoch: int) -> None:
    """Print what must be done with the configuration afterwards, and why."""
    echo(
        f"Then set GALERA_BOOTSTRAP_MIN_EPOCH={epoch} for all pods: if only disks of the old history ever come back "
        "together, they must not start it again."
    )
