"""What the build command makes of a repository: tested on a small project, with the real buildah and git."""

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
from tests.support.images.small import BASE, COMMIT_TIME, SmallProject, list_built

pytestmark = pytest.mark.images

INDEX = "https://jane:s3cr3t@pypi.example/simple"

ALL = ["galera-install", "mysql-galera", "haproxy"]
"""The images that are built when none is named, in their order."""

SLEEP = "/usr/bin/sleep"
"""A program with few libraries, for an image that has nothing else."""


def test_all_images_are_built_and_their_references_printed(small: SmallProject) -> None:
    built = small.build()

    assert built.references == [f"localhost/{name}:1.2.3" for name in ALL], built.progress
    assert built.built == ALL
    assert (small.files("mysql-galera") / "tools/peers.py").read_text() == "# peers\n"


def test_labels_show_where_an_image_comes_from(small: SmallProject) -> None:
    commit = small.call("git", "rev-parse", "HEAD").strip()
    small.build()

    labels = small.labels("mysql-galera")
    assert labels["version"] == "1.2.3"
    assert labels["revision"] == commit
    assert labels["created"] == "2023-11-14T22:13:20Z"
    assert labels["base.name"] == BASE
    assert labels["base.digest"] == small.image(BASE)["FromImageDigest"]


def test_nothing_is_built_when_nothing_changed(small: SmallProject) -> None:
    first = small.build()
    again = small.build()

    assert again.references == first.references
    assert again.built == []


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [
        ("bootstrap/agent.py", ALL),
        ("bootstrap/commands/new.py", ALL),
        ("images/mysql-galera/entrypoint.sh", ["mysql-galera"]),
        ("docs/unrelated.md", []),
    ],
)
def test_a_changed_file_rebuilds_only_the_images_that_contain_it(
    small: SmallProject, changed: str, rebuilt: list[str]
) -> None:
    small.build()
    path = small.root / changed
    small.write(changed, (path.read_text() if path.exists() else "") + "\n# changed\n")

    assert small.build().built == rebuilt


def test_going_back_to_an_earlier_state_builds_nothing(small: SmallProject) -> None:
    small.build()
    before = small.image("localhost/galera-install:1.2.3")["FromImageID"]
    small.write("bootstrap/agent.py", "# changed\n")
    small.build()
    small.call("git", "checkout", "--quiet", "bootstrap/agent.py")

    assert small.build().built == []
    assert small.image("localhost/galera-install:1.2.3")["FromImageID"] == before


def test_the_revision_is_the_last_commit_that_changed_the_image(small: SmallProject) -> None:
    small.build()
    before = small.labels("galera-install")["revision"]
    small.write("docs/unrelated.md", "new\n")
    small.commit(COMMIT_TIME + 1000)

    assert small.build().built == []
    assert small.labels("galera-install")["revision"] == before


def test_an_uncommitted_change_shows_in_the_revision(small: SmallProject) -> None:
    small.write("peerfinder/peers.py", "# changed\n")
    small.build()

    assert small.labels("galera-install")["revision"].endswith("-dirty")


def test_a_commit_of_the_same_files_gives_the_image_its_revision(small: SmallProject) -> None:
    small.write("peerfinder/peers.py", "# changed\n")
    small.build()
    commit = small.commit()
    small.build()

    assert small.labels("galera-install")["revision"] == commit


def test_the_context_holds_the_files_of_the_recipe_and_nothing_else(small: SmallProject) -> None:
    for stray in (
        ".env",
        "id_rsa",
        "peerfinder/.secret",
        "peerfinder/__pycache__/peers.pyc",
        "docs/x.md",
        "tests/x.py",
    ):
        small.write(stray, "not for an image\n")
    small.build()

    context = small.files("galera-install") / "context"
    assert sorted(str(path.relative_to(context)) for path in context.rglob("*") if path.is_file()) == [
        "LICENSE",
        "README.md",
        "bootstrap/agent.py",
        "images/galera-install/Dockerfile",
        "peerfinder/peers.py",
        "pyproject.toml",
    ]


def test_neither_umask_nor_the_time_of_the_clone_changes_an_image(small: SmallProject) -> None:
    small.build()
    before = small.image("localhost/galera-install:1.2.3")["FromImageID"]
    for path in (small.root / "peerfinder", *(small.root / "peerfinder").iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 1))
    built = small.build("--fresh")

    assert "galera-install" in built.built
    assert small.image("localhost/galera-install:1.2.3")["FromImageID"] == before


def test_every_file_has_the_time_of_the_commit(small: SmallProject) -> None:
    small.build()

    assert (small.files("galera-install") / "context/peerfinder/peers.py").stat().st_mtime == COMMIT_TIME


def test_source_date_epoch_overrides_the_time(small: SmallProject) -> None:
    small.build(env={"SOURCE_DATE_EPOCH": "1000000000"})

    assert small.labels("galera-install")["created"] == "2001-09-09T01:46:40Z"


def test_outside_of_a_clone_there_is_no_revision_and_a_fixed_time(small: SmallProject) -> None:
    shutil.rmtree(small.root / ".git")
    built = small.build(env={"GIT_CEILING_DIRECTORIES": str(small.root.parent)})

    assert built.status == 0, built.progress
    assert small.labels("galera-install")["revision"] == ""
    assert small.labels("galera-install")["created"] == "2026-01-01T00:00:00Z"


def test_a_source_date_epoch_that_is_not_a_time_is_an_error_of_one_sentence(small: SmallProject) -> None:
    built = small.build(env={"SOURCE_DATE_EPOCH": "yesterday"})

    assert built.status == 1
    assert built.progress.splitlines()[-1].startswith("images: SOURCE_DATE_EPOCH is 'yesterday'")
    assert "Traceback" not in built.progress


def test_a_clone_that_git_refuses_is_an_error_with_the_message_of_git(small: SmallProject) -> None:
    # In a container of a CI system, the checkout belongs to another user.
    built = small.build(env={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})

    assert built.status == 1
    assert "detected dubious ownership" in built.progress
    assert f"git config --global --add safe.directory {small.root}" in built.progress.splitlines()[-1]


def test_a_shallow_clone_builds_and_warns_that_its_image_is_another_one(small: SmallProject) -> None:
    small.write("docs/unrelated.md", "new\n")
    small.commit(COMMIT_TIME + 1000)
    built = small.clone("shallow", "--depth=1").build()

    assert built.status == 0, built.progress
    assert built.progress.count("NOT THE PUBLISHED IMAGE") == 1


def test_a_shallow_clone_that_has_the_images_commit_is_as_good_as_a_whole_one(small: SmallProject) -> None:
    small.write("LICENSE", "another\n")
    commit = small.commit(COMMIT_TIME + 1000)
    small.write("images/mysql-galera/entrypoint.sh", "#!/bin/sh -e\n")
    small.commit(COMMIT_TIME + 2000)
    built = small.clone("shallow", "--depth=2").build("galera-install")

    # The commit is the oldest of the clone, so git cannot see there whether it changed these files.
    assert "NOT THE PUBLISHED IMAGE" in built.progress
    built = small.clone("deeper", "--depth=3").build("galera-install")
    assert "NOT THE PUBLISHED IMAGE" not in built.progress
    assert small.labels("galera-install")["revision"] == commit


def test_an_id_stays_valid_when_another_clone_moves_the_tag(small: SmallProject) -> None:
    other = small.clone("other")
    other.write("bootstrap/agent.py", "# changed\n")
    program = f"from images.build import ensure_id; print(ensure_id('galera-install', base='{BASE}'))"
    mine = small.call(sys.executable, "-c", program).strip()
    built = other.build()

    assert built.status == 0, built.progress
    assert small.image("localhost/galera-install:1.2.3")["FromImageID"] != mine
    assert small.image(mine)["OCIv1"]["config"]["Labels"]["version"] == "1.2.3"
    assert small.call(sys.executable, "-c", program).strip() == mine


def test_a_build_leaves_no_working_container_behind(small: SmallProject) -> None:
    small.build()
    small.write(
        "images/mysql-galera/Dockerfile", "ARG TOOLS\nFROM ${TOOLS} AS tools\nFROM tools\nCOPY nothing-of-this-name /\n"
    )

    assert small.build().status == 1
    assert small.call("buildah", "containers", "--quiet") == ""


def test_another_version_is_another_image(small: SmallProject) -> None:
    small.build()
    built = small.build("--version", "2.0.0")

    assert built.references == [f"localhost/{name}:2.0.0" for name in ALL]
    assert small.labels("galera-install", "2.0.0")["version"] == "2.0.0"
    assert small.labels("galera-install", "1.2.3")["version"] == "1.2.3"


def test_two_builds_at_the_same_time_build_once(small: SmallProject) -> None:
    both = [small.start_build(), small.start_build()]
    progress = [process.communicate(timeout=120)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], progress
    assert sorted(name for text in progress for name in list_built(text)) == sorted(ALL)


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


def test_without_a_registry_the_stand_in_is_used_and_a_line_names_it(small: SmallProject) -> None:
    small.ask_instead_of("docker.io", "127.0.0.1:1")
    program = "from images import debian; print(debian.find_base(None))"

    output = small.call("sh", "-c", f'{sys.executable} -c "{program}" 2>&1')

    assert "localhost/debian:bookworm-slim, made of Debian's packages, because docker.io" in output
    assert "127.0.0.1:1" in output
    assert output.splitlines()[-1] == "None"
