"""Questions about a pod whose record says too little: what is not known is no answer."""

from dataclasses import replace

from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.predicates import epoch_of, pods_with_replaced_volume
from tests.support.bootstrap.records import B, blank, frozen, seen_by

OLD = ((1, "volume-1"),)


def test_a_volume_is_replaced_if_any_pod_remembers_another_one() -> None:
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), frozen(1), 2))
    assert pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), blank(1, volume_id="new"), 2)) == {1}
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), 1, 2))


def test_a_volume_whose_journal_cannot_be_read_is_not_a_replaced_one() -> None:
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), blank(1, DataClass.UNKNOWN, volume_id=""), 2))


def test_a_joiner_s_data_are_of_the_epoch_of_what_they_have_reached() -> None:
    joiner = frozen(1, 10, joining=True, epoch=2)
    assert epoch_of(joiner, [joiner, frozen(0, 10, epoch=4)]) == 4
    assert epoch_of(joiner, [joiner, frozen(0, 11, epoch=4)]) == 2
    assert epoch_of(joiner, [joiner, frozen(0, 10, epoch=4, uuid=B)]) == 2
    assert epoch_of(joiner, [joiner, blank(0, epoch=4)]) == 2
    assert epoch_of(replace(joiner, joining=False), [joiner, frozen(0, 10, epoch=4)]) == 2
