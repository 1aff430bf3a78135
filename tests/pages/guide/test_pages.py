"""The program that reads the pages finds their blocks and marks, and notices wrong output."""

from pathlib import Path

import pytest

from tests.support.guide import pages
from tests.support.guide.pages import ByHand, How, is_as_shown, steps
from tests.support.guide.runner import Shell
from tests.support.guide.shell_words import calls

PAGE = """\
<!-- run: cluster, full -->
```sh
true
```

<!-- by hand: wait a little -->

<!-- run: cluster, exit 3 -->
```console
$ echo one
one
...
$ exit 3
```

```sh
rm -rf /
```

_Not run by a test: nobody would survive it._

```sh
reboot
```

```yaml
a: 1
```
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path / "page.md"


def test_each_block_has_its_own_mark(page: Path) -> None:
    first, by_hand, second, third, fourth, last = steps(page)

    assert isinstance(by_hand, ByHand)
    assert by_hand.name == "wait a little"
    found = [step for step in (first, second, third, fourth, last) if not isinstance(step, ByHand)]
    assert [b.how for b in found] == [How.CLUSTER, How.CLUSTER, How.UNMARKED, How.NOT_RUN, How.TEXT]
    assert [b.full for b in found] == [True, False, False, False, False]
    assert found[1].code == 3
    assert [(c.text, c.shown) for c in found[1].commands] == [("echo one", "one\n...\n"), ("exit 3", None)]
    assert found[3].reason == "nobody would survive it"


def test_a_page_may_say_once_that_no_block_of_it_is_run(page: Path) -> None:
    page.write_text(f"_No block of this page is run by a test: it needs a moon._\n\n{PAGE}")
    found = [step for step in steps(page) if not isinstance(step, ByHand)]

    assert [b.how for b in found] == [How.CLUSTER, How.CLUSTER, How.NOT_RUN, How.NOT_RUN, How.TEXT]
    assert [b.reason for b in found[2:4]] == ["it needs a moon", "nobody would survive it"]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a  b\n", "a        b\n"),
        ("a ... c\n", "a b b c\n"),
        ("id:...\n", "id:7f3a\n"),
        ("a\n...\nz\n", "a\nb\nc\nz\n"),
        ("a\n...\n", "a\n"),
    ],
)
def test_the_output_on_the_page_matches(shown: str, printed: str) -> None:
    assert is_as_shown(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("Primary 3\n", "Primary 2\n"),
        ("a\n", "a\nb\n"),
        ("a.c\n", "abc\n"),
        ("a\n...\nz\n", "a\nb\n"),
        ("a ...\n", "b\n"),
    ],
)
def test_the_output_on_the_page_differs(shown: str, printed: str) -> None:
    assert not is_as_shown(shown, printed)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("false\ntrue", "exit status 1"),
        ("false | true", "exit status 1"),
        ("echo $no_such_name", "exit status 1"),
        ("echo 2", "the page shows"),
    ],
)
def test_a_reader_stops_where_a_page_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    shown = "$ " + text + "\n1\n"
    block = pages.Block("page.md:1", "console", shown, How.CLUSTER)

    with pytest.raises(AssertionError, match=why):
        Shell(tmp_path, tmp_path, {}).follow([block])


def test_commands_are_found_at_every_place() -> None:
    text = """\
for pod in a b; do kubectl get $pod | grep "x | y"; done  # kubectl in a comment
until echo "$(kubectl top)" && ! true; do sleep 1; done
kubectl exec -i x -- sql <<'END'
kubectl nothing
END
"""
    assert [words for words in calls(text) if words[0] == "kubectl"] == [
        ["kubectl", "get", "$pod"],
        ["kubectl", "exec", "-i", "x", "--", "sql"],
        ["kubectl", "top"],
    ]
