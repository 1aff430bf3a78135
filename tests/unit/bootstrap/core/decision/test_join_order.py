"""How several joiners avoid each other."""

import pytest

from bootstrap.core.decision.join_order import donor_bytes, donors, turn
from bootstrap.core.model.facts import Phase
from tests.support.bootstrap.records import blank, busy, frozen, running, seen_by


def test_lower_ordinals_that_are_to_join_or_join_go_first() -> None:
    assert turn(seen_by(frozen(2), frozen(1), running(0))) == 1
    assert turn(seen_by(frozen(2), busy(1, Phase.JOINING), frozen(0))) == 2
    assert turn(seen_by(blank(1), frozen(2), running(0))) == 0


@pytest.mark.parametrize("other", [1, busy(1, Phase.RECOVERING), busy(1, Phase.BOOTSTRAPPING), running(1)])
def test_nobody_lets_a_pod_go_first_that_is_not_to_join(other: object) -> None:
    assert turn(seen_by(frozen(2), other, running(0))) == 0  # type: ignore[arg-type]  # one of two kinds


def test_the_data_are_asked_of_who_did_not_join_at_the_same_time() -> None:
    assert donors(seen_by(frozen(2), busy(1, Phase.JOINING), running(0))) == ("galera-0",)
    assert donors(seen_by(frozen(2), running(1, joining=True), running(0))) == ("galera-0",)
    assert donors(seen_by(frozen(2), running(1, state="Joined"), running(0))) == ("galera-0",)


def test_where_nobody_else_joins_every_member_is_as_good_as_any() -> None:
    """Or the member of the lowest ordinal, where clients write, would be everybody's donor."""
    assert donors(seen_by(frozen(2), running(1), running(0))) == ()
    assert donors(seen_by(frozen(2), 1, running(0))) == ()
    assert donors(seen_by(frozen(1), running(0), frozen(2))) == ()
    assert donors(seen_by(frozen(2), running(1, status="non-Primary"), running(0))) == ()


def test_a_copy_may_be_as_large_as_the_largest_member() -> None:
    small, large = running(0, data_bytes=5), running(1, data_bytes=9)
    assert donor_bytes(seen_by(frozen(2), small, large)) == 9
    assert donor_bytes(seen_by(frozen(2), small, running(1))) == 5
    assert donor_bytes(seen_by(frozen(2), small, frozen(1, data_bytes=99))) == 5
    assert donor_bytes(seen_by(frozen(2), running(0), running(1))) is None
