"""The room that a join needs, and the folders and the form of the server's files."""

import pytest

from bootstrap.core.galera.file_options import find_needed, find_shape
from bootstrap.core.galera.room import LEAST, MARGIN, find_obstacle

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


def test_the_folders_that_a_server_needs() -> None:
    arguments = (
        "--log_bin=/logs/a/bin",
        "--pid-file=/run/x.pid",
        "--log-bin-index=sub/i",
        "--tmpdir=/a:/b",
        "--log_bin=b",
    )
    folders = [folder for _, folder in find_needed((*arguments, "--general_log_file=/x/y"), "/data")]
    assert folders == ["/logs/a", "/run", "/data/sub", "/a", "/b"]


@pytest.mark.parametrize(
    ("argument", "folders"),
    [
        ("--secure_file_priv=", []),
        ("--tmpdir=/tmp:/var/tmp:", ["/tmp", "/var/tmp"]),
        ("--pid-file=/mariadbd.pid", ["/"]),
        ("--pid-file=mariadbd.pid", []),
        # The server has no quotes of an option file in what it prints: one that is left is in the name.
        ("--tmpdir='/tmp'", ["/data/'/tmp'"]),
    ],
    ids=["no folder", "an empty one among others", "the root folder", "the datadir itself", "a quote"],
)
def test_the_folders_in_one_value(argument: str, folders: list[str]) -> None:
    assert find_needed((argument,), "/data") == [(argument, folder) for folder in folders]


def test_the_options_that_a_first_database_must_be_made_with() -> None:
    shape = ("--innodb_page_size=32k", "--innodb-data-file-path=ibdata1:100M", "--innodb_log_file_size=8M")
    assert find_shape(("--max-connections=1", *shape, "--innodb_log_buffer_size=1M")) == shape
