"""The chart, rendered by a real helm, and the manifests, built by a real kustomize."""

from collections.abc import Callable

import pytest

from tests.support.manifests import built, helm, kustomize
from tests.support.manifests.built import Documents

Built = Callable[[str], Documents]


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    if helm.find() is None:
        pytest.skip(helm.MISSING)
    if kustomize.find() is None:
        pytest.skip("NOT TESTED: the chart; no kustomize: run `python -m tests.support.manifests.kustomize`")


@pytest.fixture(scope="session")
def documents_of(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Gives the documents of one of `built.NAMES`, by kustomize."""
    return built.make_builder(tmp_path_factory)
