"""Tasks as a worker claims them, tells about them, and hands them in."""

from pathlib import Path
from typing import Any

import pytest

from api_schemas.events import EventType
from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode
from api_schemas.runner import LogEvent, MetricEvent, ProgressEvent, RowEvent
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.redis_keys import LEASES
from service.core.kinds.task_types import TASKS
from service.core.lifecycle import reports, tasks
from service.core.lifecycle.tasks import ClaimedTask
from service.core.objects.storage import Storage, blob_key
from service.core.resources import datasets, events, jobs
from service.core.upkeep import reaper


@pytest.fixture
def job(hand: Any) -> Job:
    """A training of which nothing is done."""
    return hand.submit("train_labeler", source_dataset=hand.ready_set("source"))  # type: ignore[no-any-return]


def let_the_lease_run_out(core: Core, claimed: ClaimedTask) -> None:
    core.redis.zadd(LEASES, {f"{claimed.job_id} {claimed.name}": 1})
    assert reaper.reap_once(core)


def test_a_claim_has_all_that_a_runner_needs(core: Core, hand: Any, job: Job) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    assert (claimed.attempt, claimed.stage, claimed.type) == (1, "train_labeler", "train_labeler")
    assert claimed.timeout_seconds == TASKS[claimed.type].timeout_seconds
    assert claimed.stall_seconds == TASKS[claimed.type].stall_seconds
    assert claimed.params["recipe"]["epochs"] == 10
    assert sorted(claimed.inputs["source"]) == [
        "train_images.npy",
        "train_labels.npy",
        "val_images.npy",
        "val_labels.npy",
    ]
    assert claimed.documents["source"] == datasets.view(core, job.params["source_dataset"]).model_dump(mode="json")
    assert tasks.claim(core, job.id, "train_labeler", "other") is None


def test_events_of_the_runner_are_shown(core: Core, hand: Any, job: Job) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    progress = ProgressEvent(
        event="progress", stage="train_labeler", done=2500, total=10_000, unit="images", rate=50.0, eta_seconds=150.0
    )
    for event in (
        progress,
        MetricEvent(event="metric", name="labeler_epoch", values={"epoch": 1}),
        RowEvent(event="row", values={"accuracy": 50.0}),
        LogEvent(event="log", level="warning", message="careful"),
    ):
        assert tasks.record(core, claimed, event)
    shown = jobs.view(core, job.id)
    assert shown.progress is not None
    assert shown.progress == shown.tasks[0].progress
    assert shown.progress.model_dump() == progress.model_dump(exclude={"event"})
    told = [event for event in events.read(core, job.id, None, 100) if event.type is not EventType.STATE]
    assert [(event.task, event.type.value, event.data) for event in told] == [
        ("train_labeler", "progress", progress.model_dump(exclude={"event"})),
        ("train_labeler", "metric", {"name": "labeler_epoch", "values": {"epoch": 1}}),
        ("train_labeler", "row", {"values": {"accuracy": 50.0}}),
        ("train_labeler", "log", {"level": "warning", "message": "careful"}),
    ]
    let_the_lease_run_out(core, claimed)
    shown = jobs.view(core, job.id)
    assert shown.progress is not None
    assert shown.progress.done == 0


def test_a_checkpoint_is_there_for_the_next_attempt(core: Core, hand: Any, job: Job, tmp_path: Path) -> None:
    first = hand.claim(job.id, "train_labeler")
    assert first.checkpoint == {}
    for content in (b"epoch 1", b"epoch 2"):
        kept = {"resume.pt": hand.file(content), "epoch_001.safetensors": hand.file(b"weights")}
        assert tasks.keep_checkpoint(core, first, kept)
    let_the_lease_run_out(core, first)
    second = hand.claim(job.id, "train_labeler")
    assert sorted(second.checkpoint) == ["epoch_001.safetensors", "resume.pt"]
    core.storage.download(second.checkpoint["resume.pt"], tmp_path / "resume.pt")
    assert (tmp_path / "resume.pt").read_bytes() == b"epoch 2"
    others = {blob_key(digest) for digest in second.checkpoint.values()}
    source = core.catalogue.dataset(job.params["source_dataset"])
    assert source is not None
    # What epoch 1 kept is gone already, and the rest goes with the job.
    stored = {blob_key(blob.sha256) for blob in source.blobs.values()}
    assert set(core.storage.list_keys("blobs/")) == stored | others
    assert hand.fail(second)
    assert set(core.storage.list_keys("blobs/")) == stored


def test_a_checkpoint_after_a_cancellation_is_refused(core: Core, hand: Any, job: Job, refused: Any) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    jobs.cancel(core, job.id)
    assert not tasks.keep_checkpoint(core, claimed, {"resume.pt": hand.file(b"late")})


def test_nothing_shows_before_its_manifest_is_written(core: Core, hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The states of a dataset that readers see at every write of its ingestion: it validates until the very last."""
    dataset = hand.upload()
    claimed = hand.claim(dataset.job, "ingest")
    seen = []
    put_json, upload_blob = Storage.put_json, Storage.upload_blob

    def watched(write: Any) -> Any:
        def watching(storage: Storage, key: Any, *arguments: Any, **options: Any) -> Any:
            answer = write(storage, key, *arguments, **options)
            seen.append((Path(str(key)).name, datasets.view(core, dataset.id).state.value))
            return answer

        return watching

    monkeypatch.setattr(Storage, "put_json", watched(put_json))
    monkeypatch.setattr(Storage, "upload_blob", watched(upload_blob))
    assert hand.finish(claimed)
    assert seen.pop() == ("end.json", "ready")
    assert len(seen) == 5
    assert [state for _, state in seen] == ["validating"] * 5
    assert [name for name, _ in seen[2:]] == ["manifest.json", "1.json", "result.json"]
    assert datasets.view(core, dataset.id).state.value == "ready"


def test_results_that_are_not_what_they_must_be_are_refused(core: Core, hand: Any, job: Job, refused: Any) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    result = trained()
    with pytest.raises(ValueError, match="epoch_010"):
        tasks.succeed(core, claimed, result, {})
    with pytest.raises(KeyError, match="epochs"):
        tasks.succeed(core, claimed, {}, {})
    assert core.storage.list_keys("labelers/") == []
    dataset = hand.ready_set(source_dataset=job.params["source_dataset"])
    few = {"dataset": dataset, "arms": ["baseline"], "architectures": ["ConvNetD3"], "trials": 1}
    pair = [hand.work(hand.submit("evaluate", **few, seed=seed).id).id for seed in (0, 1)]
    comparison = hand.claim(hand.submit("compare", jobs=pair).id, "compare")
    with pytest.raises(ValueError, match="makes nothing"):
        tasks.succeed(core, comparison, {}, {"model.pt": hand.file(b"weights")})


def trained() -> dict[str, Any]:
    row = {
        "epoch": 10,
        "train_loss": 1.0,
        "train_accuracy": 50.0,
        "val_accuracy": 40.0,
        "mean_entropy": 0.5,
        "seconds": 1.0,
        "checkpoint": "epoch_010.safetensors",
    }
    return {"epochs": [row], "flops": 1}


def test_many_results_come_in_parts(core: Core, hand: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = {"architectures": ["ConvNetD3"], "trials": 2}
    dataset = hand.ready_set(source_dataset=job.params["source_dataset"])
    ladd = hand.submit("ladd", dataset=dataset, evaluation=evaluation)
    hand.work(ladd.id, until="report")
    monkeypatch.setattr(tasks, "RESULTS_AT_ONCE", 4)
    claimed = hand.claim(ladd.id, "report")
    names = [task.name for task in ladd.tasks[:-1]]
    assert len(names) == 6
    assert list(claimed.documents) == ["labeler_0", *names]
    assert claimed.documents["evaluate:ladd:ConvNetD3:1"]["row"]["trial"]["trial"] == 1


def test_a_task_whose_input_is_gone_fails(core: Core, hand: Any, job: Job) -> None:
    core.redis.delete(f"ladd:dataset:{job.params['source_dataset']}")
    with pytest.raises(ServiceError):
        tasks.claim(core, job.id, "train_labeler", "hand")
    failed = jobs.view(core, job.id)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert job.params["source_dataset"] in failed.error.message


def test_a_claim_during_an_outage_of_the_storage_is_given_back(
    core: Core, hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = hand.ready_set("source")
    labelling = hand.submit("generate_labels", dataset=hand.ready_set(), labeler=hand.trained_labeler(source))
    hand.finish(hand.claim(labelling.id, "generate_labels"))

    def unavailable(*_: Any) -> None:
        raise ServiceError(ErrorCode.UNAVAILABLE, "out")

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "get_json", unavailable)
        with pytest.raises(ServiceError, match="out"):
            tasks.claim(core, labelling.id, "report", "hand")
    assert jobs.view(core, labelling.id).tasks[1].state is JobState.QUEUED
    assert hand.work(labelling.id).state is JobState.SUCCEEDED
    assert reports.report_key(labelling.id) in core.storage.list_keys("jobs/")
