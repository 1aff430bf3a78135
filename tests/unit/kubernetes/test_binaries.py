"""How Kubernetes is built from the Go module proxy. These tests need only Go, and download nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from images.running import BuildError
from tests.kubernetes.machines.binaries import Bundle, cache_folder, ensure_all, go_mod, kubernetes

UPSTREAM = {
    "Module": {"Path": "k8s.io/kubernetes"},
    "Go": "1.26.0",
    "GoDebug": [{"Key": "default", "Value": "go1.26"}],
    "Require": [
        {"Path": "k8s.io/api", "Version": "v0.0.0"},
        {"Path": "golang.org/x/net", "Version": "v0.49.0", "Indirect": True},
    ],
    "Replace": [{"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}}],
}
"""The output of `go mod edit -json` for v1.36.3, with one module of each kind."""

PAUSE = Bundle("pause", "1", ("pause",))


@pytest.fixture
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own; Go's own cache stays."""
    if shutil.which("go") is None:
        pytest.skip("NOT TESTED: how programs are built; go is not installed (https://go.dev/dl)")
    go_cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("GOCACHE", go_cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_go_mod_has_the_versions_that_upstream_tested_and_the_published_staging_modules() -> None:
    assert go_mod(kubernetes("1.36.3"), UPSTREAM).splitlines() == [
        "module peerfinder.test/kubernetes",
        "go 1.26.0",
        "godebug default=go1.26",
        "require k8s.io/kubernetes v1.36.3",
        "require k8s.io/api v0.36.3",
        "require golang.org/x/net v0.49.0",
        "replace k8s.io/api => k8s.io/api v0.36.3",
    ]


def test_a_module_that_is_published_under_another_name_is_replaced_by_that_one() -> None:
    fork = Bundle("router", "2.0.1", ("router",), module="example.org/router/v2", published="example.org/fork/v2")

    lines = go_mod(fork, {"Go": "1.22.0"}).splitlines()

    assert lines[2:] == [
        "require example.org/router/v2 v2.0.1",
        "replace example.org/router/v2 => example.org/fork/v2 v2.0.1",
    ]


def test_a_replacement_by_another_folder_than_staging_is_refused() -> None:
    other = {"Old": {"Path": "example.org/one"}, "New": {"Path": "../two"}}

    with pytest.raises(BuildError, match=r"replaces example.org/one by ../two"):
        go_mod(kubernetes("1.36.3"), {**UPSTREAM, "Replace": [other]})


@pytest.mark.usefixtures("_empty_cache")
def test_the_leftovers_of_an_interrupted_build_do_not_count_as_programs() -> None:
    left = cache_folder() / "pause-1.part"
    left.mkdir(parents=True)
    (left / "half").write_text("a program")
    assert not PAUSE.is_ready

    ensure_all([PAUSE])

    assert [path.name for path in PAUSE.folder.iterdir()] == ["pause"]
    assert not left.exists()


@pytest.mark.usefixtures("_empty_cache")
def test_a_bundle_has_all_its_programs_or_none() -> None:
    one_too_many = Bundle("pause", "1", ("pause", "play"))

    with pytest.raises(BuildError, match="has not built play"):
        ensure_all([one_too_many])

    assert not one_too_many.is_ready


@pytest.mark.usefixtures("_empty_cache")
def test_a_built_program_is_not_built_again() -> None:
    ensure_all([PAUSE])
    before = (PAUSE.folder / "pause").stat().st_ino

    ensure_all([PAUSE])

    assert (PAUSE.folder / "pause").stat().st_ino == before
