"""The methods of the client against a real front: uploads, listings, jobs, refusals."""

import hashlib
import threading
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import JobError, ProblemError
from pydantic import TypeAdapter, ValidationError

from api_schemas.datasets import DatasetMetadata, DatasetRole, DatasetState
from api_schemas.events import JobEvent
from api_schemas.jobs import Job, JobKind, JobRequest, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.resources.api_keys import Scope

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


def test_a_set_whose_answer_was_lost_is_made_once(server: str, api_proxy: Any, tmp_path: Path) -> None:
    (tmp_path / "images.pt").write_bytes(b"12345")
    api_proxy.cuts = [1]
    with LaddClient(api_proxy.url) as client:
        dataset = client.upload_dataset(DISTILLED, tmp_path / "images.pt")
        assert len(api_proxy.sent) == 2
        assert [each.id for each in client.datasets()] == [dataset.id]


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


def test_wait_raises_for_a_failed_job_and_retry_replaces_it(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    worker.train_labeler(job.id)
    worker.fail(worker.claim(job.id, "generate_labels"), BROKEN)
    with pytest.raises(JobError, match=f"^{job.id} failed: it broke .internal, origin internal.$") as caught:
        client.wait(job.id)
    assert caught.value.job.error == BROKEN
    failed = client.wait(job.id, check=False)
    assert (failed.state, failed.error) == (JobState.FAILED, BROKEN)
    again = client.retry(job.id)
    assert again.id != job.id
    assert client.retry(job.id).id == again.id
    assert next(task.state for task in again.tasks if task.name == "train_labeler") is JobState.SUCCEEDED


def test_cancel_stops_a_job_and_may_be_repeated(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    assert client.cancel(job.id).state is JobState.CANCELED
    assert client.cancel(job.id).state is JobState.CANCELED
    assert client.wait(job.id, check=False).state is JobState.CANCELED


def test_addresses_and_keys_come_from_the_environment(
    server: str, make_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADD_URL", server)
    secret = make_key("acme", Scope.READ)
    with LaddClient() as client, pytest.raises(ProblemError, match="unauthenticated"):
        list(client.jobs())
    monkeypatch.setenv("LADD_API_KEY", secret)
    with LaddClient() as client:
        assert list(client.jobs()) == []
        assert repr(client) == f"LaddClient({server!r})"
    monkeypatch.setenv("LADD_URL", "http://127.0.0.1:9")
    with LaddClient(server) as client:
        assert list(client.jobs()) == []


def test_texts_and_dicts_do_for_paths_and_models(client: LaddClient, worker: Any, tmp_path: Path) -> None:
    file = tmp_path / "images.pt"
    file.write_bytes(b"images")
    dataset = client.upload_dataset({"name": "a set", "role": "distilled"}, str(file))
    assert [sent.name for sent in dataset.files] == ["images.pt"]
    with pytest.raises(ValidationError, match="roll"):
        client.upload_dataset({"name": "a set", "role": "distilled", "roll": 1}, [file])
    distilled, source = worker.ready_pair()
    request = {"kind": "ladd", "params": {"dataset": distilled, "protocol": "quick"}}
    plan = client.validate(request)
    assert (plan.kind, plan.params["source_dataset"]) == ("ladd", source)
    assert client.submit(request).params == plan.params
    imported = {"kind": "weights", "name": "w", "source_dataset": source, "architecture": "ConvNetD3"}
    assert client.import_labeler(imported, str(file)).kind is JobKind.IMPORT_LABELER


def test_what_is_shown_of_a_resource_fits_a_line(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    assert repr(client.job(job.id)) == f"Job(id='{job.id}', kind='ladd', state='queued', error=None)"
    worker.run_ladd(job)
    dataset = next(client.datasets())
    shown = f"Dataset(id='{dataset.id}', name='{dataset.name}', role='distilled', state='ready', reasons=[])"
    assert repr(dataset) == shown
    [labeler] = client.labelers()
    assert repr(labeler).startswith(f"Labeler(id='{labeler.id}', name=None, source_dataset=")
    assert repr(client.report(job.id)) == f"Report(job='{job.id}', kind='ladd', notes=['made by hand'])"


def test_one_call_with_sets_that_are_there(client: LaddClient, worker: Any) -> None:
    distilled, source = worker.ready_pair()
    ended: list[Job] = []
    evaluation = {"architectures": ["ConvNetD3"], "trials": 1}
    waiting = threading.Thread(
        target=lambda: ended.append(client.ladd(distilled, source, evaluation=evaluation, tags={"by": "hand"}))
    )
    waiting.start()
    started: list[Job] = []
    while not started:
        started = list(client.jobs(JobKind.LADD))
    worker.run_ladd(started[0])
    waiting.join(30)
    [job] = ended
    assert (job.state, job.tags, job.params["source_dataset"]) == (JobState.SUCCEEDED, {"by": "hand"}, source)


def test_one_call_raises_for_a_rejected_upload(client: LaddClient, worker: Any, tmp_path: Path) -> None:
    (tmp_path / "images.pt").write_bytes(b"images")
    raised: list[BaseException] = []

    def call() -> None:
        try:
            client.ladd(tmp_path / "images.pt")
        except JobError as error:
            raised.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    waiting: list[Any] = []
    while not waiting:
        waiting = list(client.datasets(state=DatasetState.VALIDATING))
    worker.fail(worker.claim(waiting[0].job, "ingest"), BROKEN)
    calling.join(30)
    assert "failed: it broke" in str(raised[0])
    assert list(client.jobs(JobKind.LADD)) == []
