"""The class of a datadir by its files, its grastate.dat and the recovered position, one row for each case."""

import pytest

from bootstrap.core.galera.classify import (
    classify_with_position,
    classify_without_database,
    classify_without_position,
    find_transfer_sign,
    is_nil,
)
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk, Position
from tests.support.bootstrap.records import A, B

NIL = f"# GALERA saved state\nversion: 2.1\nuuid:    {NIL_UUID}\nseqno:   -1\nsafe_to_bootstrap: 0\n".encode()
OF_A = NIL.replace(NIL_UUID.encode(), A.encode())
DATABASE = frozenset({"ibdata1", "mysql"})
BLANK = "grastate.dat is empty, as an interrupted state transfer leaves it"


@pytest.mark.parametrize(
    ("names", "raw", "is_fresh", "sign"),
    [
        ({"sst_in_progress"}, OF_A, False, "sst_in_progress is left over from a state transfer"),
        ({".sst"}, None, False, ".sst is left over from a state transfer"),
        (DATABASE, b"", False, BLANK),
        ({"ibdata1"}, b"", True, BLANK),
        ({"mysql"}, b"", True, BLANK),
        (DATABASE, b"", True, ""),
        ({*DATABASE, "aria_log_control"}, b"", True, ""),
        (DATABASE, OF_A, False, ""),
        (DATABASE, None, False, ""),
    ],
    ids=[
        "rsync's mark",
        "mariabackup's mark",
        "a blank file",
        "a blank file without tables",
        "a blank file without InnoDB",
        "a blank file in a fresh database",
        "the same, with more in it",
        "a history",
        "no file",
    ],
)
def test_a_transfer_was_interrupted(names: set[str], raw: bytes | None, sign: str, *, is_fresh: bool) -> None:
    assert find_transfer_sign(frozenset(names), raw, is_fresh=is_fresh) == sign


LOST = "and there is no database: restore it"


@pytest.mark.parametrize(
    ("names", "raw", "disk"),
    [
        ((), None, Disk(DataClass.EMPTY, detail="no ibdata1 and no mysql/")),
        (("my.cnf", "lost+found"), None, Disk(DataClass.EMPTY, detail="no ibdata1 and no mysql/")),
        ((), OF_A, Disk(DataClass.UNKNOWN, detail=f"grastate.dat names a history, {LOST}")),
        (("ib_logfile0",), OF_A, Disk(DataClass.UNKNOWN, detail=f"grastate.dat names a history, {LOST}")),
        (("undo002", "aria_log.1"), None, Disk(DataClass.UNKNOWN, detail=f"there is aria_log.1, {LOST}")),
        (("undo002",), None, Disk(DataClass.UNKNOWN, detail=f"there is undo002, {LOST}")),
        (("ib_logfile0",), None, Disk(DataClass.UNKNOWN, detail=f"there is ib_logfile0, {LOST}")),
        ((), NIL, Disk(DataClass.SST_INTERRUPTED, detail="grastate.dat has the nil uuid, and there is no database")),
        ((), b"", Disk(DataClass.SST_INTERRUPTED, detail="grastate.dat has the nil uuid, and there is no database")),
    ],
    ids=[
        "nothing",
        "files of others",
        "grastate.dat alone",
        "grastate.dat and a log",
        "logs",
        "an undo tablespace",
        "a redo log",
        "the nil uuid",
        "a blank grastate.dat",
    ],
)
def test_there_is_no_database(names: tuple[str, ...], raw: bytes | None, disk: Disk) -> None:
    assert classify_without_database(frozenset(names), raw) == disk


FOUND = Position(A, 7)


def state(uuid: str = A, seqno: int = 7, *, safe: bool = False) -> GraState:
    return GraState(uuid, seqno, safe_to_bootstrap=safe)


@pytest.mark.parametrize(
    ("state_", "has_view", "disk"),
    [
        (
            state(NIL_UUID, -1),
            True,
            Disk(DataClass.DDL_CRASH, FOUND, detail="grastate.dat has the nil uuid, InnoDB has a position"),
        ),
        (
            state(B),
            False,
            Disk(DataClass.UUID_MISMATCH, FOUND, detail=f"grastate.dat names {B}, InnoDB {A}; keep one by hand"),
        ),
        (state(), False, Disk(DataClass.CLEAN, FOUND, detail="grastate.dat and InnoDB agree")),
        (
            state(safe=True),
            False,
            Disk(DataClass.CLEAN, FOUND, safe_to_bootstrap=True, detail="grastate.dat and InnoDB agree"),
        ),
        (
            state(safe=True),
            True,
            Disk(DataClass.CRASHED, FOUND, detail="gvwstate.dat is there, which a clean stop removes"),
        ),
        (state(seqno=-1), True, Disk(DataClass.CRASHED, FOUND, detail="grastate.dat has no seqno, InnoDB 7")),
        (state(seqno=9, safe=True), False, Disk(DataClass.CRASHED, FOUND, detail="grastate.dat has seqno 9, InnoDB 7")),
    ],
    ids=["a DDL", "two histories", "stopped", "stopped last", "killed in a backup", "killed", "InnoDB is right"],
)
def test_innodb_has_a_position(state_: GraState, disk: Disk, *, has_view: bool) -> None:
    assert classify_with_position(state_, FOUND, has_view=has_view) == disk


NEVER = "a database that was never in a cluster"


@pytest.mark.parametrize(
    ("state_", "initialised", "disk"),
    [
        (state(), True, Disk(DataClass.UNADOPTED, detail=f"grastate.dat has {A}:7, and InnoDB has no position")),
        (state(seqno=-1), True, Disk(DataClass.INITIALIZED, detail="created here, and no cluster has written to it")),
        (None, True, Disk(DataClass.INITIALIZED, detail="created here, and no cluster has written to it")),
        (state(seqno=-1), False, Disk(DataClass.UNADOPTED, detail=NEVER)),
        (None, False, Disk(DataClass.UNADOPTED, detail=NEVER)),
    ],
    ids=["grastate.dat has one", "created here", "created here, without a file", "from elsewhere", "without a file"],
)
def test_innodb_has_no_position(state_: GraState | None, disk: Disk, *, initialised: bool) -> None:
    assert classify_without_position(state_, initialised=initialised, was_member=False) == disk


@pytest.mark.parametrize("initialised", [True, False], ids=["created here", "from another member"])
def test_a_member_without_a_position_is_a_contradiction_and_no_new_database(*, initialised: bool) -> None:
    """Some options of the server make the recovery end with status 0 and no position."""
    disk = classify_without_position(state(seqno=-1), initialised=initialised, was_member=True)
    assert disk.data_class is DataClass.UNKNOWN
    assert "was a member of a cluster" in disk.detail


@pytest.mark.parametrize(
    ("raw", "answer"),
    [(b"", True), (NIL, True), (OF_A, False), (b"uuid: torn", False)],
    ids=["blank", "the nil uuid", "a history", "unreadable"],
)
def test_grastate_names_no_history(raw: bytes, *, answer: bool) -> None:
    assert is_nil(raw) is answer
