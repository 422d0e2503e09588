"""The calls of `LaddClient` that are about jobs."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter
from rich.console import Console

from api_schemas.datasets import Dataset as AnyDataset
from api_schemas.events import EventType, JobEvent
from api_schemas.job_plans import JobPlan
from api_schemas.jobs import Job as AnyJob
from api_schemas.jobs import JobKind, JobRequest, JobState
from api_schemas.presets import JobBody, PaperMethod, PresetList
from api_schemas.task_logs import LogLine
from ladd_client.arguments import job_of, raise_unless_succeeded
from ladd_client.calls import Calls
from ladd_client.download import fetch
from ladd_client.filters import Filters, query, several
from ladd_client.form import ProgressCallback
from ladd_client.handles import Job, Report
from ladd_client.pages import Listing, PageOf
from ladd_client.sse import follow
from ladd_client.stages import StageBoard
from ladd_client.watch import watch

JOB_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


class JobCalls(Calls):
    """Jobs: start, list, follow, report."""

    def download_model(
        self, job_id: str, sha256: str, destination: str | Path, on_progress: ProgressCallback | None = None
    ) -> Path:
        """Fetch the network of a trial, a safetensors file: `model` of its row has the digest."""
        return fetch(self._transport, f"/v1/jobs/{job_id}/models/{sha256}", sha256, destination, on_progress)

    def presets(self) -> PresetList:
        """The paper's experiments."""
        return self._get(PresetList, "/v1/presets")

    def preset(
        self,
        name: str,
        dataset: str,
        source_dataset: str | None = None,
        method: PaperMethod | None = None,
        plus_dataset: str | None = None,
    ) -> JobBody:
        """One of them as a job for a distilled set, which `method` says the origin of."""
        query = {"dataset": dataset, "source_dataset": source_dataset, "method": method, "plus_dataset": plus_dataset}
        return self._get(JobBody, f"/v1/presets/{name}", query)

    def submit(self, request: JobRequest | Mapping[str, Any], idempotency_key: str | None = None) -> Job:
        """Start a job. A repeated call with the same key and request gives the same job."""
        request = JOB_REQUEST.validate_python(request)
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4()), "Content-Type": "application/json"}
        body = request.model_dump_json(exclude_unset=True)
        return self._parsed(
            Job, self._transport.request("POST", "/v1/jobs", repeatable=True, headers=headers, content=body)
        )

    def validate(self, request: JobRequest | Mapping[str, Any]) -> JobPlan:
        """The plan of a job and its predicted cost; nothing is started. Raises what `submit` raises."""
        request = JOB_REQUEST.validate_python(request)
        body = request.model_dump(mode="json", exclude_unset=True) | {"validate_only": True}
        return self._parsed(JobPlan, self._transport.request("POST", "/v1/jobs", repeatable=True, json=body))

    def job(self, job_id: str) -> Job:
        """One job."""
        return self._get(Job, f"/v1/jobs/{job_id}")

    def jobs(
        self,
        kind: JobKind | None = None,
        state: JobState | Sequence[JobState] | None = None,
        **filters: Unpack[Filters],
    ) -> Listing[Job]:
        """Every job that matches, newest first."""
        return self._items(PageOf[Job], "/v1/jobs", {"kind": kind, "state": several(state), **query(filters)})

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return self._parsed(Job, self._transport.request("POST", f"/v1/jobs/{job_id}/cancel", repeatable=True))

    def retry(self, job_id: str) -> Job:
        """Start a failed or canceled job again as a new one that keeps the finished tasks."""
        return self._parsed(Job, self._transport.request("POST", f"/v1/jobs/{job_id}/retry", repeatable=True))

    def delete_job(self, job_id: str) -> None:
        """Delete a job that has ended, with its report; the sets and labelers that it made stay."""
        self._transport.request("DELETE", f"/v1/jobs/{job_id}", repeatable=True)

    def events(
        self,
        job_id: str,
        after: str | None = None,
        on_silence: Callable[[], None] | None = None,
        types: Iterable[EventType] = (),
    ) -> Iterator[JobEvent]:
        """The job's events from the first, or from the one after id `after`, until the job has ended; of `types` alone.

        Of progress, which is not kept, they are the last of each task and what comes. `on_silence` is called when there
        has been none for a while.
        """
        wanted = httpx.QueryParams({"type": list(types)})
        return follow(self._transport, f"/v1/jobs/{job_id}/events?{wanted}", after, on_silence)

    def logs(self, job_id: str, task: str, tail: int | None = None) -> Listing[LogLine]:
        """What the runners of a task told, and why attempts at it failed, oldest first; the last `tail` of it."""
        url = f"/v1/jobs/{job_id}/tasks/{quote(task, safe='')}/logs"
        return self._items(PageOf[LogLine], url, {"tail": tail, "limit": None if tail else 1000})

    def wait(
        self,
        job: str | AnyJob | AnyDataset,
        on_event: Callable[[JobEvent], None] | None = None,
        *,
        progress: bool = False,
        check: bool = True,
    ) -> Job:
        """Follow a job, or the one that makes a set, to its end and return it.

        `progress` shows its stages on standard error. Raises `JobError` where the job did not succeed, unless `check`
        is false.
        """
        job_id = job_of(job)
        if progress:
            with StageBoard(Console(stderr=True)) as board:
                ended = watch(self, job_id, board, on_event)
        else:
            for event in self.events(job_id):
                if on_event is not None:
                    on_event(event)
            ended = self.job(job_id)
        if check:
            raise_unless_succeeded(ended)
        return ended

    def report(self, job: str | AnyJob, partial: bool = False) -> Report:
        """The report of a succeeded job; `partial`: of what any other has found by now, whose `complete` is false."""
        query = {"partial": partial}
        return self._get(Report, f"/v1/jobs/{job if isinstance(job, str) else job.id}/report", query)
