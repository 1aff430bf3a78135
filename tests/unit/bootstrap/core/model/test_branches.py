"""Two branches of one history: after which commit two copies differ, and what is kept of the bootstraps."""

import pytest

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.branches import KEPT, Copy, add_bootstrap, find_parting, part_after
from bootstrap.core.model.codec import encode
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import BootstrapPoint, Bootstraps, Promise
from bootstrap.core.model.messages import Prepare
from bootstrap.core.model.shapes import INT64_MAX, MAX_ORDINAL
from bootstrap.network.protocol import MAX_BODY
from bootstrap.storage.journal import Journal
from tests.support.bootstrap.records import A, B, frozen


def points(*seqnos: int, run: str = "run", uuid: str = A) -> Bootstraps:
    return tuple(BootstrapPoint(uuid, seqno, epoch, run) for epoch, seqno in enumerate(seqnos, 2))


MANY: Bootstraps = ()
for number in range(KEPT + 10):
    MANY = add_bootstrap(MANY, BootstrapPoint(A, 10 * number, number, "run"))


@pytest.mark.parametrize(
    ("one", "other", "common", "parted"),
    [
        ((), (), 9, None),
        ((), points(5), 9, 5),
        ((), points(5), 5, None),
        (points(5), points(5), 9, None),
        (points(5), points(5, run="other"), 9, 5),
        (points(5, 7), points(5), 9, 7),
        (points(5, 7), points(5, 8), 9, 7),
        (points(5, 7), points(5, 8), 7, None),
        (points(5, 9), points(5, 11), 9, None),
        (points(5, uuid=B), (), 9, None),
    ],
)
def test_two_copies_part_at_the_first_bootstrap_that_only_one_has_and_both_have_passed(
    one: Bootstraps, other: Bootstraps, common: int, parted: int | None
) -> None:
    assert part_after(one, other, A, common) == parted
    assert part_after(other, one, A, common) == parted


def test_of_many_copies_the_longest_is_compared_with_all_others() -> None:
    longest, behind = Copy(Position(A, 20), points(5, 15)), Copy(Position(A, 9), points(5))
    other_history, stranger = Copy(Position(B, 99), points(1)), Copy(Position(A, 8), points(5, 7))
    assert find_parting([], A) is None
    assert find_parting([behind, longest, other_history], A) is None
    assert find_parting([behind, stranger, longest], A) == 7
    assert find_parting([Copy(Position(A, 9)), longest], A) == 5


def test_copies_part_where_the_first_two_of_them_do() -> None:
    longest = Copy(Position(A, 20), points(5, 15))
    strangers = [Copy(Position(A, 9), points(5, 7)), Copy(Position(A, 9), points(5, 6))]
    assert find_parting([*strangers, longest], A) == 6
    assert find_parting([*reversed(strangers), longest], A) == 6


def test_a_full_record_has_dropped_only_what_is_older_than_all_of_it() -> None:
    full, first = Copy(Position(A, 999), MANY), MANY[0].epoch
    older, equal = (BootstrapPoint(A, 150, epoch, "other") for epoch in (first - 1, first))
    assert find_parting([Copy(Position(A, 160), (*MANY[:6], older)), full], A) is None
    assert find_parting([Copy(Position(A, 160), (*MANY[:6], equal)), full], A) == 150


def test_one_more_bootstrap_is_the_last_one() -> None:
    (extra,) = points(5, run="extra")
    assert add_bootstrap(MANY, extra) == (*MANY[1:], extra)
    assert add_bootstrap((), extra) == (extra,)


def test_only_the_newest_bootstraps_are_kept() -> None:
    assert len(MANY) == KEPT
    assert [MANY[0].epoch, MANY[-1].epoch] == [10, KEPT + 9]


def test_what_a_long_record_has_dropped_is_no_proof_of_another_branch_and_none_of_the_same() -> None:
    """A pod that has stayed away for so long does not stop the others, and does not join by itself."""
    away = (BootstrapPoint(A, 0, 0, "run"), BootstrapPoint(A, 10, 1, "run"))
    assert find_parting([Copy(Position(A, 15), away), Copy(Position(A, 999), MANY)], A) is None
    assert part_after(away, MANY, A, 15) == 0
    # A record that is not full has dropped nothing, and what is newer than all that was dropped was never there.
    assert find_parting([Copy(Position(A, 15), away), Copy(Position(A, 999), MANY[1:])], A) == 0
    assert find_parting([Copy(Position(A, 150), away), Copy(Position(A, 999), MANY)], A) == 100


def test_a_full_record_leaves_room_in_a_message_and_in_the_journal(tmp_path_factory: pytest.TempPathFactory) -> None:
    largest = tuple(BootstrapPoint(A, INT64_MAX, INT64_MAX, f"{number:080d}") for number in range(KEPT))
    volumes = tuple((ordinal, "v" * 16) for ordinal in range(MAX_ORDINAL + 1))
    pod = frozen(0, 7, bootstraps=largest, volumes=volumes, expected=frozenset(range(MAX_ORDINAL + 1)))
    request = Prepare(Promise(1, 2, "b"), pod, "boot", Disk(DataClass.EMPTY))
    assert len(encode(largest)) < MAX_BODY // 10
    assert len(encode(request)) < MAX_BODY // 2

    journal = Journal(tmp_path_factory.mktemp("meta"))
    state = journal.write(PersistentState("c", "galera-0", "v", bootstraps=largest))
    assert journal.read() == state
