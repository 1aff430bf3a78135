"""The pod's copy of the tools, made of a small stand-in for the self-contained program."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bootstrap.errors import InstallFailedError
from bootstrap.operations.install import COMMANDS, compute_digest, install, prepare_config, read_shipped


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return make_tools(tmp_path / "tools", "1")


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "work-dir"
    folder.mkdir()
    return folder


def make_tools(folder: Path, says: str) -> Path:
    """A program that tells what it is, a library beside it, and a link for each command."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "library.zip").write_bytes(b"library of " + says.encode())
    (folder / "galera-tools").write_text(f"#!/bin/sh\necho {says}\n")
    (folder / "galera-tools").chmod(0o755)
    for command in COMMANDS:
        (folder / command).symlink_to("galera-tools")
    return folder


def says(work_dir: Path, command: str = "galera-bootstrap") -> str:
    return subprocess.run([work_dir / command], capture_output=True, text=True, check=True).stdout.strip()


def releases(work_dir: Path) -> set[str]:
    return {path.name for path in (work_dir / "galera-tools").iterdir()}


def test_both_commands_and_the_old_name_of_the_hook_are_there(tools: Path, work_dir: Path) -> None:
    release = install(tools, work_dir, "1.0", print)

    assert release.name.startswith("1.0-")
    assert [says(work_dir, command) for command in COMMANDS] == ["1"] * len(COMMANDS)
    assert os.access(work_dir / "on-start.sh", os.X_OK)
    assert {path.name for path in work_dir.iterdir()} == {*COMMANDS, "on-start.sh", "galera-tools"}


def test_links_are_relative_so_that_the_volume_may_be_mounted_elsewhere(tools: Path, work_dir: Path) -> None:
    install(tools, work_dir, "1.0", print)
    moved = work_dir.rename(work_dir.with_name("elsewhere"))

    assert says(moved) == "1"


def test_the_same_release_is_not_copied_again(tools: Path, work_dir: Path) -> None:
    release = install(tools, work_dir, "1.0", print)
    before = (release / "galera-tools").stat()

    assert install(tools, work_dir, "1.0", print) == release
    assert (release / "galera-tools").stat().st_ino == before.st_ino


@pytest.mark.parametrize("harm", ["truncated", "hollow", "gone", "not executable", "a file more"])
def test_a_damaged_release_is_replaced(tools: Path, work_dir: Path, harm: str) -> None:
    release = install(tools, work_dir, "1.0", print)
    match harm:
        case "truncated":
            (release / "lib" / "library.zip").write_bytes(b"")
        case "hollow":
            # What a power cut leaves of a file that was not synced.
            whole = release / "lib" / "library.zip"
            whole.write_bytes(bytes(whole.stat().st_size))
        case "gone":
            (release / "lib" / "library.zip").unlink()
        case "not executable":
            (release / "galera-tools").chmod(0o644)
        case _:
            (release / "lib" / "evil.so").touch()

    install(tools, work_dir, "1.0", print)

    assert compute_digest(release) == compute_digest(tools)
    assert releases(work_dir) == {release.name}


def test_a_new_release_is_current_and_the_one_before_stays_for_programs_that_run(
    tools: Path, work_dir: Path, tmp_path: Path
) -> None:
    first = install(tools, work_dir, "1.0", print)
    second = install(make_tools(tmp_path / "second", "2"), work_dir, "2.0", print)
    assert says(work_dir) == "2"
    assert releases(work_dir) == {first.name, second.name}

    third = install(make_tools(tmp_path / "third", "3"), work_dir, "3.0", print)
    assert releases(work_dir) == {second.name, third.name}


def test_the_way_back_is_the_same(tools: Path, work_dir: Path, tmp_path: Path) -> None:
    install(make_tools(tmp_path / "second", "2"), work_dir, "2.0", print)
    install(tools, work_dir, "1.0", print)

    assert says(work_dir) == "1"


def test_a_program_that_runs_is_not_written_to(work_dir: Path, tools: Path) -> None:
    """Where the 2017 image's binary lies as a plain file and runs: "text file busy"."""
    old = work_dir / "peer-finder"
    old.write_bytes(Path("/bin/sleep").read_bytes())
    old.chmod(0o755)
    running = subprocess.Popen([old, "60"])
    try:
        install(tools, work_dir, "1.0", print)
        assert running.poll() is None
        assert says(work_dir, "peer-finder") == "1"
    finally:
        running.kill()
        running.wait()


def test_what_an_interrupted_install_has_left_is_removed(tools: Path, work_dir: Path) -> None:
    (work_dir / "galera-tools" / ".staging-old" / "half").mkdir(parents=True)
    (work_dir / ".staging-old").mkdir()

    release = install(tools, work_dir, "1.0", print)

    assert releases(work_dir) == {release.name}
    assert not (work_dir / ".staging-old").exists()


def test_two_installs_at_once_both_succeed(work_dir: Path, tmp_path: Path) -> None:
    others = [make_tools(tmp_path / f"tools-{number}", str(number)) for number in range(6)]
    failed: list[Exception] = []

    def run(folder: Path, version: str) -> None:
        try:
            install(folder, work_dir, version, print)
        except Exception as exc:  # noqa: BLE001  # whatever it is, the test shows it
            failed.append(exc)

    threads = [threading.Thread(target=run, args=(folder, str(n))) for n, folder in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert says(work_dir) in set("012345")
    assert not [name for name in releases(work_dir) if name.startswith(".")]


@pytest.mark.parametrize("script", ["#!/bin/sh\necho broken >&2\nexit 1\n", "#!/no/such/interpreter\n", "\x7fELF\x02"])
def test_tools_that_do_not_run_here_leave_the_old_ones_in_place(
    tools: Path, work_dir: Path, tmp_path: Path, script: str
) -> None:
    install(tools, work_dir, "1.0", print)
    broken = make_tools(tmp_path / "broken", "2")
    (broken / "galera-tools").write_text(script)

    with pytest.raises(InstallFailedError, match=r"do not run|cannot be executed"):
        install(broken, work_dir, "2.0", print)

    assert says(work_dir) == "1"
    assert len(releases(work_dir)) == 1


def test_a_folder_in_a_command_s_place_is_one_clear_line(tools: Path, work_dir: Path) -> None:
    (work_dir / "peer-finder").mkdir()

    with pytest.raises(InstallFailedError, match="peer-finder") as raised:
        install(tools, work_dir, "1.0", print)

    assert "\n" not in str(raised.value)


def test_a_release_that_cannot_be_read_is_replaced(
    tools: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector: the disk's error is made here, because no file system of a test has one."""
    release = install(tools, work_dir, "1.0", print)
    bad = (release / "lib" / "library.zip").stat().st_ino
    read = Path.read_bytes

    def reading(path: Path) -> bytes:
        if path.stat().st_ino == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", reading)

    assert compute_digest(install(tools, work_dir, "1.0", print)) == compute_digest(tools)


def test_a_link_in_place_of_the_releases_is_not_followed(tools: Path, work_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (work_dir / "galera-tools").symlink_to(tmp_path / "precious")

    with pytest.raises(InstallFailedError, match="symbolic link"):
        install(tools, work_dir, "1.0", print)


def test_an_install_that_waits_for_another_says_so(
    tools: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.operations.install.PATIENCE", 0.3)
    (work_dir / "galera-tools").mkdir()
    fd = os.open(work_dir / "galera-tools", os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    logged: list[str] = []
    try:
        with pytest.raises(InstallFailedError, match="another install"):
            install(tools, work_dir, "1.0", logged.append)
    finally:
        os.close(fd)
    assert len(logged) == 1


@pytest.mark.parametrize("call", ["./on-start.sh", "sh on-start.sh"])
def test_the_old_hook_finds_the_commands_however_it_is_called(tools: Path, work_dir: Path, call: str) -> None:
    install(tools, work_dir, "1.0", print)
    done = subprocess.run(call, shell=True, cwd=work_dir, capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


def test_no_volume_is_one_clear_line(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallFailedError, match="mount a volume there"):
        install(tools, tmp_path / "nothing", "1.0", print)


def test_a_config_folder_gets_conf_d_and_a_file_that_starts_nothing(tmp_path: Path) -> None:
    prepare_config(tmp_path)

    assert (tmp_path / "conf.d").is_dir()
    assert (tmp_path / "my-galera.cnf").read_bytes() == read_shipped("my-galera.cnf")
    assert stat.S_IMODE((tmp_path / "my-galera.cnf").stat().st_mode) == 0o644


def test_a_my_galera_cnf_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "mine.cnf").write_text("[mysqld]\n")
    (tmp_path / "my-galera.cnf").write_text("of a pod that lives\n")

    prepare_config(tmp_path)

    assert (tmp_path / "my-galera.cnf").read_text() == "of a pod that lives\n"
    assert (tmp_path / "conf.d" / "mine.cnf").exists()


def test_a_command_that_is_not_self_contained_says_what_to_do(work_dir: Path) -> None:
    command = [str(Path(sys.executable).with_name("galera-bootstrap")), "install", f"--work-dir={work_dir}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("\n")) == (20, 1)
    assert "--tools" in done.stderr
