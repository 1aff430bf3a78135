"""Terms that no election of this cluster has come near are not believed: after them there must be another term."""

import pytest

from bootstrap.core.decision.election import (
    TERMS_AHEAD,
    consider,
    disbelieve_terms,
    highest_believable,
    highest_reported,
)
from bootstrap.core.model.facts import BootstrapPoint, Fork, Override, PodState, Promise
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.model.shapes import INT64_MAX
from bootstrap.core.model.unknown import Unknown
from tests.support.bootstrap.records import SILENT, A, B, frozen, seen_by

REPORTS: dict[str, PodState] = {
    "its epoch": frozen(1, epoch=70),
    "the epoch that it was let in to": frozen(1, epoch=1, joined_epoch=70),
    "a term that it has given up": frozen(1, epoch=1, abandoned_term=70),
    "its promise": frozen(1, promise=Promise(70, 1, "run-1")),
    "a fork": frozen(1, lineage=(Fork(A, 5, 70, B), Fork(A, 5, 3, B))),
    "a bootstrap": frozen(1, bootstraps=(BootstrapPoint(A, 5, 70, "b"), BootstrapPoint(A, 6, 2, "b"))),
    "an override": frozen(1, override=Override(70, None)),
}


@pytest.mark.parametrize("pod", REPORTS.values(), ids=REPORTS.keys())
def test_each_place_of_a_state_that_has_a_term_is_looked_at(pod: PodState) -> None:
    assert highest_reported(pod) == 70


def test_what_this_pod_knows_and_the_floor_of_a_human_are_the_ground() -> None:
    assert highest_believable(frozen(0, epoch=7), 0) == 7 + TERMS_AHEAD
    assert highest_believable(frozen(0, epoch=7), 9) == 9 + TERMS_AHEAD
    assert highest_believable(frozen(0, epoch=INT64_MAX - 1), 0) == INT64_MAX - TERMS_AHEAD


def test_an_answer_with_such_a_term_is_none() -> None:
    own, limit = frozen(0, epoch=7), 7 + TERMS_AHEAD
    near, far = frozen(1, epoch=limit), frozen(1, epoch=limit + 1)
    assert disbelieve_terms(own, near, 0) == near
    found = disbelieve_terms(own, far, 0)
    assert isinstance(found, Unknown)
    assert f"it reports the term {limit + 1}, above {limit}" in found.reason
    assert not found.is_silent
    assert disbelieve_terms(own, far, 8) == far
    assert disbelieve_terms(own, SILENT, 0) == SILENT


def test_a_request_for_such_a_promise_is_refused() -> None:
    asked, candidate = frozen(1, epoch=7), frozen(0, epoch=7)
    limit = 7 + TERMS_AHEAD
    assert asked.disk is not None

    def answer(term: int) -> Promise | Refusal:
        promise = Promise(term, 0, candidate.run_id)
        return consider(Prepare(promise, candidate, asked.run_id, asked.disk), seen_by(asked, candidate))  # type: ignore[arg-type]

    assert answer(limit) == Promise(limit, 0, candidate.run_id)
    refusal = answer(limit + 1)
    assert isinstance(refusal, Refusal)
    assert f"term {limit + 1} is above {limit}" in refusal.reason
