"""The manifests, built once for all tests."""

from collections.abc import Callable

import pytest

from tests.support.manifests import built, kustomize
from tests.support.manifests.built import Documents

Built = Callable[[str], Documents]


@pytest.fixture(scope="session", autouse=True)
def _kustomize() -> None:
    if kustomize.find() is None:
        pytest.skip(
            "NOT TESTED: the manifests; no kustomize and no kubectl: run `python -m tests.support.manifests.kustomize`"
        )


@pytest.fixture(scope="session")
def documents_of(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Gives the documents of one of `built.NAMES`."""
    return built.make_builder(tmp_path_factory)


@pytest.fixture(scope="session")
def base(documents_of: Built) -> Documents:
    return documents_of("base")
