"""A typed client of the LADD service over `api_schemas`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from api_schemas.health import Readiness
from ladd_client.arguments import described, is_id, ladd_request
from ladd_client.dataset_calls import DatasetCalls
from ladd_client.form import Files
from ladd_client.handles import Job
from ladd_client.labeler_calls import LabelerCalls
from ladd_client.part_uploads import RESUME_DIRECTORY, PartUploads
from ladd_client.profiles import connection
from ladd_client.result_calls import ResultCalls
from ladd_client.transport import Transport
from ladd_client.webhook_calls import WebhookCalls


class LaddClient(DatasetCalls, LabelerCalls, ResultCalls, WebhookCalls):
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
