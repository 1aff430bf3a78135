"""How the build command fails: with one sentence, with no traceback, and without leftovers; passwords stay secret."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from images.running import BuildError, work
from tests.support.images.small import BASE, SmallProject

pytestmark = pytest.mark.images

INDEX = "https://jane:s3cr3t@pypi.example/simple"

SLEEP = "/usr/bin/sleep"
"""A program with few libraries, for an image that has nothing else."""


def test_a_failed_build_shows_the_end_of_its_log_and_no_traceback(small: SmallProject) -> None:
    small.write("images/galera-install/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY nothing-of-this-name /\n")
    built = small.build()

    assert built.status == 1
    assert "galera-install: buildah failed" in built.progress
    assert "nothing-of-this-name" in built.progress.partition("images: ")[2]
    assert "Traceback" not in built.progress


def test_a_failed_build_leaves_the_image_that_was_there(small: SmallProject) -> None:
    small.build()
    before = small.image("localhost/galera-install:1.2.3")["FromImageID"]
    small.write("images/galera-install/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY nothing-of-this-name /\n")
    small.build()

    assert small.image("localhost/galera-install:1.2.3")["FromImageID"] == before


def test_a_password_for_pip_reaches_the_build_and_is_in_no_argument(small: SmallProject) -> None:
    small.write(
        "images/galera-install/Dockerfile",
        'ARG BASE\nFROM ${BASE}\nARG PIP_INDEX_URL=""\nLABEL version=x index="${PIP_INDEX_URL}"\n',
    )
    seen = small.root.parent / "arguments"
    wrapper = f'#!/bin/sh\necho "$@" >>{seen}\nexec {shutil.which("buildah")} "$@"\n'
    small.write("../bin/buildah", wrapper).chmod(0o755)
    path = f"{small.root.parent / 'bin'}:{os.environ['PATH']}"
    built = small.build("galera-install", env={"PIP_INDEX_URL": INDEX, "PATH": path})

    assert built.status == 0, built.progress
    assert small.labels("galera-install")["index"] == INDEX
    assert "PIP_INDEX_URL" in seen.read_text()
    assert "s3cr3t" not in seen.read_text()


def test_a_password_in_a_url_is_neither_shown_nor_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text("of an older version")
    log.chmod(0o644)
    with pytest.raises(BuildError) as failed:
        work("pip", ["sh", "-c", f"echo Looking in {INDEX}; exit 1"], log, milestone="Looking")

    progress = capsys.readouterr().err
    for text in (progress, log.read_text(), str(failed.value)):
        assert "Looking in https://***@pypi.example/simple" in text
        assert "s3cr3t" not in text
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_base_that_does_not_exist_is_an_error_that_names_the_option(small: SmallProject) -> None:
    built = small.build(base="localhost/never-made:1")

    assert built.status == 1
    assert "the base image localhost/never-made:1 cannot be found" in built.progress
    assert "--base" in built.progress.splitlines()[-1]


def test_a_missing_program_is_named(small: SmallProject, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(str(shutil.which("git")))
    built = small.build(env={"PATH": str(tmp_path / "bin")})

    assert built.status == 1
    assert "buildah is not installed: run" in built.progress
    assert "Traceback" not in built.progress


def test_a_full_disk_is_an_error_of_one_sentence(small: SmallProject) -> None:
    (small.root.parent / "cache").mkdir()
    # Room for the folder and its lock, and for no other file.
    full = 'mount -t tmpfs -o nr_inodes=3 full "$XDG_CACHE_HOME" && exec "$0" -m images.build --no-dist --base "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", full, sys.executable, BASE],
        cwd=small.root,
        env=small.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "No space left on device: make room" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["cache", "cache/peerfinder-images", "cache/peerfinder-images/built"])
def test_a_file_in_the_place_of_a_folder_is_an_error_of_one_sentence(small: SmallProject, name: str) -> None:
    small.write(f"../{name}", "")
    built = small.build()

    assert built.status == 1
    assert built.progress.splitlines()[-1].startswith("images: ")
    assert str(small.root.parent / name) in built.progress.splitlines()[-1]
    assert "Traceback" not in built.progress


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_build_and_leaves_nothing_behind(small: SmallProject, number: int, status: int) -> None:
    temporary = small.root.parent / "temporary"
    temporary.mkdir()
    for file in (SLEEP, *re.findall(r"(/\S+) \(", small.call("ldd", SLEEP))):
        small.write(f"bootstrap/root{file}", "")
        shutil.copy(file, small.root / f"bootstrap/root{file}")
    seconds = f"{uuid.uuid4().int % 10**9 + 10**6}"
    small.write(
        "images/galera-install/Dockerfile",
        f'ARG BASE\nFROM ${{BASE}}\nCOPY bootstrap/root /\nRUN ["{SLEEP}", "{seconds}"]\n',
    )
    process = small.start_build({"TMPDIR": str(temporary)})
    deadline = time.monotonic() + 120
    while not is_running(SLEEP, seconds):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    _, progress = process.communicate(timeout=120)

    assert process.returncode == status, progress
    assert "Traceback" not in progress
    assert not is_running(SLEEP, seconds)
    assert not is_running(str(temporary))
    assert list(temporary.iterdir()) == []
    assert small.call("buildah", "containers", "--quiet") == ""


def is_running(*words: str) -> bool:
    """Whether a program with these words in its command line is running."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().decode(errors="replace")
            if all(word in line for word in words):
                return True
    return False
