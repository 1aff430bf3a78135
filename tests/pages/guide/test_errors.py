"""A reader's shell goes on after a line that failed: later lines must not overwrite what this line should have saved.

This is tested within a block; between two blocks the reader checks the result, as the guide's first page asks.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.guide.pages import LONG, SHORT, find_page
from tests.support.guide.rehearsal import Call, find_sent_after_failure, prepare, rehearse, texts


class Page(NamedTuple):
    """The reader's folder before the page, the typed text, and the calls if nothing fails."""

    folder: Path
    typed: Sequence[str]
    calls: Sequence[Call]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Page]:
    """All pages, each with the files that the pages before it have written."""
    found = {}
    now = prepare(tmp_path_factory.mktemp("reader") / "now")
    for name in (*SHORT, *LONG):
        typed = texts(find_page(name), now)
        before = Path(shutil.copytree(now, tmp_path_factory.mktemp("page") / name, symlinks=True))
        found[name] = Page(before, typed, rehearse(now, typed))
    return found


def test_without_a_failure_all_is_sent(pages: Mapping[str, Page]) -> None:
    """Without this, the test below would find nothing."""
    sent = [str(call) for page in pages.values() for call in page.calls if call.is_overwriting]

    assert len(sent) > 65
    overrides = ("force mysql-1 -n db --epoch 5", "adopt mysql-0 -n try --epoch 5", "discard mysql-2")
    for words in (*overrides, "delete pvc/datadir-mysql-3", "ALTER USER", "RESET SLAVE ALL"):
        assert any(words in line for line in sent), words


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_after_a_failure_a_block_overwrites_nothing(pages: Mapping[str, Page], name: str) -> None:
    unsafe = [f"failed: {first}\nsent nevertheless: {then}" for first, then in find_sent_after_failure(*pages[name])]

    assert not unsafe, "\n".join(unsafe)


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_a_block_does_the_same_in_its_own_shell(pages: Mapping[str, Page], name: str) -> None:
    """A variable from an earlier block, such as `last`, does not change the target of a later block."""
    page = pages[name]
    folder = page.folder.with_name("one by one")
    shutil.copytree(page.folder, folder, symlinks=True)
    apart = [call.words for text in page.typed for call in rehearse(folder, [text])]

    assert apart == [call.words for call in page.calls]


UNSAFE = {
    "in the next line": "kubectl apply -f a\nkubectl delete pvc/b",
    "after a pipe": "kubectl get pvc | cat && kubectl delete pvc/b",
    "in an empty variable": 'node=$(kubectl get pod -o jsonpath={x})\nkubectl drain "$node"',
    "in SQL": "kubectl get pods\necho 'SELECT 1; ALTER USER a' | kubectl galera sql mysql-0",
    "after half a dump": "kubectl exec client -- mariadb-dump >a.sql\nkubectl galera sql mysql-0 <a.sql",
    "in a pod": "kubectl get pods; kubectl exec mysql-0 -- rm -r /var/lib/galera/data",
    "an override": "kubectl galera force mysql-0 >a\nkubectl galera force mysql-0 --epoch 5",
}

SAFE = {
    "and": "kubectl apply -f a &&\n    kubectl delete pvc/b",
    "no empty variable": 'node=$(kubectl get pod -o jsonpath={x})\nkubectl drain "${node:?}"',
    "only looks": "kubectl get pods\necho 'SELECT 1; SHOW STATUS' | kubectl galera sql mysql-0",
    "whole dump": (
        "kubectl exec client -- mariadb-dump >a.sql\n"
        "tail -n 1 a.sql | grep completed && kubectl galera sql mysql-0 <a.sql"
    ),
    "tried again": "until kubectl get pods; do sleep 5; done\nkubectl delete pvc/b",
    "nothing to apply": "kubectl create -o yaml | kubectl apply -f -",
}


@pytest.mark.parametrize("text", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_block_is_found(tmp_path: Path, text: str) -> None:
    folder = prepare(tmp_path / "reader")

    assert [*find_sent_after_failure(folder, [text], rehearse(folder, [text]))]


@pytest.mark.parametrize("text", SAFE.values(), ids=SAFE)
def test_a_safe_block_is_accepted(tmp_path: Path, text: str) -> None:
    folder = prepare(tmp_path / "reader")
    calls = rehearse(folder, [text])

    assert len(calls) > 1
    assert [*find_sent_after_failure(folder, [text], calls)] == []
