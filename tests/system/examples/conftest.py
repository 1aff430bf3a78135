"""Labs of the examples' StatefulSets, with the real servers of Debian."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from tests.lab.bridge import BridgeError
from tests.support.examples.lab import Lab, make_bridge
from tests.support.manifests import built, kustomize
from tests.support.manifests.built import Documents


class Start(Protocol):
    """Makes the lab of an example and of more objects; nothing runs yet. Skips when a program is missing."""

    def __call__(self, example: str, *programs: str, path: str = ..., more: Documents = ...) -> Lab: ...


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    missing = [name for name in ("bwrap", "nsenter", "knotd", "perl") if not shutil.which(name)]
    if missing:
        pytest.skip(f"NOT TESTED: the examples; no {', '.join(missing)}: run `scripts/setup.sh test`")
    if kustomize.find() is None:
        pytest.skip(
            "NOT TESTED: the examples; no kustomize and no kubectl: run `python -m tests.support.manifests.kustomize`"
        )
    try:
        # With a free number, because another process of the tests may make a bridge at the same moment.
        make_bridge()[1].close()
    except BridgeError as exc:
        pytest.skip(f"NOT TESTED: the examples; they need network namespaces: {exc}")


@pytest.fixture
def doomed(request: pytest.FixtureRequest, lab: Start) -> Iterator[Lab]:
    """Servers of their own, as the test's module makes them, for a test that destroys them."""
    made: Lab = request.module.make(lab)
    yield made
    made.power_cut()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(example: str, *programs: str, path: str = "", more: Documents = ()) -> Lab:
            require(example, programs, path)
            folder = tmp_path_factory.mktemp(example)
            documents = built.build(f"examples/{example}", folder)
            return stack.enter_context(Lab((*documents, *more), folder, path=path))

        yield start


def require(example: str, programs: Collection[str], path: str = "") -> None:
    """Skip the test where a program is missing."""
    missing = [name for name in programs if not shutil.which(name, path=f"{path}:/usr/bin:/usr/sbin")]
    if missing:
        pytest.skip(f"NOT TESTED: {example}; no {', '.join(missing)}: run `scripts/setup.sh examples`")
