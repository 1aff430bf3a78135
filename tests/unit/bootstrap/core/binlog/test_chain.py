"""Pieces make one chain: a gap is seen, and overlaps, repetitions and other histories change nothing."""

import random

from bootstrap.core.binlog.chain import Chain, Piece, build, find_contained, find_end, find_old
from bootstrap.core.binlog.events import Gtid

A, B = "aaaaaaaa-0000-11f1-b412-43c8a739f785", "bbbbbbbb-0000-11f1-b412-43c8a739f785"


def gtid(seqno: int, domain: int = 7) -> Gtid:
    return Gtid(domain, 100, seqno)


def piece(after: int, last: int, *, until: str = "", history: str = A, name: str = "", domain: int = 7) -> Piece:
    name = name or f"{after:04}-{last:04}-{until}-{history[:1]}{domain}"
    return Piece(name, "db/mysql", name, history, gtid(after, domain), gtid(last, domain), until or f"t{last:04}")


def test_pieces_that_follow_each_other_are_one_chain_in_any_order() -> None:
    every = [piece(0, 10), piece(10, 20), piece(20, 35)]
    for _ in range(6):
        random.shuffle(every)
        found = build(every, A, gtid(12))
        assert found == Chain((piece(10, 20), piece(20, 35)), gtid(35), "t0035", None)


def test_of_pieces_that_overlap_the_longest_counts() -> None:
    short, long, inside = piece(0, 10), piece(0, 25), piece(8, 20)

    assert build([short, long, inside, piece(18, 30)], A, gtid(5)).pieces == (long, piece(18, 30))
    assert build([piece(0, 25, name="a"), piece(0, 20, name="b")], A, gtid(5)).pieces == (piece(0, 25, name="a"),)


def test_a_gap_ends_the_chain_and_is_named() -> None:
    found = build([piece(0, 10), piece(11, 20), piece(30, 40)], A, gtid(0))

    assert found == Chain((piece(0, 10),), gtid(10), "t0010", (gtid(10), gtid(11)))


def test_a_gap_leads_to_the_next_number_whichever_server_made_it() -> None:
    next_, later = (piece(at, at + 5)._replace(after=Gtid(7, server, at)) for at, server in ((11, 200), (30, 100)))

    assert build([piece(0, 10), later, next_], A, gtid(0)).gap == (gtid(10), Gtid(7, 200, 11))


def test_a_chain_without_any_piece_has_a_gap_only_if_there_are_later_pieces() -> None:
    assert build([], A, gtid(5)) == Chain((), gtid(5), "", None)
    assert build([piece(6, 9)], A, gtid(5)) == Chain((), gtid(5), "", (gtid(5), gtid(6)))


def test_pieces_of_another_history_or_domain_are_never_mixed_in() -> None:
    every = [piece(0, 10), piece(5, 90, history=B), piece(5, 90, domain=9)]

    assert build(every, A, gtid(0)) == Chain((piece(0, 10),), gtid(10), "t0010", None)
    assert build(every, B, gtid(7)).last == gtid(90)


def test_a_piece_that_brings_nothing_shows_until_when_there_was_nothing() -> None:
    idle = piece(10, 10, until="t0500")

    assert build([piece(0, 10), idle], A, gtid(3)) == Chain((piece(0, 10),), gtid(10), "t0500", None)
    assert build([idle], A, gtid(10)) == Chain((), gtid(10), "t0500", None)


def test_a_shorter_piece_that_is_seen_later_shows_no_more_than_its_own_end() -> None:
    """The clock of one program is ahead: what it says counts for what it has, which is all in the chain."""
    every = [piece(0, 10), piece(0, 4, until="t0005"), piece(12, 20, until="t9999")]

    assert build(every, A, gtid(0)).until == "t0010"


def test_two_programs_that_cut_at_random_leave_no_gap_and_nothing_twice() -> None:
    source = random.Random(7)
    for _ in range(200):
        every = []
        for _ in range(2):
            at = 0
            while at < 100:
                end = min(100, at + source.randint(1, 30))
                every.append(piece(at, end))
                at = end
        source.shuffle(every)
        found = build(every, A, gtid(0))
        assert (found.last, found.gap) == (gtid(100), None)
        at = 0
        for one in found.pieces:
            assert one.after.seqno <= at < one.last.seqno
            at = one.last.seqno


def test_the_end_of_a_history_is_its_highest() -> None:
    every = [piece(0, 10), piece(20, 30), piece(0, 90, history=B)]

    assert find_end(every, A, 7) == gtid(30)
    assert find_end([*every, piece(0, 25)._replace(last=Gtid(7, 200, 25))], A, 7) == gtid(30)
    assert find_end(every, A, 8) is None
    assert find_end(every, "c", 7) is None


def test_what_another_piece_contains_is_found_and_of_two_equal_ones_one_stays() -> None:
    large, inside, twin = piece(0, 20), piece(5, 15), piece(0, 20, name="twin")
    later = piece(0, 20, until="t0099", name="later")

    assert set(find_contained([inside, large])) == {inside}
    assert find_contained([large, piece(5, 20)]) == (piece(5, 20),)
    assert len(find_contained([large, twin])) == 1
    assert set(find_contained([large, later])) == {large}
    assert find_contained([large, piece(15, 25), piece(0, 20, history=B), piece(0, 20, domain=9)]) == ()
    assert find_contained([piece(0, 30), piece(10, 12, until="t9999")]) == ()
    # The longer one lacks the first transactions, or the last ones.
    assert find_contained([piece(10, 30), piece(5, 15)]) == ()
    assert find_contained([later, piece(15, 25)]) == ()
    assert find_contained([large, piece(0, 4)._replace(cluster="db/other")]) == ()


def test_pieces_before_the_oldest_backup_are_old_and_those_of_a_history_without_one_too() -> None:
    every = [piece(0, 10), piece(10, 20), piece(20, 30), piece(0, 50, history=B)]
    starts = [(A, gtid(25)), (A, gtid(20)), (A, gtid(3, domain=8))]

    assert find_old(every, starts, newest=A) == (piece(0, 10), piece(0, 50, history=B))
    assert find_old(every, starts, newest=B) == (piece(0, 10),)
    assert find_old(every, [], newest=A) == (piece(0, 50, history=B),)
