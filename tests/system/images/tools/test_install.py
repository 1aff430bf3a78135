"""The *install* init container as the manifests start it, on right and on wrong volumes."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.operations import install as install_module
from tests.support.images.box import UID, Container, Done, podman
from tests.support.images.confined import run_confined

pytestmark = pytest.mark.images

ARGUMENTS = ("--work-dir=/work-dir", "--config=/etc/mysql")


def install(image: str, *options: str, arguments: tuple[str, ...] = ARGUMENTS) -> Done:
    return run_confined(image, *arguments, options=options)


def install_over_an_old_program(image: str, tmpfs: str) -> Done:
    """Install into a volume in memory; stdout has the program that was there before, and leftovers of the install."""
    script = (
        "echo old > /work-dir/peer-finder; /opt/galera-tools/galera-bootstrap install --work-dir=/work-dir; "
        "code=$?; cat /work-dir/peer-finder; ls -A /work-dir/galera-tools; exit $code"
    )
    return install(image, f"--tmpfs=/work-dir:{tmpfs}", "--entrypoint=/bin/sh", arguments=("-c", script))


def assert_fails(done: Done, *words: str) -> None:
    """Check that the install printed one line with these words, and ended with its exit code."""
    assert done.returncode == 20, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_the_tools_and_the_config_folder_are_prepared_and_a_second_run_does_no_harm(
    tool_image: str, work_dir: Path, config: Path
) -> None:
    volumes = (f"--volume={work_dir}:/work-dir", f"--volume={config}:/etc/mysql")
    for _ in range(2):
        done = install(tool_image, *volumes)
        assert done.returncode == 0, done.stderr

    assert len(list((work_dir / "galera-tools").iterdir())) == 1
    assert {path.name for path in config.iterdir()} == {"conf.d", "my-galera.cnf"}
    assert {path.stat().st_uid for path in work_dir.rglob("*")} == {UID}


def test_no_server_starts_with_the_file_that_install_writes(tool_image: str, config: Path, work_dir: Path) -> None:
    """Not before on-start has replaced it. This test reads the file; tests/system/containers starts the server."""
    install(tool_image, f"--volume={work_dir}:/work-dir", f"--volume={config}:/etc/mysql")

    assert "galera-bootstrap-on-start-has-not-run" in (config / "my-galera.cnf").read_text()


def test_a_new_version_does_not_disturb_a_running_program(
    tool_image: str, newer_tool_image: str, work_dir: Path, config: Path
) -> None:
    """peer-finder runs from the volume; the other version is installed over it, and back."""
    volumes = (f"--volume={work_dir}:/work-dir", f"--volume={config}:/etc/mysql")
    install(tool_image, *volumes)
    waiting = ("-service=galera.db", "-domain=cluster.local", "-nameserver=127.0.0.1:9", "-on-start=true")
    entrypoint = "--entrypoint=/work-dir/peer-finder"
    with Container("tools-test-running", tool_image, (*volumes, entrypoint), waiting) as running:
        running.wait(lambda: "127.0.0.1" in running.log, "a line about the name server")
        for image, version in ((newer_tool_image, "99.0.0"), (tool_image, "0.1.0"), (newer_tool_image, "99.0.0")):
            assert install(image, *volumes).returncode == 0
            assert (
                f"version {version}" in podman("exec", running.name, "/work-dir/galera-bootstrap", "--version").stdout
            )
        assert running.exit_code is None


def test_the_binary_of_2017_is_replaced_while_it_runs(tool_image: str, work_dir: Path) -> None:
    old = work_dir / "peer-finder"
    shutil.copy("/bin/sleep", old)
    volume = f"--volume={work_dir}:/work-dir"
    with Container("tools-test-old", tool_image, (volume, "--entrypoint=/work-dir/peer-finder"), ("60",)) as running:
        done = install(tool_image, volume, arguments=ARGUMENTS[:1])
        assert done.returncode == 0, done.stderr
        assert running.exit_code is None
    assert old.is_symlink()


def test_a_full_volume_keeps_the_old_program(tool_image: str) -> None:
    """A volume in memory with 5 MB, where 25 are needed."""
    done = install_over_an_old_program(tool_image, "rw,size=5m,mode=1777")

    assert_fails(done, "No space left", "sizeLimit")
    assert done.stdout == "old\n"


def test_a_read_only_volume_is_an_error(tool_image: str, work_dir: Path) -> None:
    assert_fails(install(tool_image, f"--volume={work_dir}:/work-dir:ro"), "Read-only", "readOnly")


def test_a_read_only_config_folder_is_an_error(tool_image: str, work_dir: Path, config: Path) -> None:
    volumes = (f"--volume={work_dir}:/work-dir", f"--volume={config}:/etc/mysql:ro")
    done = install(tool_image, *volumes)

    assert done.returncode == 20
    assert "/etc/mysql" in done.stderr.splitlines()[-1]
    assert "readOnly" in done.stderr.splitlines()[-1]


def test_a_missing_volume_is_an_error(tool_image: str) -> None:
    assert_fails(install(tool_image), "/work-dir", "mount a volume there")


def test_a_volume_of_another_user_is_an_error(tool_image: str, tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir(mode=0o755)

    assert_fails(install(tool_image, f"--volume={tmp_path / 'roots'}:/work-dir"), "Permission denied", "fsGroup")


def test_a_volume_mounted_noexec_keeps_the_old_program(tool_image: str) -> None:
    done = install_over_an_old_program(tool_image, "rw,noexec,size=64m,mode=1777")

    assert_fails(done, "/work-dir", "noexec")
    assert done.stdout == "old\n"


def test_an_install_killed_at_any_moment_leaves_tools_that_run_or_none(tools: Path, tmp_path: Path) -> None:
    """With the real tools, old and new by turns. After a complete install, nothing of the interrupted ones is left."""
    work_dir = tmp_path / "work-dir"
    work_dir.mkdir()
    newer = shutil.copytree(tools, tmp_path / "newer", symlinks=True)
    (newer / "lib" / "newer").touch()
    killed = 0
    for number, source in enumerate((tools, newer) * 12):
        options = (f"--work-dir={work_dir}", f"--config={work_dir}", f"--tools={source}")
        process = subprocess.Popen((sys.executable, "-m", "bootstrap", "install", *options), stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1 + number * 0.02)
        process.kill()
        killed += process.wait() == -9
        if (program := work_dir / "galera-bootstrap").is_symlink():
            assert b"version" in subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    assert killed > 5

    release = install_module.install(tools, work_dir, "1", print)
    assert install_module.compute_digest(release) == install_module.compute_digest(tools)
    assert [path.name for path in work_dir.rglob("*") if path.name.startswith(install_module.STAGING)] == []


def test_tools_of_another_architecture_are_refused(
    tool_image: str, tools: Path, work_dir: Path, tmp_path: Path
) -> None:
    """The real program, with another machine in its ELF header (e_machine: bytes 18 and 19)."""
    foreign = shutil.copytree(tools, tmp_path / "foreign", symlinks=True)
    program = foreign / "galera-tools"
    code = bytearray(program.read_bytes())
    code[18:20] = (0xF3).to_bytes(2, "little") if code[18] != 0xF3 else (0x3E).to_bytes(2, "little")  # RISC-V
    program.write_bytes(code)
    volumes = (f"--volume={work_dir}:/work-dir", f"--volume={foreign}:/foreign:ro")

    done = install(tool_image, *volumes, arguments=("--work-dir=/work-dir", "--tools=/foreign"))
    assert_fails(done, "architecture")
    assert not (work_dir / "peer-finder").exists()


def test_a_call_without_arguments_is_a_usage_error(tool_image: str) -> None:
    done = install(tool_image, arguments=())

    assert done.returncode == 2
    assert "--work-dir" in done.stderr
