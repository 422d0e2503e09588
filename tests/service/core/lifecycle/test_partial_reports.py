"""What a worker is given to make the report of a job that has not ended, and what is kept of it."""

from typing import Any

import pytest

from api_schemas.evaluation import Report
from api_schemas.jobs import JobState
from service.core.clients import Core
from service.core.lifecycle import partial_reports
from service.core.queue.records import JobRecord
from tests.service.core.made_up_results import RESULTS


@pytest.fixture
def evaluation(hand: Any) -> str:
    """Id of an evaluation of one architecture, two trials and a point of a curve; nothing is done."""
    source = hand.ready_set("source")
    few = {"arms": ["baseline"], "architectures": ["ConvNetD3"], "trials": 2, "overrides": {"epochs": 20}}
    dataset = hand.ready_set(source_dataset=source)
    return str(hand.submit("evaluate", dataset=dataset, curve_epochs=[10], **few).id)


def loaded(core: Core, job_id: str) -> JobRecord:
    job = core.store.load(job_id)
    assert job is not None
    return job


def finish(hand: Any, job_id: str, *names: str) -> None:
    for name in names:
        hand.finish(hand.claim(job_id, f"evaluate:baseline:ConvNetD3:{name}"))


def make(core: Core, job_id: str) -> None:
    """Make the report as a runner would that measures nothing."""
    work = partial_reports.work(core, job_id, "hand")
    assert work is not None
    result, _ = RESULTS[work.type](work)
    report = Report.model_validate(result["report"] | {"complete": False, "trials": work.params["partial"]})
    partial_reports.store(core, work, report)


def test_it_is_of_the_trials_that_have_ended(core: Core, hand: Any, evaluation: str) -> None:
    finish(hand, evaluation, "0")
    work = partial_reports.work(core, evaluation, "hand")
    assert work is not None
    assert list(work.documents) == ["evaluate:baseline:ConvNetD3:0"]
    assert (work.params["job"], work.params["points"], work.attempt) == (evaluation, [], 1)
    told = [(row["architecture"], row["epochs"], row["ended"], row["planned"]) for row in work.params["partial"]]
    assert told == [("ConvNetD3", None, 1, 2), ("ConvNetD3", 10, 0, 2)]


def test_a_point_of_a_curve_waits_for_its_row(core: Core, hand: Any, evaluation: str) -> None:
    finish(hand, evaluation, "0:e10")
    assert partial_reports.results_of(loaded(core, evaluation)) == []
    finish(hand, evaluation, "1")
    names = [task.name for task in partial_reports.results_of(loaded(core, evaluation))]
    assert names == ["evaluate:baseline:ConvNetD3:1", "evaluate:baseline:ConvNetD3:0:e10"]


def test_one_is_kept_until_there_is_another_of_more_results(core: Core, hand: Any, evaluation: str) -> None:
    finish(hand, evaluation, "0")
    assert partial_reports.made(core, loaded(core, evaluation), 1) is None
    make(core, evaluation)
    assert partial_reports.work(core, evaluation, "hand") is None, "it is made"
    finish(hand, evaluation, "1")
    assert partial_reports.made(core, loaded(core, evaluation), 2) is None
    make(core, evaluation)
    core.store.cancel(evaluation)
    found = partial_reports.made(core, loaded(core, evaluation), 2)
    assert found is not None
    assert (found.complete, found.job_state) == (False, JobState.CANCELED)
    assert found.cost is not None
    assert found.evaluation is not None
    assert [len(row.trials) for row in found.evaluation.rows] == [2]
    assert len(core.storage.list_keys(f"jobs/{evaluation}/partial/")) == 1


def test_it_leaves_out_what_nothing_is_known_of_yet(core: Core, hand: Any, ladd: Any) -> None:
    work = partial_reports.work(core, ladd.id, "hand")
    assert work is not None
    assert (work.documents, work.inputs, work.params["preparations"]) == ({}, {}, [])
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    work = partial_reports.work(core, ladd.id, "hand")
    assert work is not None
    assert sorted(work.documents) == ["generate_labels", "labeler_0", "train_labeler"]


def test_who_asks_often_wakes_one_worker(core: Core, evaluation: str) -> None:
    waiting = core.dispatcher.waiting("io")
    for _ in range(3):
        partial_reports.ask(core, loaded(core, evaluation))
    assert core.dispatcher.waiting("io") == waiting + 1
