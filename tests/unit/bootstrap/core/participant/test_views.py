"""A view file is compared with the live server: a true one gets a checkpoint, a false one is removed."""

from dataclasses import replace

import pytest

from bootstrap.core.model.disk import Position, ViewCheckpoint
from bootstrap.core.participant.effects import Note, RemoveView, Trouble
from bootstrap.core.participant.participant import Participant
from bootstrap.core.participant.views import (
    LiveView,
    Seen,
    check_view,
    is_contradicted,
    is_true,
    needs_checkpoint,
    settled_server,
)
from tests.support.bootstrap.participants import SERVER, VIEW, member, play, running, waiting
from tests.support.bootstrap.records import A, B

LIVE = LiveView("gcomm-0", (("gcomm-2", 2), ("gcomm-0", 0), ("gcomm-1", None)))
APPLIED = Position(A, 10)
SEEN = Seen(VIEW, LIVE, APPLIED)
CHECKPOINT = ViewCheckpoint(VIEW.name, APPLIED)
CANNOT = "a false view cannot be removed"

FALSE = {
    "the file names fewer": SEEN._replace(file=VIEW._replace(members=("gcomm-0", "gcomm-1"))),
    "the file names another one": SEEN._replace(file=VIEW._replace(members=("gcomm-0", "gcomm-1", "gcomm-3"))),
    "the file is of an earlier run": SEEN._replace(file=VIEW._replace(my_uuid="gcomm-9")),
    "the server names fewer than it counts": SEEN._replace(
        file=VIEW._replace(members=("gcomm-0", "gcomm-2")), live=LIVE._replace(members=LIVE.members[:2])
    ),
}


def test_the_ordinals_of_the_members_are_those_that_are_known() -> None:
    assert LIVE.ordinals == {0, 2}


@pytest.mark.parametrize(
    ("p", "is_settled"),
    [
        (member(), True),
        (running(replace(SERVER, local_state="Joined")), False),
        (running(replace(SERVER, cluster_status="non-Primary")), False),
        (member(joining_boot_id="kernel-0"), False),
        (waiting(), False),
    ],
    ids=["a member", "its data are not complete", "it is not Primary", "its join is open", "no server lives"],
)
def test_a_server_is_settled(p: Participant, *, is_settled: bool) -> None:
    assert settled_server(p) == (SERVER if is_settled else None)


def test_a_view_is_true_if_file_and_server_name_the_same_members() -> None:
    assert is_true(SEEN, SERVER)
    assert not is_true(SEEN._replace(file=None), SERVER)
    assert not is_true(SEEN._replace(live=None), SERVER)


@pytest.mark.parametrize("seen", FALSE.values(), ids=FALSE)
def test_a_view_is_false_if(seen: Seen) -> None:
    assert seen.file is not None
    assert not is_true(seen, SERVER)
    assert is_contradicted(seen.file, seen, SERVER)


def test_a_server_that_names_no_members_still_counts_them() -> None:
    assert not is_contradicted(VIEW, Seen(VIEW), SERVER)
    assert is_contradicted(VIEW, Seen(VIEW), replace(SERVER, size=2))
    assert not is_contradicted(VIEW, SEEN, SERVER)


@pytest.mark.parametrize(
    ("p", "seen", "is_needed"),
    [
        (member(), SEEN, True),
        (waiting(), SEEN, False),
        (member(), SEEN._replace(file=None), False),
        (member(), SEEN._replace(live=None), False),
        (member(view_checkpoint=CHECKPOINT), SEEN, False),
        (member(view_checkpoint=CHECKPOINT._replace(position=Position(A, 3))), SEEN, False),
        (member(view_checkpoint=CHECKPOINT._replace(view="another")), SEEN, True),
        (member(view_checkpoint=CHECKPOINT._replace(position=Position(B, 10))), SEEN, True),
    ],
    ids=[
        "there is none",
        "no server lives",
        "there is no view",
        "it is not known to be true",
        "it is there",
        "it is there since an earlier position",
        "it is of another view",
        "it is of another history",
    ],
)
def test_a_view_needs_a_checkpoint(p: Participant, seen: Seen, *, is_needed: bool) -> None:
    assert needs_checkpoint(p, seen) is is_needed


def test_a_true_view_gets_its_checkpoint() -> None:
    p = member()._replace(false_view_rounds=1)
    state = replace(p.durable, view_checkpoint=CHECKPOINT)
    assert play(check_view(p, SEEN, p.durable)) == (p._replace(false_view_rounds=0), state, [])


@pytest.mark.parametrize(
    ("p", "seen"),
    [
        (member(), SEEN._replace(applied=None)),
        (member(), SEEN._replace(file=None)),
        (member(), Seen(VIEW, None, APPLIED)),
        (member(view_checkpoint=CHECKPOINT._replace(position=Position(A, 3))), SEEN),
        (waiting(), SEEN),
        (waiting(), FALSE["the file names fewer"]),
    ],
    ids=[
        "what was applied is not known",
        "there is no view",
        "it may be another view",
        "it has one",
        "no server lives",
        "no server lives that contradicts it",
    ],
)
def test_nothing_is_noted_or_removed_if(p: Participant, seen: Seen) -> None:
    assert play(check_view(p._replace(false_view_rounds=1), seen, p.durable)) == (p, p.durable, [])


def test_a_false_view_is_removed_in_the_second_round() -> None:
    p = member(view_checkpoint=CHECKPOINT)
    seen = FALSE["the file names another one"]
    once = p._replace(false_view_rounds=1)
    assert play(check_view(p, seen, p.durable)) == (once, p.durable, [])
    twice = p._replace(false_view_rounds=2)
    removed = play(check_view(once, seen, p.durable))
    assert removed == (
        twice,
        replace(p.durable, view_checkpoint=None),
        [
            RemoveView(VIEW.name),
            Trouble(CANNOT, ""),
            Note("server", "gvwstate.dat was not that of the 3 members: it is removed"),
        ],
    )
    assert play(check_view(twice, seen, p.durable)) == removed


def test_a_false_view_that_cannot_be_removed_loses_its_checkpoint() -> None:
    p = member(view_checkpoint=CHECKPOINT)._replace(false_view_rounds=1)
    failed = play(check_view(p, FALSE["the file names fewer"], p.durable), RemoveView="read-only")
    assert failed.answer == replace(p.durable, view_checkpoint=None)
    assert failed.effects == [RemoveView(VIEW.name), Trouble(CANNOT, "read-only")]


@pytest.mark.parametrize("known", [None, CHECKPOINT._replace(view="another")], ids=["none", "of another view"])
def test_the_checkpoint_of_another_view_stays(known: ViewCheckpoint | None) -> None:
    p = member(view_checkpoint=known)._replace(false_view_rounds=1)
    assert play(check_view(p, FALSE["the file names fewer"], p.durable)).answer == p.durable
