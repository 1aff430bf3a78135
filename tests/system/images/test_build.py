"""What the build command makes of a repository: tested on a small project, with the real buildah and git."""

import os
import shutil
import sys

import pytest

from tests.support.images.small import BASE, COMMIT_TIME, SmallProject, list_built

pytestmark = pytest.mark.images

SERVERS = ["mysql-galera", "mysql-galera-10.11"]

ALL = ["galera-install", *SERVERS, "haproxy"]
"""The images that are built when none is named, in their order."""


def references(version: str) -> list[str]:
    """Their references."""
    names = ("galera-install:{}", "mysql-galera:{}", "mysql-galera:{}-10.11", "haproxy:{}")
    return [f"localhost/{name.format(version)}" for name in names]


def test_all_images_are_built_and_their_references_printed(small: SmallProject) -> None:
    built = small.build()

    assert built.references == references("1.2.3"), built.progress
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
        ("images/mysql-galera/entrypoint.sh", SERVERS),
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
        "bootstrap/__init__.py",
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

    assert built.references == references("2.0.0")
    assert small.labels("galera-install", "2.0.0")["version"] == "2.0.0"
    assert small.labels("galera-install", "1.2.3")["version"] == "1.2.3"


def test_two_builds_at_the_same_time_build_once(small: SmallProject) -> None:
    both = [small.start_build(), small.start_build()]
    progress = [process.communicate(timeout=120)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], progress
    assert sorted(name for text in progress for name in list_built(text)) == sorted(ALL)


def test_without_a_registry_the_stand_in_is_used_and_a_line_names_it(small: SmallProject) -> None:
    small.ask_instead_of("docker.io", "127.0.0.1:1")
    program = "from images import debian; print(debian.find_base(None, 'trixie'))"

    output = small.call("sh", "-c", f'{sys.executable} -c "{program}" 2>&1')

    assert "localhost/debian:trixie-slim, made of Debian's packages, because docker.io" in output
    assert "127.0.0.1:1" in output
    assert output.splitlines()[-1] == "None"
