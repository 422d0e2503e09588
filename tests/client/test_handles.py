"""Jobs and sets that know their client, and how a notebook shows them."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from ladd_client import LaddClient
from ladd_client.errors import ClientError, JobError, ProblemError
from ladd_client.handles import Dataset, Job
from ladd_client.transport import parsed

from api_schemas import jobs
from api_schemas.datasets import DatasetRole, DatasetState
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import ProgressEvent

NASTY = "<script>alert('x')</script>"


def test_a_job_can_be_followed_and_asked_for_what_it_made(client: LaddClient, worker: Any, tmp_path: Path) -> None:
    job: Job = worker.start_ladd()
    assert isinstance(job, jobs.Job)
    assert job.tasks[0].name == "train_labeler"
    archive = worker.run_ladd(job)
    ended = job.wait(progress=True)
    assert (job.state, ended.state, job.refresh()) == (JobState.QUEUED, JobState.SUCCEEDED, ended)
    assert list(ended.events())[-1].data["state"] == "succeeded"
    assert ended.report().hardware == "a pencil"
    made = ended.archive()
    assert (made.role, made.augmentation is not None) == (DatasetRole.DISTILLED, True)
    for handle, name in ((ended, "a.zip"), (made, "b.zip")):
        assert handle.download(tmp_path / name).read_bytes() == archive
    ended.delete()
    with pytest.raises(ProblemError, match="not_found"):
        ended.refresh()
    made.delete()
    assert made.id not in [dataset.id for dataset in client.datasets()]


def test_a_job_is_canceled_and_started_again(worker: Any) -> None:
    job: Job = worker.start_ladd()
    assert job.cancel().state is JobState.CANCELED
    with pytest.raises(JobError, match="canceled"):
        job.wait()
    assert job.wait(check=False).retry().refresh().state is JobState.QUEUED
    with pytest.raises(ClientError, match="has made no label-augmented set"):
        job.archive()


def test_a_set_is_seen_through_its_validation(client: LaddClient, worker: Any) -> None:
    dataset: Dataset = worker.upload()
    worker.ingest(dataset)
    assert dataset.wait().state is DatasetState.READY
    rejected: Dataset = worker.upload()
    broken = TaskError(code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message="it is bad", reasons=[])
    worker.fail(worker.claim(rejected.job, "ingest"), broken)
    with pytest.raises(JobError, match="it is bad"):
        rejected.wait()


def test_items_of_lists_are_bound_too_and_their_page_is_a_table(client: LaddClient, worker: Any) -> None:
    job: Job = worker.start_ladd()
    page = client.jobs().page()
    assert page.items[0].refresh().id == job.id
    assert page.next() is None
    assert f"<td>{job.id}</td>" in page._repr_html_()


def test_one_without_a_client_says_so(worker: Any) -> None:
    job: Job = worker.start_ladd()
    copy = pickle.loads(pickle.dumps(job))
    assert (copy.id, copy.tasks) == (job.id, job.tasks)
    with pytest.raises(ClientError, match="this Job was read by no client: ask one for it by its id"):
        copy.cancel()


def test_a_repr_asks_nobody(server: str, worker: Any) -> None:
    job: Job = worker.start_ladd()
    with LaddClient(server) as gone:
        found = gone.job(job.id)
        dataset = gone.dataset(job.params["dataset"])
    gone._transport = None  # type: ignore[assignment]
    assert repr(found) == f"Job(id='{job.id}', kind='ladd', state='queued', error=None)"
    assert repr(dataset).startswith(f"Dataset(id='{dataset.id}', name=")
    assert "\n" not in repr(found) + repr(dataset)
    assert found._repr_html_().startswith(f"<div><div><b>{job.id}</b> ladd, queued</div>")


def test_a_notebook_shows_how_far_a_job_is_and_why_it_failed(worker: Any) -> None:
    job: Job = worker.start_ladd()
    claimed = worker.claim(job.id, "train_labeler")
    event = ProgressEvent(
        event="progress", stage="train_labeler", done=10, total=20, unit="images", rate=100.0, eta_seconds=0.1
    )
    worker.say(claimed, event)
    shown = job.refresh()._repr_html_()
    assert '<progress value="0.5" max="1"></progress> train_labeler: 10 of 20 images, 0.1 s left' in shown
    assert '<progress value="0" max="2"></progress> evaluate: 0 of 2' in shown
    worker.fail(claimed, TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message=NASTY, reasons=[]))
    failed = job.refresh()._repr_html_()
    assert "failed: &lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in failed
    assert "<script" not in failed


def test_a_notebook_shows_a_set_with_its_pictures_where_they_can_be_had(
    server: str, worker: Any, s3_proxy: Any
) -> None:
    dataset: Dataset = worker.upload()
    worker.ingest(dataset, preview=b"\x89PNG pictures")
    ready = dataset.refresh()
    assert ready.preview() == b"\x89PNG pictures"
    assert 'src="data:image/png;base64,iVBORyBwaWN0dXJlcw=="' in ready._repr_html_()
    assert "2 images of 3 × 32 × 32, 2 classes" in ready._repr_html_()
    s3_proxy.cuts = [0]
    with LaddClient(server) as fresh:
        assert "<img" not in fresh.dataset(dataset.id)._repr_html_()
    assert s3_proxy.cuts == []
    assert "<img" not in dataset._repr_html_()


def test_names_are_escaped(worker: Any) -> None:
    dataset: Dataset = worker.upload(name=NASTY)
    assert "<script" not in dataset._repr_html_()
    assert "&lt;script&gt;" in dataset._repr_html_()


def test_a_notebook_shows_a_report_as_its_tables_and_a_labeler_as_its_checkpoints(
    client: LaddClient, worker: Any
) -> None:
    job: Job = worker.start_ladd()
    worker.run_ladd(job)
    report = job.report()._repr_html_()
    assert report.count("<table>") >= 3
    assert "<td>ConvNetD3</td>" in report
    assert "61.50 ± 0.00" in report
    assert "note: made by hand" in report
    [labeler] = client.labelers()
    assert "<td>10</td><td>70.25 %</td><td>0.700</td>" in labeler._repr_html_()


def test_what_a_newer_service_says_besides_is_left_out(worker: Any, client: LaddClient) -> None:
    job: Job = worker.start_ladd()
    answer = client._transport.request("GET", f"/v1/jobs/{job.id}", repeatable=True)
    document = answer.json()
    document["mood"] = "good"
    document["tasks"][0]["mood"] = "good"
    answer._content = json.dumps(document).encode()
    assert parsed(Job, answer).id == job.id
