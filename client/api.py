"""A typed client of the LADD service over `api_schemas`."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from api_schemas.datasets import ArchiveFormat, Dataset, DatasetMetadata, DatasetPage, DatasetRole, DatasetState
from api_schemas.evaluation import Report
from api_schemas.events import JobEvent
from api_schemas.health import Readiness
from api_schemas.jobs import Job, JobKind, JobPage, JobRequest, JobState
from api_schemas.labelers import Labeler, LabelerMetadata, LabelerPage
from api_schemas.presets import JobBody, PaperMethod, PresetList
from client.download import download
from client.errors import ClientError
from client.form import ProgressCallback, form
from client.part_uploads import RESUME_DIRECTORY, PartUploads
from client.sse import follow
from client.transport import Transport

Model = TypeVar("Model", bound=BaseModel)


class LaddClient:
    """The service at `base_url`. Every method raises `ProblemError` when the API refuses, else `ClientError`.

    `api_key` is sent to that origin alone. `timeout` is in seconds for one read or write; `attempts` counts the tries
    of a call that may be repeated: eight take 11 s or more, in which a busy machine has started its API again. Files
    larger than `in_parts_above` bytes are sent in parts of `part_bytes` (None: the service's choice); which those are
    is noted in `resume_directory`, so that another client can go on with them.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        attempts: int = 8,
        in_parts_above: int = 64 << 20,
        part_bytes: int | None = None,
        resume_directory: Path = RESUME_DIRECTORY,
    ) -> None:
        self._in_parts_above = in_parts_above
        self._transport = Transport(base_url, api_key=api_key, timeout=timeout, attempts=attempts)
        self._uploads = PartUploads(self._transport, resume_directory, part_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def readiness(self) -> Readiness:
        """Whether the service can work; raises `ProblemError` (503) when it cannot."""
        return self._get(Readiness, "/readyz")

    def upload_dataset(
        self, metadata: DatasetMetadata, files: Sequence[Path], on_progress: ProgressCallback | None = None
    ) -> Dataset:
        """Stream `files` from disk. The set comes back `validating`; `wait(dataset.job)` sees that through.

        Files above 64 MiB go in parts straight to the storage; another call takes up what an earlier one has sent.
        """
        return _parse(Dataset, self._send("/v1/datasets", metadata, files, on_progress))

    def dataset(self, dataset_id: str) -> Dataset:
        """One set."""
        return self._get(Dataset, f"/v1/datasets/{dataset_id}")

    def datasets(self, role: DatasetRole | None = None, state: DatasetState | None = None) -> Iterator[Dataset]:
        """Every set, newest first, page by page as it is asked for."""
        return self._items(DatasetPage, "/v1/datasets", {"role": role, "state": state})

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a set that no running job uses."""
        self._transport.request("DELETE", f"/v1/datasets/{dataset_id}", repeatable=True)

    def download_archive(
        self,
        dataset_id: str,
        destination: Path,
        on_progress: ProgressCallback | None = None,
        archive_format: ArchiveFormat = ArchiveFormat.ZIP,
    ) -> Path:
        """Fetch a label-augmented set's archive; a broken download is resumed, also by a later call."""

        def locate() -> str:
            url = f"/v1/datasets/{dataset_id}/archive?format={archive_format}"
            return self._transport.request("GET", url, repeatable=True).headers["Location"]

        # An archive never changes, so its dataset's id and format in the name are enough to know a part again.
        part = destination.with_name(f"{destination.name}.{dataset_id}.{archive_format}.part")
        download(self._transport, locate, part, destination, on_progress)
        return destination

    def import_labeler(
        self, metadata: LabelerMetadata, files: Sequence[Path] = (), on_progress: ProgressCallback | None = None
    ) -> Job:
        """Send a network that was trained elsewhere; the job that reads it has the labeler as its result."""
        return _parse(Job, self._send("/v1/labelers", metadata, files, on_progress))

    def _send(
        self, url: str, metadata: BaseModel, files: Sequence[Path], on_progress: ProgressCallback | None
    ) -> httpx.Response:
        """Send files with what describes them: in one form, or each in parts where one of them is large."""
        sizes = [path.stat().st_size for path in files]
        # There is no part without bytes; the form takes an empty file along.
        if max(sizes, default=0) <= self._in_parts_above or min(sizes) == 0:
            with form(metadata.model_dump_json(exclude_unset=True), files, on_progress) as parts:
                return self._transport.request("POST", url, repeatable=False, files=parts)
        ids = self._uploads.send(files, on_progress)
        body = metadata.model_dump(mode="json", exclude_unset=True) | {"upload_ids": ids}
        response = self._transport.request("POST", url, repeatable=False, json=body)
        self._uploads.forget(files)
        return response

    def labeler(self, labeler_id: str) -> Labeler:
        """One labeler."""
        return self._get(Labeler, f"/v1/labelers/{labeler_id}")

    def labelers(self) -> Iterator[Labeler]:
        """Every labeler, newest first."""
        return self._items(LabelerPage, "/v1/labelers", {})

    def delete_labeler(self, labeler_id: str) -> None:
        """Delete a labeler that no unfinished job uses; archives that it labelled stay."""
        self._transport.request("DELETE", f"/v1/labelers/{labeler_id}", repeatable=True)

    def presets(self) -> PresetList:
        """The paper's experiments."""
        return self._get(PresetList, "/v1/presets")

    def preset(
        self, name: str, dataset: str, source_dataset: str | None = None, method: PaperMethod | None = None
    ) -> JobBody:
        """One of them as a job for a distilled set, which `method` says the origin of."""
        query = {"dataset": dataset, "source_dataset": source_dataset, "method": method}
        return self._get(JobBody, f"/v1/presets/{name}", query)

    def submit(self, request: JobRequest, idempotency_key: str | None = None) -> Job:
        """Start a job. A repeated call with the same key and request gives the same job."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4()), "Content-Type": "application/json"}
        body = request.model_dump_json(exclude_unset=True)
        return _parse(Job, self._transport.request("POST", "/v1/jobs", repeatable=True, headers=headers, content=body))

    def job(self, job_id: str) -> Job:
        """One job."""
        return self._get(Job, f"/v1/jobs/{job_id}")

    def jobs(
        self, kind: JobKind | None = None, state: JobState | None = None, tags: dict[str, str] | None = None
    ) -> Iterator[Job]:
        """Every job, newest first; `tags` must all match."""
        wanted = [f"{name}:{value}" for name, value in (tags or {}).items()]
        return self._items(JobPage, "/v1/jobs", {"kind": kind, "state": state, "tag": wanted})

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return _parse(Job, self._transport.request("POST", f"/v1/jobs/{job_id}/cancel", repeatable=True))

    def retry(self, job_id: str) -> Job:
        """Start a failed or canceled job again as a new one that keeps the finished tasks."""
        return _parse(Job, self._transport.request("POST", f"/v1/jobs/{job_id}/retry", repeatable=True))

    def delete_job(self, job_id: str) -> None:
        """Delete a job that has ended, with its report; the sets and labelers that it made stay."""
        self._transport.request("DELETE", f"/v1/jobs/{job_id}", repeatable=True)

    def events(self, job_id: str, after: str | None = None) -> Iterator[JobEvent]:
        """The job's events from the first, or from the one after id `after`, until the job has ended."""
        return follow(self._transport, f"/v1/jobs/{job_id}/events", after)

    def wait(self, job_id: str, on_event: Callable[[JobEvent], None] | None = None) -> Job:
        """Follow a job to its end and return it, whatever its terminal state."""
        for event in self.events(job_id):
            if on_event is not None:
                on_event(event)
        return self.job(job_id)

    def report(self, job_id: str) -> Report:
        """The report of a succeeded job."""
        return self._get(Report, f"/v1/jobs/{job_id}/report")

    def _get(self, model: type[Model], url: str, query: dict[str, Any] | None = None) -> Model:
        given = {name: value for name, value in (query or {}).items() if value}
        return _parse(model, self._transport.request("GET", url, repeatable=True, params=given))

    def _items(self, page_model: type[Any], url: str, filters: dict[str, Any]) -> Iterator[Any]:
        page = self._get(page_model, url, filters)
        yield from page.items
        while page.next_cursor is not None:
            page = self._get(page_model, url, filters | {"cursor": page.next_cursor})
            yield from page.items


def _parse(model: type[Model], response: httpx.Response) -> Model:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise ClientError(
            f"{response.request.method} {response.url} answered {response.status_code} with something that is not "
            f"a {model.__name__}: {error}"
        ) from error
