"""The calls of `LaddClient` that are about sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from api_schemas.datasets import ArchiveFormat, DatasetMetadata, DatasetRole, DatasetState, ExportFormat
from api_schemas.datasets import Dataset as AnyDataset
from api_schemas.jobs import Job as AnyJob
from ladd_client.arguments import augmented
from ladd_client.download import fetch
from ladd_client.filters import Filters, query, several
from ladd_client.form import Files, ProgressCallback, paths
from ladd_client.handles import Dataset, Job
from ladd_client.job_calls import JobCalls
from ladd_client.pages import Listing, PageOf


class DatasetCalls(JobCalls):
    """Sets: upload, list, look at, download."""

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

    def datasets(
        self,
        role: DatasetRole | None = None,
        state: DatasetState | Sequence[DatasetState] | None = None,
        **filters: Unpack[Filters],
    ) -> Listing[Dataset]:
        """Every set that matches, newest first, page by page as it is asked for."""
        return self._items(PageOf[Dataset], "/v1/datasets", {"role": role, "state": several(state), **query(filters)})

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
        dataset_id = augmented(dataset)
        url = f"/v1/datasets/{dataset_id}/archive?format={archive_format}"
        return fetch(self._transport, url, f"{dataset_id}.{archive_format}", destination, on_progress)

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
            self.wait(self._parsed(Job, answer))
        return fetch(self._transport, url, f"{dataset_id}.export.{export_format}", destination, on_progress)

    def preview(self, dataset_id: str, attempts: int | None = None) -> bytes:
        """Fetch the first images of the first classes of a set that is ready, as a PNG."""
        url = f"/v1/datasets/{dataset_id}/preview.png"
        link = self._transport.request("GET", url, repeatable=True, attempts=attempts).headers["Location"]
        return self._transport.request("GET", link, repeatable=True, attempts=attempts).content
