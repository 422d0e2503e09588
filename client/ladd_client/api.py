"""A typed client of the LADD service over `api_schemas`."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter
from rich.console import Console

from api_schemas.datasets import ArchiveFormat, DatasetMetadata, DatasetRole, DatasetState
from api_schemas.datasets import Dataset as AnyDataset
from api_schemas.events import JobEvent
from api_schemas.health import Readiness
from api_schemas.job_plans import JobPlan
from api_schemas.jobs import Job as AnyJob
from api_schemas.jobs import JobKind, JobRequest, JobState
from api_schemas.labelers import LabelerMetadata
from api_schemas.presets import JobBody, PaperMethod, PresetList
from ladd_client.arguments import augmented, described, is_id, job_of, ladd_request, raise_unless_succeeded
from ladd_client.download import download
from ladd_client.form import Files, ProgressCallback, form, paths
from ladd_client.handles import Dataset, Job, Labeler, Report
from ladd_client.pages import Listing, PageOf
from ladd_client.part_uploads import RESUME_DIRECTORY, PartUploads
from ladd_client.profiles import connection
from ladd_client.sse import follow
from ladd_client.stages import StageBoard
from ladd_client.transport import Transport, parsed
from ladd_client.watch import watch

Model = TypeVar("Model", bound=BaseModel)

JOB_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)
LABELER_METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)


class LaddClient:
    """The service at `base_url`, by default that of LADD_URL, else of a profile.

    Every method raises `ProblemError` when the API refuses; all else that goes wrong is another `ClientError`.
    `AsyncLaddClient` has the same methods.

    Jobs, sets and labelers come back with methods of their own. Paths may be texts, and what the API takes may be a
    plain `dict`, which is checked as a model is (`pydantic.ValidationError`). `api_key`, by default LADD_API_KEY, else
    that of the profile, is sent to that origin alone; `profile` is one of `ladd login`, by default LADD_PROFILE.
    `timeout` is in seconds for one read or write; `attempts` counts the tries of a call that may be repeated: eight
    take 11 s or more, in which a busy machine has started its API again. Files larger than `in_parts_above` bytes are
    sent in parts of `part_bytes` (None: the service's choice); which those are is noted in `resume_directory`, so that
    another client can go on with them.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        profile: str | None = None,
        timeout: float = 60.0,
        attempts: int = 8,
        in_parts_above: int = 64 << 20,
        part_bytes: int | None = None,
        resume_directory: Path = RESUME_DIRECTORY,
    ) -> None:
        self._in_parts_above = in_parts_above
        chosen = connection(base_url, api_key, profile)
        self._transport = Transport(chosen.url, api_key=chosen.api_key, timeout=timeout, attempts=attempts)
        self._uploads = PartUploads(self._transport, resume_directory, part_bytes)

    def __enter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"LaddClient({self.base_url!r})"

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    @property
    def base_url(self) -> str:
        """The service's address."""
        return self._transport.base_url

    def readiness(self) -> Readiness:
        """Whether the service can work; raises `ProblemError` (503) when it cannot."""
        return self._get(Readiness, "/readyz")

    def upload_dataset(
        self,
        metadata: DatasetMetadata | Mapping[str, Any],
        files: Files,
        on_progress: ProgressCallback | None = None,
    ) -> Dataset:
        """Stream `files` from disk. The set comes back `validating`; `wait(dataset)` sees that through.

        Files above 64 MiB go in parts straight to the storage; another call takes up what an earlier one has sent.
        """
        checked = DatasetMetadata.model_validate(metadata)
        return self._parsed(Dataset, self._send("/v1/datasets", checked, paths(files), on_progress))

    def dataset(self, dataset_id: str) -> Dataset:
        """One set."""
        return self._get(Dataset, f"/v1/datasets/{dataset_id}")

    def datasets(self, role: DatasetRole | None = None, state: DatasetState | None = None) -> Listing[Dataset]:
        """Every set, newest first, page by page as it is asked for."""
        return self._items(PageOf[Dataset], "/v1/datasets", {"role": role, "state": state})

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a set that no running job uses."""
        self._transport.request("DELETE", f"/v1/datasets/{dataset_id}", repeatable=True)

    def download_archive(
        self,
        dataset: str | AnyDataset | AnyJob,
        destination: str | Path,
        on_progress: ProgressCallback | None = None,
        archive_format: ArchiveFormat = ArchiveFormat.ZIP,
    ) -> Path:
        """Fetch the archive of a label-augmented set, or of the one that a job has made.

        A broken download is resumed, also by a later call; the whole is compared with the digest that the API tells.
        """
        dataset_id, destination = augmented(dataset), Path(destination)

        def locate() -> httpx.Response:
            url = f"/v1/datasets/{dataset_id}/archive?format={archive_format}"
            return self._transport.request("GET", url, repeatable=True)

        # An archive never changes, so its dataset's id and format in the name are enough to know a part again.
        part = destination.with_name(f"{destination.name}.{dataset_id}.{archive_format}.part")
        download(self._transport, locate, part, destination, on_progress)
        return destination

    def preview(self, dataset_id: str, attempts: int | None = None) -> bytes:
        """Fetch the first images of the first classes of a set that is ready, as a PNG."""
        url = f"/v1/datasets/{dataset_id}/preview.png"
        link = self._transport.request("GET", url, repeatable=True, attempts=attempts).headers["Location"]
        return self._transport.request("GET", link, repeatable=True, attempts=attempts).content

    def import_labeler(
        self,
        metadata: LabelerMetadata | Mapping[str, Any],
        files: Files = (),
        on_progress: ProgressCallback | None = None,
    ) -> Job:
        """Send a network that was trained elsewhere; the job that reads it has the labeler as its result."""
        checked = LABELER_METADATA.validate_python(metadata)
        return self._parsed(Job, self._send("/v1/labelers", checked, paths(files), on_progress))

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

    def labelers(self) -> Listing[Labeler]:
        """Every labeler, newest first."""
        return self._items(PageOf[Labeler], "/v1/labelers", {})

    def delete_labeler(self, labeler_id: str) -> None:
        """Delete a labeler that no unfinished job uses; archives that it labelled stay."""
        self._transport.request("DELETE", f"/v1/labelers/{labeler_id}", repeatable=True)

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
        self, kind: JobKind | None = None, state: JobState | None = None, tags: dict[str, str] | None = None
    ) -> Listing[Job]:
        """Every job, newest first; `tags` must all match."""
        wanted = [f"{name}:{value}" for name, value in (tags or {}).items()]
        return self._items(PageOf[Job], "/v1/jobs", {"kind": kind, "state": state, "tag": wanted})

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
        self, job_id: str, after: str | None = None, on_silence: Callable[[], None] | None = None
    ) -> Iterator[JobEvent]:
        """The job's events from the first, or from the one after id `after`, until the job has ended.

        `on_silence` is called when there has been none for a while.
        """
        return follow(self._transport, f"/v1/jobs/{job_id}/events", after, on_silence)

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

    def ladd(
        self,
        dataset: str | Path | Sequence[str | Path],
        source: str | Path | Sequence[str | Path] | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        source_metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        progress: bool = False,
        **params: Any,
    ) -> Job:
        """The whole method in one call: upload what is not there yet, start a `ladd` job, wait for its end.

        `dataset` is a distilled set and `source` its source set, each as an id or as the files to upload; without
        `source` it is the one that the set was uploaded with. `metadata` and `source_metadata` are those of uploads,
        `params` those of the job. Raises `JobError` where an upload is rejected or the job does not succeed.
        """
        if source is not None:
            source = self._ready("source", source, source_metadata, progress)
            metadata = {"source_dataset": source} | dict(metadata or {})
        dataset = self._ready("distilled", dataset, metadata, progress)
        return self.wait(self.submit(ladd_request(dataset, source, params, tags)), progress=progress)

    def _ready(self, role: str, files: Files, metadata: Mapping[str, Any] | None, progress: bool) -> str:
        """Return the id of a set that is ready: the one that is named, or of the files, which are uploaded."""
        if is_id(files):
            return files
        dataset = self.upload_dataset(described(files, role, metadata), files)
        self.wait(dataset, progress=progress)
        return dataset.id

    def report(self, job: str | AnyJob) -> Report:
        """The report of a succeeded job."""
        return self._get(Report, f"/v1/jobs/{job if isinstance(job, str) else job.id}/report")

    def _get(self, model: type[Model], url: str, query: dict[str, Any] | None = None) -> Model:
        given = {name: value for name, value in (query or {}).items() if value}
        return self._parsed(model, self._transport.request("GET", url, repeatable=True, params=given))

    def _parsed(self, model: type[Model], response: httpx.Response) -> Model:
        """Read an answer; a handle in it is bound to this client."""
        return parsed(model, response, {"client": self})

    def _items(self, page_model: type[Any], url: str, filters: dict[str, Any]) -> Listing[Any]:
        return Listing(lambda cursor: self._get(page_model, url, filters | {"cursor": cursor}))
