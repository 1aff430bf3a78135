"""Follows docs/operations as a reader does: its commands in their order, on a real Kubernetes.

E2E_FULL=1 runs all of them, on three nodes of their own, in about 20 minutes.  Without it, the reader has little time:
installs, looks around, makes a backup and restores it, on the node of the other tests.
"""

import os
from collections.abc import Iterator

import pytest

from images.build import ensure_id
from images.inputs import version
from images.running import BuildError
from tests.kubernetes.cluster import Cluster, NotHereError, check
from tests.kubernetes.database import Database
from tests.kubernetes.times import Times
from tests.support.guide.pages import LONG, PAGES, SHORT, Block, How, Step, blocks, find_page, steps
from tests.support.guide.stage import CLIENT, NEXT, REGISTRY, Stage
from tests.support.images.official import image

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(3600)]

FULL = os.environ.get("E2E_FULL") == "1"

OURS = ("galera-install", "mysql-galera")

ORDER = (*SHORT, *LONG) if FULL else SHORT
"""The pages that this run follows: each begins where the page before has ended."""


@pytest.fixture(scope="module")
def machines(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Nodes, without the images that the pages name."""
    if "E2E_CONTEXT" in os.environ:
        pytest.skip("NOT TESTED: the guide's commands; they drain nodes, and need images with names of their own")
    if not FULL:
        yield request.getfixturevalue("own_cluster")
        return
    try:
        check()
        ours = {f"localhost/{name}:{version()}": ensure_id(name) for name in OURS}
    except (NotHereError, BuildError) as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with Cluster(nodes=3) as cluster:
        cluster.load(ours)
        yield cluster


@pytest.fixture(scope="module")
def stage(machines: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage on which the pages are followed, one after the other."""
    for node in machines.nodes:
        for name in OURS:
            for tag in (version(), NEXT):
                node.tag(f"localhost/{name}:{version()}", f"{REGISTRY}/{name}:{tag}")
    machines.load({CLIENT: image.ensure()})
    stage = Stage(machines.kubectl, tmp_path_factory.mktemp("reader") / "clone")
    yield stage
    stage.clean()


def is_followed(step: Step) -> bool:
    """Whether this run does the step."""
    return FULL or not (isinstance(step, Block) and step.full)


def is_run(block: Block) -> bool:
    """Whether a test may run the block at all."""
    return block.how is How.CLUSTER


def test_every_page_with_commands_is_in_one_of_the_lists() -> None:
    run = [page.name for page in PAGES if any(map(is_run, blocks(page)))]

    assert sorted(run) == sorted((*SHORT, *LONG))


@pytest.mark.parametrize("name", ORDER)
def test_a_reader_can_follow_the_page(stage: Stage, times: Times, name: str) -> None:
    """The reader first follows the pages before it, unless an earlier test has done that."""
    for page in ORDER[: ORDER.index(name) + 1]:
        if page not in stage.followed:
            follow(stage, times, page)


def follow(stage: Stage, times: Times, name: str) -> None:
    """Follow one page to its end."""
    assert not stage.stuck, f"{stage.stuck} did not end as the page says, so the next pages were not tried"
    stage.stuck = name

    with times.measure(f"the guide: {name}{'' if FULL else ', in short'}"):
        assert stage.shell.follow(filter(is_followed, steps(find_page(name)))) > 0
        Database(stage.kubectl.in_namespace("db")).wait_synced(3)

    stage.stuck = ""
    stage.followed.append(name)


def test_no_block_is_left_out() -> None:
    left = [b.where for page in PAGES for b in blocks(page) if is_run(b) and (b.full or page.name in LONG)]

    if not FULL:
        pytest.skip(f"NOT TESTED: {len(left)} blocks of the guide; set E2E_FULL=1 to run them: {', '.join(left)}")
    assert left, "no block takes long any more"
