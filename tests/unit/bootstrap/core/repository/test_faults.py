"""What restic 0.14 and 0.18 really wrote, and what each means."""

import pytest

from bootstrap.core.repository import faults
from bootstrap.core.repository.faults import Fault

ABSENT_14 = """\
Fatal: unable to open config file: Stat: The specified key does not exist.
Is there a repository at the following location?
s3:http://127.0.0.1:9123/backups/galera"""

UNKNOWN_KEY_14 = """\
Fatal: unable to open config file: Stat: The AWS Access Key Id you provided does not exist.
Is there a repository at the following location?
s3:http://127.0.0.1:9123/backups/galera"""

LOCKED_14 = """\
unable to create lock in backend: repository is already locked by PID 8894 on vm by root (UID 0, GID 0)
lock was created at 2026-11-30 13:47:59 (27.239765554s ago)
storage ID e68924d6
the `unlock` command can be used to remove stale locks"""

FULL = "client.PutObject: The quota of this bucket is exceeded."

CUT = (
    "Save(<data/7d44bd9a09>) returned error, retrying after 1.33517595s: client.PutObject: "
    'Put "http://127.0.0.1:40627/b": '
    "write tcp 127.0.0.1:46346->127.0.0.1:40627: use of closed network connection"
)

UNKNOWN_KEY_18 = (
    "Stat(<config/>) returned error, retrying after 797.474435ms: Stat: "
    "The AWS Access Key Id you provided does not exist."
)


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (3, "", Fault.PARTLY),
        (10, "", Fault.ABSENT),
        (11, "", Fault.LOCKED),
        (12, "", Fault.REFUSED),
        (1, ABSENT_14, Fault.ABSENT),
        (1, "Fatal: unable to open config file: stat /srv/config: no such file or directory", Fault.ABSENT),
        (1, UNKNOWN_KEY_14, Fault.REFUSED),
        (1, "Fatal: unable to open config file: Stat: Access Denied.", Fault.REFUSED),
        (1, "Fatal: wrong password or no key found", Fault.REFUSED),
        (1, LOCKED_14, Fault.LOCKED),
        (1, FULL, Fault.FULL),
        (1, CUT, Fault.UNREACHABLE),
        (1, "no answer, timeout after 90 s", Fault.UNREACHABLE),
        (1, "Fatal: parsing repository location failed: invalid backend", Fault.OTHER),
        (1, "", Fault.OTHER),
        (-15, "", Fault.OTHER),
    ],
)
def test_the_cause_is_found_with_and_without_a_status_of_its_own(status: int, text: str, fault: Fault) -> None:
    assert faults.classify(status, text) is fault


def test_a_quota_that_is_refused_like_a_key_is_a_full_storage() -> None:
    assert faults.classify(1, "403 Forbidden: QuotaExceeded") is Fault.FULL


@pytest.mark.parametrize(
    ("line", "lasting"),
    [
        (UNKNOWN_KEY_18, True),
        (f"Save(<data/7d44bd9a09>) returned error, retrying after 5.0s: {FULL}", True),
        (CUT, False),
        ("Save(<data/quota>) returned error, retrying after 5.0s: connection refused", False),
        (FULL, False),
    ],
)
def test_only_another_attempt_at_what_cannot_succeed_is_in_vain(line: str, *, lasting: bool) -> None:
    assert faults.is_lasting(line) is lasting


def test_the_cause_is_shown_in_one_line_without_passwords() -> None:
    lines = ["Fatal: old", "noise", "Fatal: unable to open rest:https://me:secret@host/x", "  cause"]

    assert faults.format_cause(lines) == "Fatal: unable to open rest:https://host/x cause"
    assert faults.format_cause(["one", "two"]) == "two"
    assert faults.format_cause(LOCKED_14.splitlines()).startswith("unable to create lock in backend: ")
    assert faults.format_cause(["", " "]) == "it wrote nothing"
    assert len(faults.format_cause(["x" * 1000])) == 300


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}', "Fatal: wrong password"),
        ('{"error":"it fails"}', "it fails"),
        ('{"code":1}', '{"code":1}'),
        ("{broken", "{broken"),
        ("plain", "plain"),
        ("1", "1"),
    ],
)
def test_the_last_error_may_be_an_object(line: str, text: str) -> None:
    assert faults.read_message(line) == text
