"""The files of TLS: what a server could not use is an error of one line, and new files are loaded once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.errors import SettingInvalidError
from bootstrap.mariadb import tls
from tests.support.authority import Authority

Break = Callable[[Path], object]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    for name in ("one", "two"):
        made.sign(name, name)
    return made


@pytest.fixture
def folder(authority: Authority, tmp_path: Path) -> Path:
    fill(tmp_path, authority, "one")
    return tmp_path


def fill(folder: Path, authority: Authority, name: str) -> None:
    sources = (authority.certificate(name), authority.key(name), authority.certificate("ca"))
    for target, source in zip(tls.NAMES, sources, strict=True):
        (folder / target).write_bytes(source.read_bytes())


def test_whole_files_are_named(folder: Path) -> None:
    assert tls.read_files(folder) == tls.Tls(f"{folder}/tls.crt", f"{folder}/tls.key", f"{folder}/ca.crt")
    assert ("socket.ssl_key", f"{folder}/tls.key") in tls.read_files(folder).provider_options


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda folder: (folder / "tls.key").unlink(), r"tls\.key cannot be read \(No such file"),
        (lambda folder: (folder / "ca.crt").write_text(""), r"ca\.crt is empty: fill in the Secret"),
        (lambda folder: (folder / "tls.crt").write_text("no"), r"tls\.crt and \S+tls\.key do not fit together"),
        (lambda folder: (folder / "ca.crt").write_text("no"), r"ca\.crt has no certificate in it"),
        (lambda folder: (folder / "ca.crt").write_bytes(b"\xff\0"), r"ca\.crt has no certificate in it"),
    ],
)
def test_what_a_server_could_not_use_is_one_line(folder: Path, change: Break, complaint: str) -> None:
    change(folder)

    with pytest.raises(SettingInvalidError, match=complaint) as refused:
        tls.read_files(folder)
    assert "\n" not in str(refused.value)


def test_a_key_of_another_certificate_is_refused(folder: Path, authority: Authority) -> None:
    (folder / "tls.key").write_bytes(authority.key("two").read_bytes())

    with pytest.raises(SettingInvalidError, match="do not fit together"):
        tls.read_files(folder)


class Course:
    """What happens between one look and the next: a list of steps; afterwards the loop ends."""

    def __init__(self, folder: Path, *steps: Callable[[], object]) -> None:
        self.folder, self._steps = folder, list(steps)
        self.logged: list[str] = []
        self.loads = 0
        self.answer = ""

    def run(self) -> None:
        with pytest.raises(StopIteration):
            tls.keep_loaded(self.folder, self._reload, self.logged.append, self._rest)

    def _reload(self) -> str:
        self.loads += not self.answer
        return self.answer

    def _rest(self, seconds: float) -> None:
        assert seconds == tls.BETWEEN_S
        if not self._steps:
            raise StopIteration
        self._steps.pop(0)()


def nothing() -> None:
    """Time passes."""


def test_new_files_are_loaded_once(folder: Path, authority: Authority) -> None:
    course = Course(folder, nothing, lambda: fill(folder, authority, "two"), nothing, nothing)
    course.run()

    assert course.loads == 2, "once because it is unknown what the server has, once because they are new"
    assert course.logged == [f"the server has loaded the new certificates in {folder}"]


def test_files_that_do_not_fit_are_not_loaded_and_logged_once(folder: Path, authority: Authority) -> None:
    course = Course(
        folder,
        lambda: (folder / "tls.crt").write_bytes(authority.certificate("two").read_bytes()),
        nothing,
        nothing,
        lambda: (folder / "tls.key").write_bytes(authority.key("two").read_bytes()),
    )
    course.run()

    assert course.loads == 2
    assert len(course.logged) == 2
    assert "not loaded" in course.logged[0]
    assert course.logged[1] == f"the server has loaded the new certificates in {folder}"


def test_files_that_are_gone_are_logged_and_the_server_keeps_its_own(folder: Path) -> None:
    course = Course(folder, (folder / "ca.crt").unlink, nothing)
    course.run()

    assert course.loads == 1
    assert course.logged == [f"the new certificates are not loaded: {folder}/ca.crt: No such file or directory"]


def test_a_server_that_is_not_there_yet_is_waited_for_in_silence(folder: Path) -> None:
    course = Course(folder)
    course._steps += [nothing, lambda: setattr(course, "answer", ""), nothing]
    course.answer = "Connection refused"
    course.run()

    assert course.loads == 1
    assert course.logged == []


def test_a_server_that_refuses_is_logged_once_and_asked_again(folder: Path) -> None:
    course = Course(folder)
    course._steps += [nothing, nothing, lambda: setattr(course, "answer", "")]
    course.answer = "Access denied"
    course.run()

    assert course.loads == 1
    assert course.logged == [f"the server does not load the certificates in {folder}: Access denied"]
