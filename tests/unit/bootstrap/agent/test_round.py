"""One round after another: a server that is stopped, news that peers wait for, checkpoints of views."""

import itertools
import shutil
from dataclasses import replace

import pytest

from bootstrap.agent.agent import Agent
from bootstrap.agent.probe_server import take_details
from bootstrap.agent.round import observe, run_round, see_view
from bootstrap.core.decision.decisions import Join, Stop
from bootstrap.core.decision.streaks import DEAD_MEMBER_ROUNDS, STUCK_ALL_ROUNDS, STUCK_ALONE_ROUNDS, STUCK_ROUNDS
from bootstrap.core.model.disk import Position, View, ViewCheckpoint
from bootstrap.core.model.facts import Server
from bootstrap.core.participant.views import LiveView, Seen
from bootstrap.mariadb.client import STARTING
from tests.support.bootstrap.agents import agent_of, alive, die, remember, restart, rounds, rounds_of, waiting
from tests.support.bootstrap.fleet import Fleet, Pod
from tests.support.bootstrap.records import A


def test_a_server_that_was_left_alone_is_stopped_after_a_while_and_not_at_once(fleet: Fleet) -> None:
    pods = alive(fleet)
    die(fleet, *pods[:2])
    last = pods[2]
    assert last.server == "non-Primary"
    rounds_of(fleet, last, STUCK_ALONE_ROUNDS - 1)
    assert isinstance(agent_of(last).result.decision, Stop)
    assert last.server == "non-Primary"
    fleet.round(last)
    assert last.server == ""
    fleet.recover()


def test_a_server_that_another_one_might_find_again_is_given_longer(fleet: Fleet) -> None:
    pods = alive(fleet)
    left = [pod for pod in pods if pod is not pods[0]]
    die(fleet, pods[0])
    for pod in left:
        pod.server = "non-Primary"
    fleet.round(left[1])
    rounds_of(fleet, left[0], STUCK_ROUNDS - 1)
    assert isinstance(agent_of(left[0]).result.decision, Stop)
    assert left[0].server == "non-Primary"
    fleet.round(left[0])
    assert left[0].server == ""


def test_where_all_servers_live_and_do_not_find_each_other_each_is_stopped_after_minutes(fleet: Fleet) -> None:
    pods = alive(fleet)
    for pod in pods:
        pod.server = "non-Primary"
    rounds_of(fleet, pods[0], STUCK_ALL_ROUNDS)
    assert pods[0].server == "non-Primary"
    fleet.round(pods[1])
    fleet.round(pods[2])
    rounds_of(fleet, pods[0], STUCK_ALL_ROUNDS - 1)
    decision = agent_of(pods[0]).result.decision
    assert isinstance(decision, Stop)
    assert "do not find each other" in decision.reason
    assert pods[0].server == "non-Primary"
    fleet.round(pods[0])
    assert pods[0].server == ""
    fleet.recover()


def test_a_server_that_has_left_its_group_for_good_is_stopped_sooner(fleet: Fleet) -> None:
    pod = alive(fleet)[2]
    agent = agent_of(pod)
    lost = replace(servers_of(agent), cluster_status="Disconnected")
    stopped: list[bool] = []

    def stop() -> str:
        stopped.append(True)
        return ""

    agent.ports = agent.ports._replace(server_status=lambda: lost, stop_server=stop)
    rounds_of(fleet, pod, STUCK_ALONE_ROUNDS - 1)
    assert stopped == []
    fleet.round(pod)
    assert stopped == [True]


def servers_of(agent: Agent) -> Server:
    server = agent.pod_state().server
    assert server is not None
    return server


def test_a_promise_that_cannot_be_ended_on_the_disk_makes_no_haste(fleet: Fleet) -> None:
    """The next round comes to the same end: without a rest between them they would never end."""
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner, agent = fleet.pods[1], agent_of(fleet.pods[0])
    assert agent.durable.promise is not None
    fleet.take(winner)
    fleet.execute(winner)
    fleet.up(winner)
    rounds_of(fleet, winner, 2)
    shutil.rmtree(agent.journal.path.parent)
    agent.journal.path.parent.touch()
    fleet.round(fleet.pods[0])
    assert agent.durable.promise is not None
    agent.wake.clear()
    noted = len(agent.recorder.log)
    rounds_of(fleet, fleet.pods[0], 3)
    assert not agent.wake.is_set()
    assert len(agent.recorder.log) == noted


def test_a_primary_that_does_not_lose_its_quorum_is_joined_in_the_end(fleet: Fleet) -> None:
    pods = alive(fleet)
    die(fleet, *pods[:2])
    kept, asked = agent_of(pods[2]), agent_of(pods[0])
    primary = replace(kept.pod_state(), server=replace(servers_of(kept), size=3))
    assert primary.primary_server is not None
    told = {"galera-2": primary, "galera-1": agent_of(pods[1]).pod_state()}
    asked.ports = asked.ports._replace(ask_states=lambda names: {name: told[name] for name in names})
    rounds_of(fleet, pods[0], DEAD_MEMBER_ROUNDS)
    assert asked.result.decision.rule == "quorum"
    rounds_of(fleet, pods[0], 3)
    assert isinstance(asked.result.decision, Join)


def test_what_others_wait_for_is_told_in_a_word(fleet: Fleet) -> None:
    assert agent_of(fleet.pods[1]).news() == ""
    waiting(fleet, 3, 9, 5)
    assert agent_of(fleet.pods[1]).news() == "frozen"


def test_a_winner_is_told_to_be_primary_when_its_record_ends_the_promises(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner = fleet.pods[1]
    agent = agent_of(winner)
    assert not agent.is_bootstrapping()
    fleet.take(winner)
    fleet.execute(winner)
    assert (agent.is_bootstrapping(), agent.news()) == (True, "")

    fleet.up(winner)
    observe(agent)
    assert agent.pod_state().primary_server is not None
    assert (agent.is_bootstrapping(), agent.news()) == (False, "")  # its record binds the others still
    agent.wake.clear()
    fleet.round(winner)
    assert agent.news() == "primary"
    assert agent.wake.is_set()


def test_news_wake_a_frozen_pod_once(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    agent = agent_of(fleet.pods[0])

    def woken(sender: str, state: str) -> bool:
        agent.wake.clear()
        agent.hear_question(sender, state)
        return agent.wake.is_set()

    assert woken("galera-1/b", "frozen")
    assert not woken("galera-1/b", "frozen")
    assert woken("galera-2/c", "frozen")
    assert not woken("galera-1/b", "")
    assert woken("galera-1/b", "primary")
    assert woken("galera-1/another life", "primary")
    assert not woken("galera-1/another life", "anything else")


def test_a_pod_with_a_server_is_not_hurried(fleet: Fleet) -> None:
    """How long it is stuck, or has a member too many, is counted in rounds: nobody may make them shorter."""
    agent = agent_of(alive(fleet)[0])
    agent.wake.clear()
    agent.hear_question("galera-1/b", "frozen")
    assert not agent.wake.is_set()


def test_a_verdict_is_logged_when_it_changes_and_not_in_every_round(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    fleet.isolate(fleet.pods[2])
    rounds(fleet, 10)
    lines = [line for line in fleet.pods[0].said if "waiting for" in line]
    assert len(lines) == len(set(lines)) <= 2


def view(number: int) -> View:
    return View("gcomm-0", "gcomm-0", number, bootstrap=False, members=MEMBERS)


MEMBERS = ("gcomm-0", "gcomm-1", "gcomm-2")

LIVE = LiveView("gcomm-0", tuple(zip(MEMBERS, range(3), strict=True)))


def test_a_member_marks_how_far_it_has_come_in_its_view_once(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.live, pod.applied = itertools.repeat(view(3)), LIVE, Position(A, 7)
    rounds(fleet)
    mark = ViewCheckpoint("gcomm-0:3", Position(A, 7))
    assert restart(fleet, pod).pod_state().view_checkpoint == mark

    pod.applied = Position(A, 8)
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint == mark
    pod.views = itertools.repeat(view(4))
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint == ViewCheckpoint("gcomm-0:4", Position(A, 8))


def test_a_view_that_changes_meanwhile_is_not_marked(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.live, pod.applied = (view(number) for number in itertools.count()), LIVE, Position(A, 7)
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint is None


def test_a_server_that_lags_marks_nothing(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.live = itertools.repeat(view(3)), LIVE
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint is None


@pytest.mark.parametrize(
    "live",
    [
        LIVE._replace(my_uuid="of another run"),
        LIVE._replace(members=(*LIVE.members[:2], ("gcomm-9", 2))),
        LIVE._replace(members=LIVE.members[:2]),
    ],
    ids=["another run of the server", "another member of the same number", "fewer members"],
)
def test_a_file_that_contradicts_the_live_server_is_removed_and_marks_nothing(fleet: Fleet, live: LiveView) -> None:
    """Galera only warns when it cannot write its view, and goes on."""
    pod = alive(fleet)[0]
    remember(agent_of(pod), view_checkpoint=ViewCheckpoint("gcomm-0:3", Position(A, 7)))
    pod.views, pod.live, pod.applied = itertools.repeat(view(3)), live, Position(A, 9)
    fleet.round(pod)
    assert pod.removed == []
    fleet.round(pod)
    assert pod.removed == ["gcomm-0:3"]
    assert agent_of(pod).pod_state().view_checkpoint is None
    assert restart(fleet, pod).durable.view_checkpoint is None


@pytest.mark.parametrize("state", ["outside", "joining"])
def test_only_a_member_marks_a_view(fleet: Fleet, state: str) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.live, pod.applied = itertools.repeat(view(3)), LIVE, Position(A, 7)
    if state == "outside":
        pod.server = "non-Primary"
    else:
        remember(agent_of(pod), joining_boot_id="a join is open")
    observe(agent_of(pod))
    assert see_view(agent_of(pod)) == Seen()


def left_alone(fleet: Fleet) -> Pod:
    """The first pod's server lives outside, the others are dead, and it has been stopped for that."""
    first, *others = alive(fleet)
    first.views = itertools.repeat(view(3))
    for pod in others:
        fleet.kill_server(pod)
    for _ in range(STUCK_ROUNDS + 2):
        for pod in others:
            fleet.begin(pod)
            fleet.report(pod)
        rounds(fleet, 1)
    assert first.server == ""
    return first


def test_the_view_of_a_server_that_was_stopped_outside_is_kept_until_the_next_start(fleet: Fleet) -> None:
    first = left_alone(fleet)
    again = restart(fleet, first)
    fleet.begin(first)
    fleet.report(first)
    found = again.pod_state().disk
    assert found is not None
    assert found.view == view(3)

    fleet.recover()
    assert agent_of(first).durable.lost_view is None


@pytest.mark.parametrize("change", [[], [99]], ids=["older ones", "those of another view that it was in by then"])
def test_other_data_are_not_taken_for_what_that_server_has_left(fleet: Fleet, change: list[int]) -> None:
    first = left_alone(fleet)
    first.log = [*first.log, *change] if change else first.log[:-1]
    fleet.begin(first)
    fleet.report(first)
    found = agent_of(first).pod_state().disk
    assert found is not None
    assert found.view is None


def test_a_server_that_does_not_name_its_members_only_counts_them(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    remember(agent_of(pod), view_checkpoint=(mark := ViewCheckpoint("gcomm-0:3", Position(A, 7))))
    pod.views, pod.live = itertools.repeat(view(3)), None
    rounds(fleet)
    assert (pod.removed, agent_of(pod).durable.view_checkpoint) == ([], mark)
    pod.views, pod.applied = itertools.repeat(view(3)._replace(members=MEMBERS[:2])), Position(A, 9)
    rounds(fleet)
    assert (pod.removed[:1], agent_of(pod).durable.view_checkpoint) == (["gcomm-0:3"], None)


def test_a_server_that_lags_may_know_only_an_earlier_view_than_its_file(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.live = itertools.repeat(view(3)), LIVE._replace(members=LIVE.members[:2])
    rounds(fleet, 5)
    assert pod.removed == []


def test_people_are_told_that_a_member_cannot_look_the_others_up(fleet: Fleet) -> None:
    pod = alive(fleet)[2]
    agent, start = agent_of(pod), len(pod.said)
    answers = agent.ports
    for answer in ("SERVFAIL", "SERVFAIL", ""):
        agent.ports = answers._replace(dns_trouble=itertools.repeat(answer).__next__)
        run_round(agent)
        assert agent.note().lookup == answer
        assert take_details(agent, 0.0).has_dns is not bool(answer)
    said = [line for line in pod.said[start:] if "DNS" in line]
    assert said == ["looking up the other pods in DNS: SERVFAIL", "looking up the other pods in DNS: solved"]


def test_people_are_told_why_a_live_server_does_not_answer_as_long_as_it_is_so(fleet: Fleet) -> None:
    """A server that only starts is no news, and a reason of before does not outlive what it says."""
    pod = alive(fleet)[2]
    agent = agent_of(pod)
    answers = agent.ports
    for answer, shown in (
        ("the server refuses galera_agent", "the server refuses galera_agent"),
        (STARTING[0], ""),
        ("the server refuses galera_agent", "the server refuses galera_agent"),
        (servers_of(agent), ""),
    ):
        agent.ports = answers._replace(server_status=itertools.repeat(answer).__next__)
        observe(agent)
        assert agent.note().unheard == shown
