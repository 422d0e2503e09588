"""The methods of the client against a real front: uploads, listings, jobs, refusals."""

import hashlib
import threading
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.datasets import DatasetMetadata, DatasetRole, DatasetState
from api_schemas.events import JobEvent
from api_schemas.jobs import Job, JobKind, JobRequest, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from client.api import LaddClient
from client.errors import ProblemError

DISTILLED = DatasetMetadata(name="a set", role=DatasetRole.DISTILLED)
BROKEN = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message="it broke", reasons=[])
JOB_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


def test_readiness_names_what_it_checked(client: LaddClient) -> None:
    readiness = client.readiness()
    assert readiness.status == "ok"
    assert set(readiness.checks.values()) == {"ok"}


def test_upload_sends_every_byte_of_every_file_and_says_how_far_it_is(client: LaddClient, tmp_path: Path) -> None:
    contents = {"images_best.pt": bytes(range(256)) * 1000, "labels_best.pt": b"labels", "empty.pt": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    seen: list[tuple[int, int]] = []
    dataset = client.upload_dataset(
        DISTILLED, [tmp_path / name for name in contents], lambda done, total: seen.append((done, total))
    )
    assert dataset.state is DatasetState.VALIDATING
    assert {file.name: file.sha256 for file in dataset.files} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (256_006, 256_006)
    assert client.dataset(dataset.id) == dataset


def test_upload_of_a_large_file_holds_little_of_it_in_memory(client: LaddClient, tmp_path: Path) -> None:
    large = tmp_path / "source.tar"
    with large.open("wb") as file:
        file.truncate(96 << 20)
    tracemalloc.start()
    try:
        client.upload_dataset(DISTILLED, [large])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The front runs in this process too and holds a part or two of 8 MiB.
    assert peak < 48 << 20


def test_a_missing_file_is_refused_before_anything_is_sent(client: LaddClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.upload_dataset(DISTILLED, [tmp_path / "absent.pt"])
    assert list(client.datasets()) == []


def test_listings_go_on_over_pages_and_filter(client: LaddClient, worker: Any) -> None:
    sets = [worker.upload() for _ in range(21)]
    worker.ingest(sets[0])
    assert [dataset.id for dataset in client.datasets()] == [dataset.id for dataset in reversed(sets)]
    assert [dataset.id for dataset in client.datasets(state=DatasetState.READY)] == [sets[0].id]
    assert list(client.datasets(role=DatasetRole.SOURCE)) == []
    assert [job.kind for job in islice(client.jobs(kind=JobKind.INGEST_DATASET), 30)] == ["ingest_dataset"] * 21
    assert len(list(client.jobs(state=JobState.SUCCEEDED))) == 1


def test_a_deleted_set_is_gone(client: LaddClient, worker: Any) -> None:
    dataset = worker.upload()
    worker.ingest(dataset)
    client.delete_dataset(dataset.id)
    with pytest.raises(ProblemError) as raised:
        client.dataset(dataset.id)
    assert raised.value.problem.code is ErrorCode.NOT_FOUND


def test_a_refused_job_names_field_rule_and_value(client: LaddClient, worker: Any) -> None:
    distilled, _ = worker.ready_pair()
    request = {"kind": "ladd", "params": {"dataset": distilled, "labeler": {"epochs": 3}, "epoch": 7}}
    with pytest.raises(ProblemError) as raised:
        client.submit(JOB_REQUEST.validate_python(request))
    [reason] = raised.value.problem.reasons
    assert raised.value.problem.code is ErrorCode.INVALID_REQUEST
    assert reason.location == "body.params.epoch"
    for part in (reason.location, reason.rule, str(reason.value), "HTTP 422"):
        assert part in str(raised.value)


def test_the_same_key_gives_the_same_job_and_no_key_a_new_one(client: LaddClient, worker: Any) -> None:
    distilled, _ = worker.ready_pair()
    request = JOB_REQUEST.validate_python({"kind": "ladd", "params": {"dataset": distilled}, "tags": {"run": "1"}})
    first = client.submit(request, "key")
    assert client.submit(request, "key").id == first.id
    second = client.submit(request)
    assert second.id != first.id
    assert [job.id for job in client.jobs(tags={"run": "1"})] == [second.id, first.id]
    assert list(client.jobs(tags={"run": "2"})) == []


def test_a_job_whose_answer_was_lost_is_not_started_twice(client: LaddClient, worker: Any, api_proxy: Any) -> None:
    distilled, _ = worker.ready_pair()
    request = JOB_REQUEST.validate_python({"kind": "ladd", "params": {"dataset": distilled}})
    api_proxy.cuts = [40]
    with LaddClient(api_proxy.url) as unlucky:
        job = unlucky.submit(request)
    assert len(api_proxy.sent) == 2
    assert [found.id for found in client.jobs(kind=JobKind.LADD)] == [job.id]


def test_wait_hears_of_every_change_and_returns_the_result(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    events: list[JobEvent] = []
    ended: list[Job] = []
    waiting = threading.Thread(target=lambda: ended.append(client.wait(job.id, events.append)))
    waiting.start()
    worker.run_ladd(job)
    waiting.join(30)
    [done] = ended
    assert done.state is JobState.SUCCEEDED
    assert done.result is not None
    assert done.result.evaluation is not None
    assert done.result.evaluation.rows[0].mean == 61.5
    changes = [(event.task, event.data["state"]) for event in events if event.type == "state"]
    assert changes[-1] == (None, "succeeded")
    assert ("train_labeler", "succeeded") in changes
    assert client.report(job.id).hardware == "a pencil"
    [labeler] = client.labelers()
    assert done.result.labeler == labeler.id
    assert client.labeler(labeler.id) == labeler
    assert labeler.epochs[0].val_accuracy == 70.25


def test_wait_returns_a_failed_job_and_retry_replaces_it(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    worker.train_labeler(job.id)
    worker.fail(worker.claim(job.id, "generate_labels"), BROKEN)
    failed = client.wait(job.id)
    assert failed.state is JobState.FAILED
    assert failed.error == BROKEN
    again = client.retry(job.id)
    assert again.id != job.id
    assert client.retry(job.id).id == again.id
    assert next(task.state for task in again.tasks if task.name == "train_labeler") is JobState.SUCCEEDED


def test_cancel_stops_a_job_and_may_be_repeated(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    assert client.cancel(job.id).state is JobState.CANCELED
    assert client.cancel(job.id).state is JobState.CANCELED
    assert client.wait(job.id).state is JobState.CANCELED
