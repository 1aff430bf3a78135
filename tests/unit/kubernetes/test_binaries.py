"""How Kubernetes is built from the Go module proxy; only Go is needed, and nothing is downloaded."""

import shutil
import subprocess
from pathlib import Path

import pytest

from images.running import BuildError
from tests.kubernetes.binaries import Bundle, cache_folder, ensure_all, go_mod, kubernetes

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
"""As `go mod edit -json` tells it of v1.36.3, with one module of each kind."""

PAUSE = Bundle("pause", "1", ("pause",))


@pytest.fixture
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own; Go keeps its usual one."""
    if shutil.which("go") is None:
        pytest.skip("NOT TESTED: how programs are built; go is not installed here (https://go.dev/dl)")
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


def test_a_module_that_is_published_by_another_name_is_replaced_by_that() -> None:
    fork = Bundle("router", "2.0.1", ("router",), module="example.org/router/v2", published="example.org/fork/v2")

    lines = go_mod(fork, {"Go": "1.22.0"}).splitlines()

    assert lines[2:] == [
        "require example.org/router/v2 v2.0.1",
        "replace example.org/router/v2 => example.org/fork/v2 v2.0.1",
    ]


def test_a_replacement_that_is_no_staging_module_is_refused() -> None:
    other = {"Old": {"Path": "example.org/one"}, "New": {"Path": "../two"}}

    with pytest.raises(BuildError, match=r"replaces example.org/one by ../two"):
        go_mod(kubernetes("1.36.3"), {**UPSTREAM, "Replace": [other]})


@pytest.mark.usefixtures("_empty_cache")
def test_what_an_interrupted_build_left_is_no_program() -> None:
    left = cache_folder() / "pause-1.part"
    left.mkdir(parents=True)
    (left / "half").write_text("a program")
    assert not PAUSE.ready

    ensure_all([PAUSE])

    assert [path.name for path in PAUSE.folder.iterdir()] == ["pause"]
    assert not left.exists()


@pytest.mark.usefixtures("_empty_cache")
def test_programs_are_there_all_or_none() -> None:
    one_too_many = Bundle("pause", "1", ("pause", "play"))

    with pytest.raises(BuildError, match="all but play"):
        ensure_all([one_too_many])

    assert not one_too_many.ready


@pytest.mark.usefixtures("_empty_cache")
def test_what_is_built_is_not_built_again() -> None:
    ensure_all([PAUSE])
    before = (PAUSE.folder / "pause").stat().st_ino

    ensure_all([PAUSE])

    assert (PAUSE.folder / "pause").stat().st_ino == before
