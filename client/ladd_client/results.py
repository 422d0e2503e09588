"""What clients ask of what jobs and uploads have made: other layouts, weights, corrections, comparisons, pins."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from api_schemas.comparison import JobComparison
from api_schemas.datasets import Dataset, DatasetChanges, ExportFormat
from api_schemas.jobs import Job
from api_schemas.labelers import Labeler
from ladd_client.download import fetch
from ladd_client.form import ProgressCallback
from ladd_client.transport import Transport, parsed

KEPT: dict[str, tuple[str, type[Dataset] | type[Labeler] | type[Job]]] = {
    "ds": ("datasets", Dataset),
    "lb": ("labelers", Labeler),
    "job": ("jobs", Job),
}
"""{beginning of an id: where such things lie, and what they are}."""


class Results:
    """A part of `LaddClient`."""

    _transport: Transport

    def wait(self, job: str | Job | Dataset) -> Job:
        """Follow a job to its end, as `LaddClient` does."""
        raise NotImplementedError

    def export_dataset(
        self,
        dataset_id: str,
        destination: str | Path,
        export_format: ExportFormat = ExportFormat.NPZ,
        on_progress: ProgressCallback | None = None,
    ) -> Path:
        """Fetch any set, without dense labels, in a layout of the field; the first time a job writes it.

        Raises `JobError` where that does not succeed.
        """
        url = f"/v1/datasets/{dataset_id}/export?format={export_format}"
        answer = self._transport.request("GET", url, repeatable=True)
        if answer.status_code == 202:
            self.wait(parsed(Job, answer))
        return fetch(self._transport, url, f"{dataset_id}.export.{export_format}", destination, on_progress)

    def download_checkpoint(
        self, labeler_id: str, epoch: int, destination: str | Path, on_progress: ProgressCallback | None = None
    ) -> Path:
        """Fetch the weights of a labeler after an epoch that it keeps, a safetensors file."""
        url = f"/v1/labelers/{labeler_id}/checkpoints/{epoch}"
        return fetch(self._transport, url, f"{labeler_id}.{epoch}", destination, on_progress)

    def download_model(
        self, job_id: str, sha256: str, destination: str | Path, on_progress: ProgressCallback | None = None
    ) -> Path:
        """Fetch the network of a trial, a safetensors file: `model` of its row has the digest."""
        return fetch(self._transport, f"/v1/jobs/{job_id}/models/{sha256}", sha256, destination, on_progress)

    def change_dataset(
        self, dataset_id: str, changes: DatasetChanges | Mapping[str, Any], if_match: str | None = None
    ) -> Dataset:
        """Correct a set: `name` and `tags` in place, `class_names`, `normalization`, `source_dataset` as a new version.

        The answer is the set, or the version, whose `previous` is the set. `if_match`: the `ETag` that it must have.
        """
        body = DatasetChanges.model_validate(changes).model_dump(mode="json", exclude_unset=True)
        headers = {} if if_match is None else {"If-Match": if_match}
        url = f"/v1/datasets/{dataset_id}"
        return parsed(Dataset, self._transport.request("PATCH", url, repeatable=False, json=body, headers=headers))

    def compare(self, jobs: Sequence[str]) -> JobComparison:
        """The evaluations of jobs side by side, and how each differs from the first; the first time a job computes it.

        Raises `JobError` where that does not succeed.
        """
        answer = self._transport.request("GET", "/v1/compare", repeatable=True, params={"job": list(jobs)})
        if answer.status_code == 202:
            self.wait(parsed(Job, answer))
            answer = self._transport.request("GET", "/v1/compare", repeatable=True, params={"job": list(jobs)})
        return parsed(JobComparison, answer)

    def pin(self, identifier: str, keep: bool = True) -> Dataset | Labeler | Job:
        """Keep a set, labeler or job however old it is, or with `keep=False` let retention remove it again."""
        folder, model = KEPT[identifier.partition("_")[0]]
        url = f"/v1/{folder}/{identifier}/pin"
        return parsed(model, self._transport.request("POST" if keep else "DELETE", url, repeatable=True))
