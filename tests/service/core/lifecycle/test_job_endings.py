"""How jobs end other than well: failure, cancellation, and the retry afterwards."""

from typing import Any

import pytest

from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.lifecycle import tasks
from service.core.resources import datasets, jobs


def states(job: Job) -> dict[str, str]:
    return {task.name: task.state.value for task in job.tasks}


def test_failure_stops_the_job(core: Core, hand: Any, ladd: Job, refused: Any) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    failing = hand.claim(ladd.id, "evaluate:baseline:ResNet18:0")
    running = hand.claim(ladd.id, "evaluate:ladd:ResNet18:0", worker="other")
    assert hand.fail(failing)
    job = jobs.view(core, ladd.id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.message, job.error.origin) == ("it broke", ErrorOrigin.INTERNAL)
    assert states(job) == {
        "train_labeler": "succeeded",
        "generate_labels": "succeeded",
        "evaluate:baseline:ResNet18:0": "failed",
        "evaluate:ladd:ResNet18:0": "canceling",
        "evaluate:baseline:ConvNetD3:0": "canceled",
        "evaluate:ladd:ConvNetD3:0": "canceled",
        "report": "canceled",
    }
    assert tasks.renew(core, running) == "canceling"
    assert tasks.canceled(core, running)
    job = jobs.view(core, ladd.id)
    assert (job.state, states(job)["evaluate:ladd:ResNet18:0"]) == (JobState.FAILED, "canceled")
    with refused(ErrorCode.NO_REPORT):
        jobs.report(core, ladd.id)


def test_retry_keeps_what_is_finished(core: Core, hand: Any, ladd: Job) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    hand.finish(hand.claim(ladd.id, "evaluate:baseline:ResNet18:0"))
    hand.fail(hand.claim(ladd.id, "evaluate:ladd:ResNet18:0"))
    failed = jobs.view(core, ladd.id)
    retried, created = jobs.retry(core, ladd.id)
    assert created
    assert retried.state is JobState.QUEUED
    assert jobs.retry(core, ladd.id) == (retried, False)
    assert jobs.view(core, ladd.id).links.retried_as == f"/v1/jobs/{retried.id}"
    assert {name for name, state in states(retried).items() if state == "succeeded"} == {
        "train_labeler",
        "generate_labels",
        "evaluate:baseline:ResNet18:0",
    }
    job = hand.work(retried.id)
    assert job.state is JobState.SUCCEEDED
    assert failed.result is not None
    assert job.result.dataset == failed.result.dataset
    assert len(job.result.evaluation.rows) == 4
    assert jobs.report(core, retried.id).job == retried.id
    # The old job stays what it is.
    assert jobs.view(core, ladd.id).state is JobState.FAILED


def test_retry_keeps_finished_trials(core: Core, hand: Any, ladd: Job) -> None:
    three = ladd.params["evaluation"] | {"architectures": ["ConvNetD3"], "trials": 3}
    job = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=three)
    hand.work(job.id, until="evaluate:ladd:ConvNetD3:1")
    hand.fail(hand.claim(job.id, "evaluate:ladd:ConvNetD3:1"))
    retried, _ = jobs.retry(core, job.id)
    assert [name for name, state in states(retried).items() if state != "succeeded"] == [
        "evaluate:ladd:ConvNetD3:1",
        "report",
    ]
    done = hand.work(retried.id)
    rows = done.result.evaluation.rows
    assert [[trial.trial for trial in row.trials] for row in rows] == [[0, 1, 2]] * 2
    assert [task.attempts[0].started_at for task in done.tasks[:3]] == [
        task.attempts[0].started_at for task in jobs.view(core, job.id).tasks[:3]
    ]


def test_retry_makes_again_what_was_deleted(core: Core, hand: Any, ladd: Job) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    hand.fail(hand.claim(ladd.id, "evaluate:ladd:ResNet18:0"))
    lost = jobs.view(core, ladd.id).result.dataset  # type: ignore[union-attr]
    datasets.delete(core, str(lost))
    retried, _ = jobs.retry(core, ladd.id)
    assert states(retried)["train_labeler"] == "succeeded"
    assert states(retried)["generate_labels"] == "queued"
    job = hand.work(retried.id)
    assert job.result.dataset != lost
    assert {row.dataset for row in job.result.evaluation.rows} == {job.result.dataset}


def test_retry_makes_the_sets_of_control_arms_again(core: Core, hand: Any, ladd: Job) -> None:
    evaluation = ladd.params["evaluation"] | {"arms": ["baseline", "random", "random_ladd"]}
    job = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=evaluation)
    hand.work(job.id, until="random_set")
    hand.fail(hand.claim(job.id, "random_set"))
    retried, _ = jobs.retry(core, job.id)
    assert {name for name, state in states(retried).items() if state == "succeeded"} > {"train_labeler"}
    assert states(retried)["generate_labels:random"] == "queued"
    done = hand.work(retried.id)
    assert done.state is JobState.SUCCEEDED
    rows = done.result.evaluation.rows
    assert {row.arm for row in rows} == {"baseline", "random", "random_ladd"}
    assert all(core.catalogue.dataset(row.dataset) is not None for row in rows)
    # What the trials are called says the sets that they were trained on.
    assert all(any(row.dataset in name and f":{row.arm}:" in name for name in states(done)) for row in rows)


def test_what_is_retried_keeps_its_dataset_from_deletion(core: Core, hand: Any, ladd: Job, refused: Any) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    hand.fail(hand.claim(ladd.id, "evaluate:ladd:ResNet18:0"))
    jobs.retry(core, ladd.id)
    with refused(ErrorCode.DATASET_IN_USE):
        datasets.delete(core, str(jobs.view(core, ladd.id).result.dataset))  # type: ignore[union-attr]


def test_only_what_went_wrong_is_retried(core: Core, hand: Any, ladd: Job, refused: Any) -> None:
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, ladd.id)
    hand.claim(ladd.id, "train_labeler")
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, ladd.id)
    done = hand.submit("train_labeler", source_dataset=ladd.params["source_dataset"], seed=1)
    hand.work(done.id)
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, done.id)
    ingestion = hand.upload().job
    jobs.cancel(core, ingestion)
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, ingestion)
    with refused(ErrorCode.NOT_FOUND):
        jobs.retry(core, new_id("job"))


def test_retry_without_the_datasets_is_refused(core: Core, ladd: Job, refused: Any) -> None:
    jobs.cancel(core, ladd.id)
    datasets.delete(core, ladd.params["dataset"])
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, ladd.id)


def test_cancel_while_queued(core: Core, ladd: Job) -> None:
    job = jobs.cancel(core, ladd.id)
    assert job.state is JobState.CANCELED
    assert set(states(job).values()) == {"canceled"}
    assert job.finished_at is not None
    assert jobs.cancel(core, ladd.id) == job
    assert tasks.claim(core, ladd.id, "train_labeler", "hand") is None


def test_cancel_while_running(core: Core, hand: Any, ladd: Job, refused: Any) -> None:
    claimed = hand.claim(ladd.id, "train_labeler")
    assert tasks.renew(core, claimed) == "held"
    assert jobs.cancel(core, ladd.id).state is JobState.CANCELING
    assert jobs.cancel(core, ladd.id).state is JobState.CANCELING
    assert tasks.renew(core, claimed) == "canceling"
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, ladd.id)
    assert tasks.canceled(core, claimed)
    job = jobs.view(core, ladd.id)
    assert job.state is JobState.CANCELED
    assert [attempt.outcome for attempt in job.tasks[0].attempts] == ["canceled"]
    assert not tasks.canceled(core, claimed)


@pytest.mark.parametrize("how", ["succeed", "fail", "release"])
def test_whatever_ends_a_task_after_a_cancellation_cancels_it(core: Core, hand: Any, ladd: Job, how: str) -> None:
    claimed = hand.claim(ladd.id, "train_labeler")
    jobs.cancel(core, ladd.id)
    if how == "succeed":
        assert not hand.finish(claimed)
    elif how == "fail":
        assert hand.fail(claimed)
    else:
        assert tasks.release(core, claimed)
    assert jobs.view(core, ladd.id).state is JobState.CANCELED
    assert core.catalogue.labelers(limit=10)[0] == []


@pytest.mark.parametrize("how", ["succeed", "fail"])
def test_what_has_ended_is_not_canceled(core: Core, hand: Any, how: str, refused: Any) -> None:
    job = hand.submit("train_labeler", source_dataset=hand.ready_set("source"))
    claimed = hand.claim(job.id, "train_labeler")
    assert hand.finish(claimed) if how == "succeed" else hand.fail(claimed)
    before = jobs.view(core, job.id)
    with refused(ErrorCode.JOB_NOT_CANCELABLE):
        jobs.cancel(core, job.id)
    assert jobs.view(core, job.id) == before
    with refused(ErrorCode.NOT_FOUND):
        jobs.cancel(core, new_id("job"))
