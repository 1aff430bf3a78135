"""The room that a join needs."""

import pytest

from bootstrap.core.obstacles.room import LEAST, MARGIN, Room, describe_low_room, find_obstacle

GB = 1 << 30


@pytest.mark.parametrize(
    ("free", "own", "donor"),
    [
        (40 * GB, 0, 30 * GB),
        (MARGIN, 30 * GB, 30 * GB),
        (MARGIN, 31 * GB, 30 * GB),
        (MARGIN, 30 * GB, None),
        (LEAST + MARGIN, 0, None),
        (2 * GB, 29 * GB, 30 * GB),
    ],
)
def test_there_is_room_where_a_copy_fits_in_the_place_of_what_is_here(free: int, own: int, donor: int | None) -> None:
    assert find_obstacle(free, own, donor) is None
    missing = find_obstacle(max(0, MARGIN - 1), own, max(donor or 0, own + 1))
    assert missing


@pytest.mark.parametrize(
    ("free", "own", "donor", "words"),
    [
        (20 * GB, 0, 30 * GB, "data are about 30720 MiB, and the volume has 20480 MiB free beside 0 MiB of this"),
        (0, 30 * GB, 30 * GB, "at least 32 MiB more"),
        (0, 30 * GB, None, "a copy may take 30720 MiB"),
        (0, 0, None, "at least 96 MiB more"),
        (MARGIN - 1, 30 * GB, 30 * GB, "at least 1 MiB more"),
    ],
)
def test_no_join_begins_without_room_and_the_numbers_are_there(
    free: int, own: int, donor: int | None, words: str
) -> None:
    obstacle = find_obstacle(free, own, donor)
    assert obstacle
    assert words in obstacle.why


MB = 1 << 20


@pytest.mark.parametrize(
    ("room", "text"),
    [
        (None, ""),
        (Room(1000 * MB, 100 * MB), ""),
        (Room(1000 * MB, 100 * MB - 1), "99 of 1000 MiB are free"),
        (Room(100 * MB, 0), "0 of 100 MiB are free"),
        (Room(0, 0), ""),
    ],
)
def test_a_volume_is_nearly_full_below_the_limit_of_the_alert(room: Room | None, text: str) -> None:
    assert describe_low_room(room) == text
