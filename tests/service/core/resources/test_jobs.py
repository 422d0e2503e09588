"""Whole jobs from submission to result, driven by a worker that claims and finishes tasks."""

from typing import Any

from pydantic import TypeAdapter

from api_schemas.jobs import Job, JobKind, JobRequest, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.foundation.listing import EVERYTHING
from service.core.lifecycle import tasks
from service.core.queue import workers
from service.core.queue.workers import Sign
from service.core.resources import datasets, events, jobs, labelers

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


def states(job: Job) -> dict[str, str]:
    return {task.name: task.state.value for task in job.tasks}


def test_a_whole_ladd_job(core: Core, hand: Any, ladd: Job) -> None:
    assert (ladd.kind, ladd.state, ladd.started_at, ladd.result) == (JobKind.LADD, JobState.QUEUED, None, None)
    assert ladd.progress is not None
    assert (ladd.progress.stage, ladd.progress.done, ladd.progress.total) == ("train_labeler", 0, 11_000)
    job = hand.work(ladd.id)
    assert job.state is JobState.SUCCEEDED
    assert set(states(job).values()) == {"succeeded"}
    assert job.created_at <= job.started_at <= job.finished_at
    assert [attempt.outcome for task in job.tasks for attempt in task.attempts] == ["succeeded"] * len(job.tasks)
    assert (job.progress.stage, job.progress.done) == ("report", 1)

    augmented = datasets.view(core, job.result.dataset)
    assert augmented.role == "distilled"
    assert augmented.job == job.id
    assert augmented.augmentation is not None
    assert augmented.augmentation.parent == ladd.params["dataset"]
    assert augmented.augmentation.labeler == job.result.labeler
    assert augmented.metadata.source_dataset == ladd.params["source_dataset"]
    assert augmented.stats is not None
    assert augmented.stats.sha256 != datasets.view(core, ladd.params["dataset"]).stats.sha256  # type: ignore[union-attr]
    labeler = labelers.view(core, job.result.labeler)
    assert [row.checkpoint for row in labeler.epochs if row.checkpoint] == ["epoch_010.safetensors"]
    assert (labeler.architecture, labeler.job, labeler.flops) == ("ConvNetD3", job.id, 10**12)

    rows = {(row.arm, row.architecture) for row in job.result.evaluation.rows}
    assert rows == {
        (arm, architecture)
        for arm in ("baseline", "ladd")
        for architecture in ladd.params["evaluation"]["architectures"]
    }
    assert {row.dataset for row in job.result.evaluation.rows} == {augmented.id}
    report = jobs.report(core, job.id)
    assert report.job == job.id
    assert report.params == job.params
    assert job.links.report == f"/v1/jobs/{job.id}/report"
    assert job.links.archive == augmented.links.archive == f"/v1/datasets/{augmented.id}/archive"
    assert core.storage.get_json(f"jobs/{job.id}/request.json") is not None


def test_what_a_job_leaves_in_redis_is_its_record_alone(core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id)
    assert core.redis.exists("ladd:ready", "ladd:leases", "ladd:followups") == 0
    assert core.redis.keys("ladd:dataset:*:jobs") == []
    datasets.delete(core, ladd.params["dataset"])


def test_a_partial_result_is_shown_as_soon_as_it_is_there(core: Core, hand: Any, ladd: Job) -> None:
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    result = jobs.view(core, ladd.id).result
    assert result is not None
    assert (result.labeler is not None, result.dataset) == (True, None)
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    job = jobs.view(core, ladd.id)
    assert job.result is not None
    assert job.result.dataset is not None
    assert job.links.archive is not None
    assert job.progress is not None
    assert job.progress.stage == "evaluate"


def test_a_task_waits_for_those_before_it(core: Core, hand: Any, ladd: Job) -> None:
    assert tasks.claim(core, ladd.id, "generate_labels", "hand") is None
    hand.finish(hand.claim(ladd.id, "train_labeler"))
    assert tasks.claim(core, ladd.id, "evaluate:ladd:ResNet18:0", "hand") is None
    hand.finish(hand.claim(ladd.id, "generate_labels"))
    claimed = hand.claim(ladd.id, "evaluate:ladd:ResNet18:0")
    assert sorted(claimed.inputs["dataset"]) == ["dense_labels.npy", "images.npy", "labels.npy"]
    assert sorted(claimed.inputs["source"]) == ["val_images.npy", "val_labels.npy"]
    assert claimed.documents["dataset"]["augmentation"]["parent"] == ladd.params["dataset"]
    assert tasks.claim(core, ladd.id, "report", "hand") is None


def test_a_confirmation_gets_the_results_that_decide_about_it(core: Core, hand: Any, ladd: Job) -> None:
    evaluation = {
        "architectures": ["ConvNetD3", "ViT"],
        "trials": 2,
        "overrides": {"epochs": 2, "views": "progressive"},
    }
    job = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=evaluation)
    hand.finish(hand.claim(job.id, "train_labeler"))
    hand.finish(hand.claim(job.id, "generate_labels"))
    decisive = [f"evaluate:{arm}:ViT:{trial}" for trial in range(2) for arm in ("baseline", "ladd")]
    for name in decisive:
        assert tasks.claim(core, job.id, "confirm:ladd:ViT:0", "hand") is None
        hand.finish(hand.claim(job.id, name))
    claimed = hand.claim(job.id, "confirm:ladd:ViT:0")
    assert set(claimed.documents) == {"dataset", "source", *decisive}
    assert [claimed.documents[name]["row"]["trial"]["trial"] for name in decisive] == [0, 0, 1, 1]
    assert sorted(claimed.inputs) == ["dataset", "source"]
    decision = {"open": False, "mean_difference": 5.0, "ci95": [4.0, 6.0]}
    assert tasks.succeed(core, claimed, {"row": None, "decision": decision}, {})
    shown = jobs.view(core, job.id)
    assert states(shown)["confirm:ladd:ViT:0"] == "succeeded"
    assert shown.cost is not None
    assert shown.cost.counted.deployment is not None
    assert shown.cost.counted.deployment.flops == len(decisive) * 10**9


def test_a_labeler_is_trained_once(core: Core, hand: Any, ladd: Job) -> None:
    second = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=None)
    assert "train_labeler" in states(second)
    first = hand.work(ladd.id)
    # It was planned with a training that is not needed any more.
    assert tasks.claim(core, second.id, "train_labeler", "hand") is None
    job = hand.work(second.id)
    assert states(job)["train_labeler"] == "succeeded"
    assert job.result.labeler == first.result.labeler
    third = hand.submit("ladd", dataset=ladd.params["dataset"], evaluation=None)
    assert "train_labeler" not in states(third)
    training = hand.submit("train_labeler", source_dataset=ladd.params["source_dataset"])
    assert tasks.claim(core, training.id, "train_labeler", "hand") is None
    again = jobs.view(core, training.id)
    assert again.state is JobState.SUCCEEDED
    assert again.result is not None
    assert again.result.labeler == first.result.labeler
    assert again.result.flops is not None
    assert again.result.flops.labeler_training == 10**12


def test_idempotency_key(core: Core, hand: Any, refused: Any) -> None:
    source = hand.ready_set("source")
    first = hand.submit("train_labeler", key="once", source_dataset=source)
    assert hand.submit("train_labeler", key="once", source_dataset=source, epochs=10).id == first.id
    with refused(ErrorCode.IDEMPOTENCY_KEY_REUSED):
        hand.submit("train_labeler", key="once", source_dataset=source, epochs=11)
    with refused(ErrorCode.IDEMPOTENCY_KEY_REUSED):
        hand.submit("train_labeler", key="once", source_dataset=source, tags={"a": "b"})
    assert hand.submit("train_labeler", key="twice", source_dataset=source).id != first.id
    # It holds when the request could not be planned any more.
    hand.work(first.id)
    for job in jobs.page(core, EVERYTHING.also([JobState.QUEUED])).items:
        jobs.cancel(core, job.id)
    datasets.delete(core, source)
    assert hand.submit("train_labeler", key="once", source_dataset=source).state is JobState.SUCCEEDED


def test_pages_of_jobs(core: Core, hand: Any, refused: Any) -> None:
    source = hand.ready_set("source")
    made = [hand.submit("train_labeler", source_dataset=source, tags={"n": str(n), "all": "x"}).id for n in range(5)]
    jobs.cancel(core, made[2])
    first = jobs.page(core, EVERYTHING.also(kind=JobKind.TRAIN_LABELER), None, 3)
    assert [job.id for job in first.items] == made[:1:-1]
    hand.submit("train_labeler", source_dataset=source)
    second = jobs.page(core, EVERYTHING.also(kind=JobKind.TRAIN_LABELER), first.next_cursor, 3)
    assert ([job.id for job in second.items], second.next_cursor) == (made[1::-1], None)

    def ids(**filters: Any) -> list[str]:
        return [job.id for job in jobs.page(core, EVERYTHING.also(**filters)).items]

    assert ids(states=[JobState.CANCELED]) == [made[2]]
    assert ids(tags={"n": "3", "all": "x"}) == [made[3]]
    assert ids(tags={"n": "3", "all": "y"}) == []
    assert len(ids(kind=JobKind.INGEST_DATASET)) == 1
    assert len(ids()) == 7
    with refused(ErrorCode.INVALID_REQUEST):
        jobs.page(core, EVERYTHING, "yesterday")


def test_a_listing_leaves_the_rows_out(core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id)
    (listed,) = jobs.page(core, EVERYTHING.also(kind=JobKind.LADD)).items
    assert listed.result is not None
    assert (listed.result.evaluation, listed.result.storage is None) == (None, False)


def test_report_comes_last(core: Core, hand: Any, ladd: Job, refused: Any) -> None:
    with refused(ErrorCode.JOB_NOT_FINISHED):
        jobs.report(core, ladd.id)
    job = hand.submit("train_labeler", source_dataset=ladd.params["source_dataset"])
    hand.work(job.id)
    with refused(ErrorCode.NO_REPORT):
        jobs.report(core, job.id)
    with refused(ErrorCode.NOT_FOUND):
        jobs.report(core, new_id("job"))


def test_the_log_tells_the_whole_story(core: Core, hand: Any) -> None:
    job = hand.submit("train_labeler", source_dataset=hand.ready_set("source"))
    hand.work(job.id)
    story = [(event.task, event.data["state"]) for event in events.read(core, job.id, None, 100)]
    assert story == [
        (None, "queued"),
        (None, "running"),
        ("train_labeler", "running"),
        ("train_labeler", "succeeded"),
        (None, "succeeded"),
    ]


def test_a_job_that_nobody_takes_says_so_until_it_has_ended(core: Core, hand: Any, ladd: Job) -> None:
    nobody = "no worker takes queue gpu: start one (LADD_WORKER_QUEUES)"

    def waiting() -> set[str | None]:
        listed = jobs.page(core, EVERYTHING.also(kind=JobKind.LADD)).items
        return {job.waiting for job in [jobs.view(core, ladd.id), *listed]}

    workers.beat(core.redis, "a", Sign({"cpu": 1, "io": 1}))
    assert waiting() == {nobody}
    request = REQUEST.validate_python({"kind": "ladd", "params": {"dataset": ladd.params["dataset"]}})
    assert jobs.validate(core, request).waiting == nobody
    # Also of the trainings that are not ready yet.
    hand.claim(ladd.id, "train_labeler")
    assert waiting() == {nobody}
    workers.beat(core.redis, "b", Sign({"gpu": 0}))
    assert waiting() == {None}
    assert jobs.validate(core, request).waiting is None
    workers.leave(core.redis, "b")
    jobs.cancel(core, ladd.id)
    assert waiting() == {None}


def test_keys_of_before_there_were_fields_stand_for_the_same_requests() -> None:
    request = TypeAdapter(JobRequest).validate_python({"kind": "evaluate", "params": {"dataset": "ds_" + "0" * 26}})
    told = jobs._digested(request)
    assert not {"keep_models", "reuse"} & set(told["params"])
    assert not {"name", "deadline", "priority", "validate_only"} & set(told)
    asks = {"kind": "ladd", "params": {"dataset": "ds_" + "0" * 26, "evaluation": {"keep_models": True}}}
    assert jobs._digested(TypeAdapter(JobRequest).validate_python(asks))["params"]["evaluation"]["keep_models"] is True
