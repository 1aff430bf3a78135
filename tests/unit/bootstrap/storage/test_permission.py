"""The one-shot permission: bound to a term and to lives, and gone after one look."""

from pathlib import Path

import pytest

from bootstrap.core.model.codec import encode
from bootstrap.errors import SettingInvalidError
from bootstrap.process import boot_id
from bootstrap.storage import permission


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "permission.json"


def test_it_is_consumed_once(path: Path) -> None:
    permission.write(path, 4)
    permission.consume(path, 4)
    assert not path.exists()
    with pytest.raises(SettingInvalidError, match="cannot be consumed"):
        permission.consume(path, 4)


def test_it_is_private(path: Path) -> None:
    permission.write(path, 4)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("term", [3, 5, 0])
def test_of_another_term_it_is_used_up_and_starts_nothing(term: int, path: Path) -> None:
    permission.write(path, 4)
    with pytest.raises(SettingInvalidError, match="not the one that was granted: nothing is started"):
        permission.consume(path, term)
    assert not path.exists()


def test_of_another_boot_of_the_machine_it_starts_nothing(path: Path) -> None:
    path.write_bytes(encode({"term": 4, "kernel_boot_id": "before-the-reboot"}))
    with pytest.raises(SettingInvalidError, match="not the one that was granted"):
        permission.consume(path, 4)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_one_starts_nothing(raw: bytes, path: Path) -> None:
    path.write_bytes(raw)
    with pytest.raises(SettingInvalidError, match="nothing is started"):
        permission.consume(path, 4)
    assert not path.exists()


def test_voided_it_starts_nothing(path: Path) -> None:
    permission.void(path)
    permission.write(path, 4)
    permission.void(path)
    with pytest.raises(SettingInvalidError):
        permission.consume(path, 4)


def test_the_life_of_the_machine_has_a_name() -> None:
    assert boot_id.kernel_boot_id() == boot_id.kernel_boot_id() != ""


def test_a_boot_of_the_machine_that_is_unknown_is_not_the_same_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state transfer that was not durable before a power cut must not count because the power cut is unknown."""
    known = boot_id.kernel_boot_id()
    assert boot_id.is_same_boot(known)
    assert not boot_id.is_same_boot("another")
    monkeypatch.setattr(boot_id, "BOOT_ID", Path("/nowhere/boot_id"))
    unknown = boot_id.kernel_boot_id()
    assert unknown
    assert not boot_id.is_same_boot(unknown)
