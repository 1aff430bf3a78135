"""What a journal knows of a datadir that the files in it do not show."""

import pytest

from bootstrap.core.model.disk import JournalHints


@pytest.mark.parametrize(
    ("hints", "is_from_elsewhere"),
    [
        (JournalHints(), True),
        (JournalHints(initialised=True), False),
        (JournalHints(was_synced=True), False),
        (JournalHints(joining=True), False),
    ],
)
def test_data_are_from_elsewhere_until_the_journal_knows_a_server_of_ours(
    hints: JournalHints, *, is_from_elsewhere: bool
) -> None:
    assert hints.is_from_elsewhere is is_from_elsewhere
