"""A comparison is computed once, when it is asked for first, by a job."""

from typing import Any

import pytest

from api_schemas.comparison import JobComparison
from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.resources import comparisons, jobs
from tests.service.core.hand import Hand

SPEC: dict[str, Any] = {"arms": ["baseline"], "architectures": ["ConvNetD3"], "trials": 1, "overrides": {"epochs": 2}}


class Evaluated:
    """Jobs that have evaluated something."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.source = hand.ready_set("source")

    def job(self, **params: Any) -> str:
        dataset = self.hand.ready_set(source_dataset=self.source)
        return self.hand.work(self.hand.submit("evaluate", **{"dataset": dataset, **SPEC, **params}).id).id


@pytest.fixture
def evaluated(hand: Hand) -> Evaluated:
    return Evaluated(hand)


def begun(core: Core, *job_ids: str) -> Job:
    job = comparisons.compare(core, list(job_ids))
    assert isinstance(job, Job)
    return job


def test_it_is_computed_once(core: Core, evaluated: Evaluated) -> None:
    pair = [evaluated.job(), evaluated.job()]
    job = begun(core, *pair)
    assert begun(core, *pair).id == job.id
    evaluated.hand.work(job.id)
    found = comparisons.compare(core, pair)
    assert isinstance(found, JobComparison)
    assert (found.jobs, found.source_dataset) == (pair, evaluated.source)
    assert [row.job for row in found.rows if row.architecture] == pair
    assert begun(core, *reversed(pair)).id != job.id


def test_it_is_begun_anew_where_its_job_is_gone_or_was_canceled(core: Core, evaluated: Evaluated) -> None:
    pair = [evaluated.job(), evaluated.job()]
    first = begun(core, *pair)
    jobs.cancel(core, first.id)
    second = begun(core, *pair)
    assert second.id != first.id
    evaluated.hand.work(second.id)
    jobs.delete(core, second.id)
    assert begun(core, *pair).id not in (first.id, second.id)


def test_what_cannot_be_compared_is_named(core: Core, hand: Hand, evaluated: Evaluated, refused: Any) -> None:
    one = evaluated.job()
    unfinished = hand.submit("evaluate", dataset=hand.ready_set(source_dataset=evaluated.source), **SPEC).id
    labeler = hand.work(hand.submit("train_labeler", source_dataset=evaluated.source, epochs=1).id).id
    wrong = {
        "not_found": "job_" + "0" * 26,
        "has_evaluation": unfinished,
        "same_test_images": Evaluated(hand).job(),
        "distinct": one,
    }
    for rule, other in [*wrong.items(), ("has_evaluation", labeler)]:
        with refused(ErrorCode.INVALID_REQUEST) as caught:
            comparisons.compare(core, [one, other])
        assert [reason.rule for reason in caught.value.reasons] == [rule], other


def test_a_comparison_stays_as_long_as_the_job_that_made_it(core: Core, evaluated: Evaluated, refused: Any) -> None:
    pair = [evaluated.job(), evaluated.job()]
    made = begun(core, *pair)
    evaluated.hand.work(made.id)
    jobs.delete(core, pair[1])
    assert isinstance(comparisons.compare(core, pair), JobComparison)
    jobs.delete(core, made.id)
    with refused(ErrorCode.INVALID_REQUEST):
        comparisons.compare(core, pair)


def test_jobs_of_others_are_not_compared(core: Core, evaluated: Evaluated, refused: Any) -> None:
    pair = [evaluated.job(), evaluated.job()]
    with refused(ErrorCode.INVALID_REQUEST):
        comparisons.compare(core.acting_for("them"), pair)


def test_what_an_admin_compares_stays_with_whose_jobs_they_are(core: Core, evaluated: Evaluated) -> None:
    pair = [evaluated.job(), evaluated.job()]
    job = begun(core.acting_for("admins", sees_all=True), *pair)
    assert core.acting_for("admins").store.load(job.id) is None
    evaluated.hand.work(job.id)
    assert isinstance(comparisons.compare(core, pair), JobComparison)
    with pytest.raises(Exception, match="there is no job"):
        comparisons.compare(core.acting_for("admins"), pair)
