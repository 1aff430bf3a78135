"""The rules: each in both directions, the incidents that they come from, and that each of them is needed."""

from dataclasses import replace

import pytest

from bootstrap.core.decision import decide as rules
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join, Rule, Stop, Wait
from bootstrap.core.model.disk import NIL_UUID, STARTABLE, UNDECIDABLE, DataClass, Disk, Position
from bootstrap.core.model.facts import BootstrapPoint, Facts, Fork, Phase, Promise
from bootstrap.core.model.unknown import Unknown
from tests.support.bootstrap.records import (
    A_TO_B,
    B_TO_C,
    A,
    B,
    C,
    after,
    blank,
    busy,
    doubtful,
    frozen,
    running,
    seen_by,
    with_override,
)

D = DataClass
Kind = type[Decision]

OLD_VOLUMES = ((0, "volume-0"), (1, "volume-1"), (2, "volume-2"))
PROMISE = Promise(3, 1, "run-1")

ELSEWHERE = (BootstrapPoint(A, 3, 2, "elsewhere"),)
"""Another bootstrap of history A than those of `after`."""

TABLE: dict[str, tuple[Facts, Kind, str]] = {
    # stuck-server
    "my server is non-Primary and all others died -> stop it": (
        seen_by(running(0, status="non-Primary"), frozen(1), frozen(2)), Stop, "stuck-server"),
    "two servers are non-Primary and the third pod died -> stop": (
        seen_by(running(0, status="non-Primary"), running(1, status="non-Primary"), frozen(2)), Stop, "stuck-server"),
    "my server is non-Primary and a peer is silent -> wait": (
        seen_by(running(0, status="non-Primary"), 1, frozen(2)), Wait, "own-server"),
    "my server is non-Primary and a Primary lives elsewhere -> wait": (
        seen_by(running(0, status="non-Primary"), running(1), frozen(2)), Wait, "own-server"),
    "all servers are non-Primary and none died -> stop it in the end, if Galera does not bring them together": (
        seen_by(running(0, status="non-Primary"), *(running(o, status="non-Primary") for o in (1, 2))),
        Stop, "stuck-server"),
    "my server is non-Primary and a dead peer's position is unknown -> wait": (
        seen_by(running(0, status="non-Primary"), frozen(1), blank(2, D.UNKNOWN)), Wait, "own-server"),
    # quorum
    "two of three members died and the third has not noticed it yet -> wait": (
        seen_by(frozen(0), frozen(1), running(2)), Wait, "quorum"),
    "one of two died -> wait": (seen_by(frozen(0), running(1, size=2), blank(2)), Wait, "quorum"),
    "one of three died -> join": (seen_by(frozen(0), running(1), running(2)), Join, "join"),
    "two are dead and a third is silent -> join": (
        seen_by(frozen(0), frozen(1), running(2), 3), Join, "join"),
    "the Primary has noticed that they died -> join": (seen_by(frozen(0), frozen(1), running(2, size=1)), Join, "join"),
    "the Primary has members that are no pods -> join": (
        seen_by(frozen(0), frozen(1), running(2, has_foreign_members=True)), Join, "join"),
    "the Primary may have members that are no pods, as I remember -> join": (
        seen_by(frozen(0, has_foreign_members=True), frozen(1), running(2)), Join, "join"),
    "the Primary has not lost its quorum for long -> join": (
        replace(seen_by(frozen(0), frozen(1), running(2)), has_primary_kept_quorum=True), Join, "join"),
    "two of three died and I have promised -> wait for the candidate": (
        seen_by(frozen(0, promise=PROMISE), frozen(1, run_id="run-1"), running(2)), Wait, "promised"),
    # own-server
    "my own server runs -> wait": (seen_by(running(0), frozen(1), frozen(2)), Wait, "own-server"),
    "my own server bootstraps -> wait": (
        seen_by(busy(0, Phase.BOOTSTRAPPING), frozen(1), frozen(2)), Wait, "own-server"),
    "my own server joins, a Primary lives -> wait": (
        seen_by(busy(0, Phase.JOINING), running(1), running(2)), Wait, "own-server"),
    "something alive on my volume does not answer -> wait, whatever was read before": (
        seen_by(replace(frozen(0), phase=Phase.UNKNOWN), frozen(1), frozen(2)), Wait, "own-server"),
    # own-disk
    "my datadir was not read yet -> wait": (
        seen_by(busy(0, Phase.RECOVERING), running(1), running(2)), Wait, "own-disk"),
    "a report from before my server ran -> wait": (
        seen_by(replace(frozen(0), phase=Phase.STARTING), frozen(1), frozen(2)), Wait, "own-disk"),
    "I have just started -> wait": (seen_by(busy(0, Phase.STARTING), frozen(1), frozen(2)), Wait, "own-disk"),
    "my position is unknown -> hold, also beside a Primary": (
        seen_by(blank(0, D.UNKNOWN), running(1), running(2)), Hold, "own-disk"),
    "my datadir names two histories -> hold": (
        seen_by(frozen(0, data_class=D.UUID_MISMATCH), running(1), running(2)), Hold, "own-disk"),
    "my volume is another cluster's -> hold": (seen_by(blank(0, D.FOREIGN), running(1), running(2)), Hold, "own-disk"),
    # two-primaries
    "two Primaries of different histories -> hold": (
        seen_by(frozen(0), running(1, uuid=A), running(2, uuid=B)), Hold, "two-primaries"),
    "two Primaries of one history -> join": (seen_by(frozen(0), running(1), running(2)), Join, "join"),
    "two Primaries of one history, each alone -> wait": (
        seen_by(frozen(0), running(1, size=1), running(2, size=1)), Wait, "two-primaries"),
    "two Primaries of one history that count differently -> wait": (
        seen_by(frozen(0), running(1, size=2), running(2, size=1)), Wait, "two-primaries"),
    # promised
    "promised to a silent candidate -> wait": (seen_by(frozen(0, promise=PROMISE), 1, frozen(2)), Wait, "promised"),
    "promised, and an older Primary lives -> wait for the promise to end": (
        seen_by(frozen(0, promise=PROMISE), busy(1, Phase.BOOTSTRAPPING), running(2, epoch=2)), Wait, "promised"),
    "promised to myself -> go on": (
        seen_by(frozen(0, promise=Promise(3, 0, "run-0")), frozen(1), frozen(2)), Bootstrap, "all-heard"),
    # join
    "a Primary is ahead of me -> join": (seen_by(frozen(0, 10), running(1, 11), 2), Join, "join"),
    "a Primary is where I am -> join": (seen_by(frozen(0, 10), running(1, 10), 2), Join, "join"),
    "a Primary lives and I am empty -> join": (seen_by(blank(0), running(1), 2), Join, "join"),
    "a Primary lives, my first database was never used -> join": (
        seen_by(blank(0, D.INITIALIZED), running(1), 2), Join, "join"),
    "a Primary lives, my state transfer was interrupted -> join": (
        seen_by(frozen(0, 99, D.SST_INTERRUPTED), running(1, 10), 2), Join, "join"),
    "a Primary lives, I was voted wrong -> join": (
        seen_by(frozen(0, 99, D.INCONSISTENT), running(1, 10), 2), Join, "join"),
    "one transaction more than the Primary -> hold": (
        seen_by(frozen(0, 11), running(1, 10, size=1), 2), Hold, "ahead-of-primary"),
    "the most advanced of several Primary members counts": (
        seen_by(frozen(0, 11), running(1, 10), running(2, 11)), Join, "join"),
    "one of two members is heard as Primary, and I am ahead of it -> wait": (
        seen_by(frozen(0, 11), running(1, 10, size=2), 2), Wait, "quorum"),
    "one of three members is heard as Primary, of another history -> wait": (
        seen_by(frozen(0, 5), running(1, 10, uuid=B), 2, 3), Wait, "quorum"),
    "half of the members are heard as Primary, and I am beyond their fork -> wait": (
        seen_by(frozen(0, 6), *(running(o, 9, uuid=B, size=4, lineage=(A_TO_B,)) for o in (1, 2)), 3, 4),
        Wait, "quorum"),
    "most members are heard as Primary, and I am ahead of them -> hold": (
        seen_by(frozen(0, 11), running(1, 10), running(2, 10), 3), Hold, "ahead-of-primary"),
    "one of two members has been Primary for long, and I am ahead of it -> hold": (
        replace(seen_by(frozen(0, 11), running(1, 10, size=2), 2), has_primary_kept_quorum=True),
        Hold, "ahead-of-primary"),
    "promised to a silent pod, and one of two members is heard as Primary of an earlier epoch -> wait": (
        seen_by(frozen(0, promise=PROMISE), 1, running(2, size=2, epoch=2)), Wait, "promised"),
    "promised to a silent pod, and a Primary of an earlier epoch lives -> hold": (
        seen_by(frozen(0, promise=PROMISE), 1, running(2, size=1, epoch=2)), Hold, "promised"),
    "the Primary does not know its seqno -> hold": (
        seen_by(frozen(0, 0), running(1, -1, size=1), 2), Hold, "ahead-of-primary"),
    "the Primary was begun from an older copy of my history, and is past me -> hold": (
        seen_by(frozen(0, 10, epoch=3), running(1, 20, epoch=2), running(2, 20, epoch=1)), Hold, "other-history"),
    "the Primary has only just been begun in a new term -> join": (
        seen_by(frozen(0, 10, epoch=3), running(1, 20, epoch=2, promise=Promise(4, 1, "run-1")), 2), Join, "join"),
    "the Primary has another history -> hold": (
        seen_by(frozen(0, 5), running(1, 10, uuid=B, size=1), 2), Hold, "other-history"),
    "a Primary whose history has no uuid does not count -> wait": (
        seen_by(frozen(0, 5), running(1, 10, uuid=NIL_UUID), 2), Wait, "all-heard"),
    # dns
    "DNS has not shown yet which pods there are -> wait": (
        replace(seen_by(frozen(0, 99), frozen(1, 5), frozen(2, 5)), has_directory=False), Wait, "dns"),
    "DNS has shown nothing and a Primary lives -> join": (
        replace(seen_by(frozen(0, 5), running(1, 10), 2), has_directory=False), Join, "join"),
    # all-heard
    "a peer is silent -> wait": (seen_by(frozen(0), frozen(1), 2), Wait, "all-heard"),
    "a peer was not asked yet -> wait": (seen_by(frozen(0), frozen(1)), Wait, "all-heard"),
    "only a peer expects a further pod -> wait for that": (
        seen_by(frozen(0), frozen(1, expected=frozenset({3})), frozen(2)), Wait, "all-heard"),
    "a peer runs without being Primary -> wait": (
        seen_by(frozen(0), frozen(1), running(2, status="non-Primary")), Wait, "all-heard"),
    "a peer still reads its datadir -> wait": (
        seen_by(frozen(0), frozen(1), busy(2, Phase.RECOVERING)), Wait, "all-heard"),
    "a peer has not reported -> wait": (seen_by(frozen(0), frozen(1), busy(2, Phase.STARTING)), Wait, "all-heard"),
    "a peer bootstraps -> wait": (seen_by(frozen(0), frozen(1), busy(2, Phase.BOOTSTRAPPING)), Wait, "all-heard"),
    "a peer joins -> wait": (seen_by(frozen(0), frozen(1), busy(2, Phase.JOINING)), Wait, "all-heard"),
    "a peer's volume is held by something unknown -> wait": (
        seen_by(frozen(0), frozen(1), busy(2, Phase.UNKNOWN)), Wait, "all-heard"),
    "a peer's position is unknown -> wait": (seen_by(frozen(0, 99), frozen(1), blank(2, D.UNKNOWN)), Wait, "all-heard"),
    "a peer's datadir names two histories -> wait": (
        seen_by(frozen(0, 99), frozen(1), blank(2, D.UUID_MISMATCH)), Wait, "all-heard"),
    "a peer's volume is another cluster's -> wait": (
        seen_by(frozen(0, 99), frozen(1), blank(2, D.FOREIGN)), Wait, "all-heard"),
    # first start
    "all are empty and I am the lowest -> create": (seen_by(blank(0), blank(1), blank(2)), Bootstrap, "first-start"),
    "all are empty and I am not the lowest -> wait": (seen_by(blank(1), blank(0), blank(2)), Wait, "first-start"),
    "all are empty and the lowest is silent -> wait": (seen_by(blank(1), 0, blank(2)), Wait, "all-heard"),
    "I alone have an unused first database -> create on it": (
        seen_by(blank(1, D.INITIALIZED), blank(0), blank(2)), Bootstrap, "first-start"),
    "a peer has an unused first database -> wait for it": (
        seen_by(blank(0), blank(1, D.INITIALIZED), blank(2)), Wait, "first-start"),
    "all are empty and one was a member before -> hold": (
        seen_by(blank(0), blank(1, was_synced=True), blank(2)), Hold, "all-empty"),
    "an empty pod beside data is no first start": (seen_by(blank(0), frozen(1), blank(2)), Wait, "all-heard"),
    # expected-data
    "all are empty, and there should be data -> hold": (
        replace(seen_by(blank(0), blank(1), blank(2)), expect_data=True), Hold, "expected-data"),
    "one is empty, and all should have data -> hold": (
        replace(seen_by(frozen(0, 9), frozen(1, 8), blank(2)), expect_data=True), Hold, "expected-data"),
    "I am empty, and all should have data -> hold": (
        replace(seen_by(blank(0), frozen(1, 8), frozen(2)), expect_data=True), Hold, "expected-data"),
    "all that should have data have them -> bootstrap": (
        replace(seen_by(frozen(0, 9), frozen(1, 8), frozen(2, 7)), expect_data=True), Bootstrap, "all-heard"),
    "one is empty, and none had to have data -> bootstrap": (
        seen_by(frozen(0, 9), frozen(1, 8), blank(2)), Bootstrap, "all-heard"),
    "one should have data, and is silent -> wait": (
        replace(seen_by(frozen(0, 9), blank(1), 2), expect_data=True), Wait, "all-heard"),
    "one that is empty joins a cluster that lives": (
        replace(seen_by(blank(0), running(1), running(2)), expect_data=True), Join, "join"),
    "one is empty, and another one was a member here -> bootstrap": (
        replace(seen_by(frozen(0, was_synced=True), frozen(1, 8), blank(2)), expect_data=True), Bootstrap, "all-heard"),
    "one was emptied by its first join -> bootstrap": (
        replace(seen_by(frozen(0, 9), frozen(1, 8), blank(2, joining=True)), expect_data=True), Bootstrap, "all-heard"),
    "data of an interrupted join are no empty volume -> bootstrap": (
        replace(seen_by(frozen(0, 9), frozen(1, 8), blank(2, D.SST_INTERRUPTED, joining=True)), expect_data=True),
        Bootstrap, "all-heard"),
    # one-history
    "no pod has usable data -> hold": (
        seen_by(blank(0, D.SST_INTERRUPTED, joining=True), blank(1), blank(2)), Hold, "no-candidate"),
    "only a copy that was voted wrong is left -> hold": (
        seen_by(frozen(0, 9, D.INCONSISTENT), blank(1), blank(2)), Hold, "no-candidate"),
    "two histories on the disks -> hold, also for the longer one": (
        seen_by(frozen(0, 99), frozen(1, 3, uuid=B), frozen(2, 99)), Hold, "two-histories"),
    # replaced-volume
    "the volume of a member was replaced by an empty one -> hold": (
        seen_by(frozen(0, volumes=OLD_VOLUMES), blank(1, volume_id="new"), frozen(2)), Hold, "replaced-volume"),
    "a former member's datadir was emptied -> hold": (
        seen_by(frozen(0), blank(1, was_synced=True), frozen(2)), Hold, "replaced-volume"),
    "a former member was killed in a state transfer of a permitted join -> go on": (
        seen_by(frozen(0, volumes=OLD_VOLUMES), blank(1, D.SST_INTERRUPTED, was_synced=True, joining=True), frozen(2)),
        Bootstrap, "all-heard"),
    "a newcomer's empty volume that no pod has seen -> go on": (
        seen_by(frozen(0, volumes=OLD_VOLUMES[:2]), frozen(1), blank(2)), Bootstrap, "all-heard"),
    "a newcomer that was seen empty and still is -> go on": (
        seen_by(frozen(0, volumes=OLD_VOLUMES), frozen(1), blank(2)), Bootstrap, "all-heard"),
    "only a stale disk remembers the volume that was replaced since -> go on": (
        seen_by(frozen(0, 20, volumes=OLD_VOLUMES[2:]), frozen(1, 5, volumes=((2, "older"),)), blank(2)),
        Bootstrap, "all-heard"),
    "the most advanced disk remembers nothing, another one another volume -> hold": (
        seen_by(frozen(0, 20), frozen(1, 5, volumes=((2, "older"),)), blank(2)), Hold, "replaced-volume"),
    "a disk of a history that was given up remembers another volume -> go on": (
        seen_by(frozen(0, 1, uuid=B, lineage=(A_TO_B,)), frozen(1, 5, volumes=((2, "older"),)), blank(2)),
        Bootstrap, "all-heard"),
    "the volume of a member was replaced by an older copy -> hold": (
        seen_by(frozen(0, volumes=OLD_VOLUMES), frozen(1, 9, volume_id="restored"), frozen(2)),
        Hold, "replaced-volume"),
    "a replaced volume has come as far as those that remember another one -> go on": (
        seen_by(frozen(1, 12, volume_id="new"), frozen(0, volumes=OLD_VOLUMES), frozen(2)), Bootstrap, "all-heard"),
    "a member has a sign of a transfer that its journal denies, and holds no more -> go on": (
        seen_by(frozen(0), doubtful(1, 10), frozen(2)), Bootstrap, "all-heard"),
    "the same, and it holds more -> hold": (
        seen_by(frozen(0), doubtful(1, 11), frozen(2)), Hold, "doubtful-transfer"),
    "the same, and its volume is another one -> hold": (
        seen_by(frozen(0, volumes=OLD_VOLUMES), replace(doubtful(1, 10), volume_id="new"), frozen(2)),
        Hold, "replaced-volume"),
    "the same beside a Primary that contains it -> join": (
        seen_by(doubtful(0, 10), running(1, 10), 2), Join, "join"),
    "the same beside a Primary that was forked before it -> hold": (
        seen_by(doubtful(0, 6), running(1, 99, uuid=B, size=1, lineage=(A_TO_B,)), 2), Hold, "beyond-fork"),
    "the volume of the first database is gone before any pod has joined -> hold": (
        seen_by(blank(0), blank(1, volumes=((0, "older"),)), blank(2)), Hold, "all-empty"),
    "the volume of the first database is there and still empty -> create": (
        seen_by(blank(0), blank(1, volumes=((0, "volume-0"),)), blank(2)), Bootstrap, "first-start"),
    # lineage
    "the Primary was forked off behind my position -> join": (
        seen_by(frozen(0, 5), running(1, 2, uuid=B, lineage=(A_TO_B,), size=1), frozen(2, 1, uuid=B)), Join, "join"),
    "the Primary was forked off before my position -> hold": (
        seen_by(frozen(0, 6), running(1, 99, uuid=B, size=1, lineage=(A_TO_B,)), 2), Hold, "beyond-fork"),
    "the Primary is two forks away and contains mine -> join": (
        seen_by(frozen(0, 5), running(1, 0, uuid=C, lineage=(A_TO_B, B_TO_C)), 2), Join, "join"),
    "the Primary is two forks away and does not contain mine -> hold": (
        seen_by(frozen(0, 4, uuid=B), running(1, 9, uuid=C, size=1, lineage=(A_TO_B, B_TO_C)), 2),
        Hold, "beyond-fork"),
    "my history was forked off the Primary's -> hold": (
        seen_by(frozen(0, 1, uuid=B, lineage=(A_TO_B,)), running(1, 99, size=1), 2), Hold, "other-history"),
    "the Primary reports a fork of my history, and it is another one's -> hold": (
        seen_by(frozen(0, 1), running(1, 1, uuid=B, size=1, lineage=(Fork(A, 5, 4, C),)), 2), Hold, "other-history"),
    "a torn disk that is beyond the fork of the Primary -> hold": (
        seen_by(
            replace(
                frozen(0, 6),
                disk=Disk(D.SST_INTERRUPTED, Position(A, 6), transfer_may_be_complete=True), joining=True),
            running(1, 9, uuid=B, size=1, lineage=(A_TO_B,)), 2), Hold, "beyond-fork"),
    "all are back: the new history starts, also beside disks beyond its fork": (
        seen_by(frozen(1, 1, uuid=B, lineage=(A_TO_B,)), frozen(0, 5), frozen(2, 99)), Bootstrap, "all-heard"),
    "all are back: a disk beyond the fork waits for the new history": (
        seen_by(frozen(2, 99), frozen(0, 5), frozen(1, 1, uuid=B, lineage=(A_TO_B,))), Wait, "all-heard"),
    "all are back: a torn disk beyond the fork does not stand in the way": (
        seen_by(
            frozen(1, 1, uuid=B, lineage=(A_TO_B,)), frozen(0, 5),
            replace(frozen(2), disk=Disk(D.SST_INTERRUPTED, Position(A, 99), transfer_may_be_complete=True))),
            Bootstrap, "all-heard"),
    "all are back: a torn disk whose position is not known does": (
        seen_by(
            frozen(1, 1, uuid=B, lineage=(A_TO_B,)), frozen(0, 5),
            replace(frozen(2), disk=Disk(D.SST_INTERRUPTED, transfer_may_be_complete=True))),
            Hold, "doubtful-transfer"),
    "forced on two sides -> hold": (
        seen_by(
            frozen(0, 9, uuid=B, lineage=(A_TO_B,)), frozen(1, 9, uuid=C, lineage=(Fork(A, 5, 4, C),)), frozen(2, 5)),
        Hold, "two-histories"),
    "two different origins of one history count as none -> hold": (
        seen_by(
            frozen(0, 9, uuid=B, lineage=(A_TO_B,)), frozen(1, 9, uuid=B, lineage=(Fork(A, 7, 4, B),)), frozen(2, 5)),
        Hold, "two-histories"),
    # branches
    "the Primary began from an older copy, and is past me -> hold": (
        seen_by(frozen(0, 10), after(running(1, 20), 5), after(running(2, 20), 5)), Hold, "other-branch"),
    "the same before it has come to my number -> hold": (
        seen_by(frozen(0, 10), after(running(1, 9, size=1), 5), 2), Hold, "other-branch"),
    "the same, and its epoch has passed mine by outages since -> hold": (
        seen_by(after(frozen(0, 10, epoch=2), 8), after(running(1, 20, epoch=3, size=1), 5, 15, run="later-"), 2),
        Hold, "other-branch"),
    "the same copy was started twice at the same commit and in the same term -> hold": (
        seen_by(after(frozen(0, 10), 5), after(running(1, 20, size=1), 5, run="again-"), 2), Hold, "other-branch"),
    "the Primary goes on from where mine ends, which was started since -> hold": (
        seen_by(after(frozen(0, 10, epoch=2), 5), running(1, 20, epoch=2, size=1), 2), Hold, "other-branch"),
    "the Primary was bootstrapped where I end -> join": (
        seen_by(frozen(0, 10), after(running(1, 20), 10), 2), Join, "join"),
    "the Primary was bootstrapped when I was a member -> join": (
        seen_by(after(frozen(0, 10), 5), after(running(1, 20), 5, 15), 2), Join, "join"),
    "what I bootstrapped has never committed anything -> join": (
        seen_by(after(frozen(0, 10), 5, 10), after(running(1, 20), 5, 10, run=""), 2), Join, "join"),
    "two interrupted bootstraps at one commit: neither stands in the other's way -> join": (
        seen_by(after(frozen(0, 10), 10, run="mine-"), after(running(1, 20), 10), 2), Join, "join"),
    "a join of mine was interrupted before it came to a later bootstrap -> join": (
        seen_by(after(frozen(0, 10, joining=True), 5, 15), after(running(1, 20), 5, 15), 2), Join, "join"),
    "one member has come back by itself and does not know of the bootstrap yet -> join": (
        seen_by(after(frozen(0, 10), 5), running(1, 20, epoch=1), after(running(2, 20, epoch=2), 5)), Join, "join"),
    "no member can read its journal -> wait": (seen_by(frozen(0), running(1, volume_id=""), 2), Wait, "join"),
    "no member can read its journal, and I have nothing to lose -> join": (
        seen_by(blank(0), running(1, volume_id=""), 2), Join, "join"),
    "the Primary was forked off the other branch, behind my number -> hold": (
        seen_by(
            after(frozen(0, 4), 2),
            replace(running(1, 9, uuid=B, size=1, lineage=(A_TO_B,)), bootstraps=ELSEWHERE), 2),
        Hold, "other-branch"),
    "the Primary was forked off my branch, behind my number -> join": (
        seen_by(
            replace(frozen(0, 4), bootstraps=ELSEWHERE),
            replace(running(1, 9, uuid=B, lineage=(A_TO_B,)), bootstraps=ELSEWHERE), 2), Join, "join"),
    "the disks are of two branches -> hold, also for the longer one": (
        seen_by(frozen(2, 10, epoch=1), *(after(frozen(o, 8, epoch=2), 5) for o in (0, 1))), Hold, "two-branches"),
    "the disks are of two branches -> hold, also for the later one": (
        seen_by(after(frozen(0, 8, epoch=2), 5), after(frozen(1, 8, epoch=2), 5), frozen(2, 10, epoch=1)),
        Hold, "two-branches"),
    "a disk with commits has lost its journal -> hold": (
        seen_by(after(frozen(0, 10), 5), after(frozen(1, 10), 5), frozen(2, 9)), Hold, "two-branches"),
    "no disk has a journal yet -> bootstrap": (
        seen_by(frozen(0, 10), frozen(1, 9), frozen(2, 8)), Bootstrap, "all-heard"),
    "the candidate of before was killed before its server came up -> bootstrap": (
        seen_by(after(frozen(0, 10), 10), frozen(1, 10), frozen(2, 9)), Bootstrap, "all-heard"),
    "the disks of two branches of the old history lie beyond a fork -> bootstrap": (
        seen_by(
            replace(frozen(1, 1, uuid=B, lineage=(A_TO_B,)), bootstraps=ELSEWHERE),
            after(frozen(0, 9), 2), frozen(2, 9)),
        Bootstrap, "all-heard"),
    "a torn disk of another branch may have the newest commits -> hold": (
        seen_by(
            after(frozen(0, 10), 5), after(frozen(1, 10), 5),
            replace(frozen(2), disk=Disk(D.SST_INTERRUPTED, Position(A, 9), transfer_may_be_complete=True))),
        Hold, "doubtful-transfer"),
    "a pod of another branch was not named -> the override is void": (
        seen_by(with_override(after(frozen(0, 10), 5), 2), frozen(1, 9), 2), Wait, "override"),
    "a pod of another branch was named -> bootstrap": (
        seen_by(with_override(after(frozen(0, 10), 5), 2, accepted_ahead=(1,)), frozen(1, 9), 2),
        Bootstrap, "override"),
    # override
    "an override gives the silent pod up -> bootstrap": (
        seen_by(with_override(frozen(0), 2), frozen(1), 2), Bootstrap, "override"),
    "the pod that was given up answers and has no more -> bootstrap": (
        seen_by(with_override(frozen(0), 2), frozen(1), frozen(2, 9)), Bootstrap, "override"),
    "the pod that was given up answers and has more -> the override is void": (
        seen_by(with_override(frozen(0), 2), frozen(1), frozen(2, 11)), Wait, "override"),
    "another pod falls silent -> the override is void": (seen_by(with_override(frozen(0), 2), 1, 2), Wait, "override"),
    "a pod is ahead and was not named -> the override is void": (
        seen_by(with_override(frozen(0), 2), frozen(1, 11), 2), Wait, "override"),
    "a pod is ahead and was named -> bootstrap": (
        seen_by(with_override(frozen(0), 2, accepted_ahead=(1,)), frozen(1, 11), 2), Bootstrap, "override"),
    "a pod that cannot be read was not named -> the override is void": (
        seen_by(with_override(frozen(0), 2), blank(1, D.UNKNOWN), 2), Wait, "override"),
    "a non-Primary server lives -> the override is void": (
        seen_by(with_override(frozen(0), 2), running(1, status="non-Primary"), 2), Wait, "override"),
    "a Primary lives -> join, in spite of an override": (
        seen_by(with_override(frozen(0), 2), running(1), 2), Join, "join"),
    "my datadir is not the one that the override names -> the override is void": (
        seen_by(replace(with_override(frozen(0), 2), disk=frozen(0, 8).disk), frozen(1, 7), 2), Wait, "override"),
    "my datadir cannot start a cluster -> the override is void": (
        seen_by(with_override(blank(0), 2), frozen(1), 2), Wait, "override"),
    "an override adopts data -> bootstrap": (
        seen_by(with_override(blank(0, D.LOST_GRASTATE), adopt=True), blank(1), blank(2)), Bootstrap, "override"),
    "an override adopts data without a position -> bootstrap": (
        seen_by(with_override(blank(0, D.UNADOPTED), adopt=True), blank(1), blank(2)), Bootstrap, "override"),
    "another pod has data, too -> nothing is adopted": (
        seen_by(with_override(frozen(0, 5, D.LOST_GRASTATE), adopt=True), frozen(1), blank(2)), Wait, "override"),
    "a pod is silent -> nothing is adopted": (
        seen_by(with_override(frozen(0, 5, D.LOST_GRASTATE), 1, adopt=True), 1, blank(2)), Wait, "override"),
    # epoch-floor
    "the best data are older than the floor -> hold": (
        replace(seen_by(frozen(0, epoch=3), frozen(1, 1, epoch=9), frozen(2)), min_epoch=4), Hold, "epoch-floor"),
    "the best data are of the floor's epoch -> bootstrap": (
        replace(seen_by(frozen(0, epoch=4), frozen(1, 1), frozen(2)), min_epoch=4), Bootstrap, "all-heard"),
    "old data may join": (
        replace(seen_by(frozen(0, 1, epoch=3), running(1, epoch=4), running(2, epoch=4)), min_epoch=4), Join, "join"),
    "everything is empty under a floor -> hold": (
        replace(seen_by(blank(0), blank(1), blank(2)), min_epoch=1), Hold, "epoch-floor"),
    "an override may start from data below the floor": (
        replace(seen_by(with_override(frozen(0, epoch=3), 2), frozen(1), 2), min_epoch=4), Bootstrap, "override"),
    "two histories under a floor -> a human must choose": (
        replace(seen_by(frozen(0, 99), frozen(1, 3, uuid=B), frozen(2, 99)), min_epoch=4), Hold, "two-histories"),
    # most-advanced
    "I am the most advanced -> bootstrap": (seen_by(frozen(1, 10), frozen(0, 9), frozen(2, 8)), Bootstrap, "all-heard"),
    "a peer is the most advanced -> wait for it": (
        seen_by(frozen(0, 9), frozen(1, 10), frozen(2, 8)), Wait, "all-heard"),
    "equal positions, and a join of one was never seen to end -> bootstrap": (
        seen_by(frozen(1, 10, D.CRASHED), frozen(0, 10, joining=True), frozen(2, 10, D.CRASHED)),
        Bootstrap, "all-heard"),
    "equal positions: the clean one -> bootstrap": (
        seen_by(frozen(2), frozen(0, data_class=D.CRASHED), frozen(1, data_class=D.LOST_GRASTATE)),
        Bootstrap, "all-heard"),
    "equal positions: crashed before lost grastate": (
        seen_by(frozen(2, data_class=D.CRASHED), frozen(0, data_class=D.LOST_GRASTATE), blank(1)),
        Bootstrap, "all-heard"),
    "equal positions: lost grastate before DDL crash": (
        seen_by(frozen(2, data_class=D.LOST_GRASTATE), frozen(0, data_class=D.DDL_CRASH), blank(1)),
        Bootstrap, "all-heard"),
    "equal positions and classes: safe_to_bootstrap decides": (
        seen_by(frozen(2, safe=True), frozen(0), frozen(1)), Bootstrap, "all-heard"),
    "equal in everything: the lowest ordinal": (seen_by(frozen(0), frozen(1), frozen(2)), Bootstrap, "all-heard"),
    "safe_to_bootstrap never beats a higher position": (
        seen_by(frozen(0, 9, safe=True), frozen(1, 10, D.CRASHED), frozen(2, 9)), Wait, "all-heard"),
    "a single expected pod -> bootstrap": (seen_by(frozen(0, expected=frozenset({0}))), Bootstrap, "all-heard"),
}  # fmt: skip

INCIDENTS: dict[str, tuple[Facts, Kind, str]] = {
    "mariadb-operator 1108: two joiners in aborted transfers never start before the silent one with the data": (
        seen_by(blank(1, D.SST_INTERRUPTED, joining=True), blank(2, D.SST_INTERRUPTED, joining=True), 0),
        Wait, "all-heard"),
    "mariadb-operator 1108: nor when the one with the data is back": (
        seen_by(blank(1, D.SST_INTERRUPTED, joining=True), blank(2, D.SST_INTERRUPTED, joining=True), frozen(0, 900)),
        Wait, "all-heard"),
    "mariadb-operator 1701: a flag beside the nil uuid is no candidate": (
        seen_by(replace(blank(0), disk=Disk(D.SST_INTERRUPTED, None, safe_to_bootstrap=True), joining=True),
                frozen(1, 7, D.CRASHED), frozen(2, 7, D.CRASHED)), Wait, "all-heard"),
    "mariadb-operator 1626: the pod that had bootstrapped starts again beside its cluster and joins": (
        seen_by(frozen(0, 40, safe=True, epoch=3), running(1, 50, epoch=3), running(2, 50, epoch=3)), Join, "join"),
    "mariadb-operator 959: all crashed, no pod has the flag, the highest starts without a human": (
        seen_by(frozen(2, 31, D.CRASHED), frozen(0, 30, D.CRASHED), frozen(1, 30, D.CRASHED)), Bootstrap, "all-heard"),
    "K8SPXC-824: the pod with the flag is not pod 0": (
        seen_by(frozen(2, 30, safe=True), frozen(0, 29, D.CRASHED), frozen(1, 29, D.CRASHED)), Bootstrap, "all-heard"),
    "bitnami 6698: pod 0 that cannot reach its cluster never creates a second one": (
        seen_by(frozen(0, 30, safe=True), 1, 2), Wait, "all-heard"),
    "kubeblocks 2730: a refused connection does not show that no peer lives": (
        Facts(frozen(0, 30), {1: Unknown("connection refused"), 2: Unknown("connection refused")}), Wait, "all-heard"),
    "manticore 174: pod 0 of two restarts next to a live pod 1 and joins": (
        seen_by(frozen(0, 30, safe=True, expected=frozenset({0, 1})),
                running(1, 31, expected=frozenset({0, 1}), size=1)), Join, "join"),
    "manticore 174: the same with pod 1 unreachable": (
        seen_by(frozen(0, 30, safe=True, expected=frozenset({0, 1})), 1), Wait, "all-heard"),
    "resource-agents 1323: the flag with the nil uuid beside two whole disks": (
        seen_by(frozen(1, 7, D.CRASHED),
                replace(blank(0), disk=Disk(D.SST_INTERRUPTED, None, safe_to_bootstrap=True), joining=True),
                frozen(2, 7, D.CRASHED)), Bootstrap, "all-heard"),
    "bitnami 33938: the flag on a stale disk does not rewind the cluster": (
        seen_by(frozen(0, 100, safe=True), frozen(1, 250, D.CRASHED), frozen(2, 250, D.CRASHED)), Wait, "all-heard"),
}  # fmt: skip


SCENARIOS = TABLE | INCIDENTS


def check(facts: Facts, kind: Kind, rule: str) -> None:
    decision = decide(facts)
    assert (type(decision), decision.rule) == (kind, rule), decision
    assert decision.reason
    assert "\n" not in decision.reason


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE.keys())
def test_rule(case: tuple[Facts, Kind, str]) -> None:
    check(*case)


@pytest.mark.parametrize("case", INCIDENTS.values(), ids=INCIDENTS.keys())
def test_incident(case: tuple[Facts, Kind, str]) -> None:
    check(*case)


@pytest.mark.parametrize("data_class", DataClass)
def test_every_class_either_starts_a_cluster_alone_or_holds_with_a_reason(data_class: DataClass) -> None:
    decision = decide(seen_by(frozen(0, 5, data_class, expected=frozenset({0}))))
    expected: Kind = Bootstrap if data_class in {*STARTABLE, D.EMPTY, D.INITIALIZED} else Hold
    assert type(decision) is expected, decision


@pytest.mark.parametrize("data_class", DataClass)
def test_every_class_beside_a_primary_joins_unless_its_position_is_not_known(data_class: DataClass) -> None:
    decision = decide(seen_by(frozen(0, 5, data_class), running(1, 5), running(2, 5)))
    assert type(decision) is (Hold if data_class in UNDECIDABLE else Join), decision


@pytest.mark.parametrize("phase", Phase)
def test_no_phase_of_a_peer_but_frozen_lets_me_bootstrap(phase: Phase) -> None:
    decision = decide(seen_by(frozen(0, 99), frozen(1, 1), replace(frozen(2, 1), phase=phase)))
    assert isinstance(decision, Bootstrap) == (phase is Phase.FROZEN), decision


def test_waiting_names_every_pod_that_is_missing_and_why() -> None:
    reason = decide(seen_by(frozen(0), 1, busy(2, Phase.RECOVERING))).reason
    assert reason == "waiting for galera-1 (unknown: silent), galera-2 (recovering)"


def test_waiting_ends_with_each_cure_once() -> None:
    facts = seen_by(frozen(0, expected=frozenset(range(4))), 1, 2, busy(3, Phase.RECOVERING))
    nowhere = Unknown("no address", "look at the Service")
    reason = decide(replace(facts, peers={**facts.peers, 1: nowhere, 2: nowhere})).reason
    missing = "galera-1 (unknown: no address), galera-2 (unknown: no address), galera-3 (recovering)"
    assert reason == f"waiting for {missing}; look at the Service"


def test_a_hold_beyond_a_fork_has_the_number_of_transactions_and_the_command() -> None:
    reason = decide(seen_by(frozen(0, 8), running(1, 99, uuid=B, size=1, lineage=(A_TO_B,)), 2)).reason
    assert "3 transactions" in reason
    assert "`galera-bootstrap discard`" in reason


def test_a_hold_has_the_number_of_transactions_at_stake() -> None:
    assert "3 transactions" in decide(seen_by(frozen(0, 13), running(1, 10), running(2, 10))).reason


def test_a_hold_with_another_branch_has_the_number_of_transactions_and_the_command() -> None:
    reason = decide(seen_by(frozen(0, 10), after(running(1, 20), 7), after(running(2, 20), 7))).reason
    assert "3 transactions after 7" in reason
    assert "`galera-bootstrap discard`" in reason


def test_a_hold_between_two_branches_lists_the_disks_and_where_they_part() -> None:
    reason = decide(seen_by(frozen(2, 10), after(frozen(0, 8), 5), after(frozen(1, 8), 5))).reason
    assert f"galera-0 {A}:8, galera-1 {A}:8, galera-2 {A}:10" in reason
    assert "after 5" in reason
    assert "`galera-bootstrap force`" in reason


def answers() -> dict[str, tuple[Kind | None, str]]:
    """The kind of decision and the rule in every scenario; a crash is an answer of its own."""
    found: dict[str, tuple[Kind | None, str]] = {}
    for name, (facts, _, _) in SCENARIOS.items():
        try:
            decision = decide(facts)
        except (AssertionError, ValueError):
            found[name] = (None, "none")
        else:
            found[name] = (type(decision), decision.rule)
    return found


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: f"without {rule.name} a scenario ends differently")
def test_every_rule_bears_load(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES", tuple(r for r in rules.RULES if r is not rule))
    found = answers()
    other_kind = [name for name, (_, kind, _) in SCENARIOS.items() if found[name][0] is not kind]
    other_rule = [name for name, (_, *expected) in SCENARIOS.items() if found[name] != tuple(expected)]
    # Behind own-server stands own-disk as a second line: a phase that is not frozen waits there, too.
    assert other_rule if rule.name == "own-server" else other_kind


@pytest.mark.parametrize("name", ["own-server", "promised", "quorum", "join", "first-start"])
def test_a_rule_that_is_tried_too_late_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = list(rules.RULES)
    at = [rule.name for rule in order].index(name)
    order[at], order[at + 1] = order[at + 1], order[at]
    monkeypatch.setattr(rules, "RULES", tuple(order))
    found = answers()
    assert [scenario for scenario, (_, *expected) in SCENARIOS.items() if found[scenario] != tuple(expected)]
