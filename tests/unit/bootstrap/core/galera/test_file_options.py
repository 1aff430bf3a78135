"""The folders and the form of the server's files."""

import pytest

from bootstrap.core.galera.file_options import find_needed, find_shape


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
