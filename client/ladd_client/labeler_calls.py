"""The calls of `LaddClient` that are about labelers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from pydantic import TypeAdapter

from api_schemas.labelers import LabelerKind, LabelerMetadata
from ladd_client.calls import Calls
from ladd_client.download import fetch
from ladd_client.filters import Filters, query
from ladd_client.form import Files, ProgressCallback, paths
from ladd_client.handles import Job, Labeler
from ladd_client.pages import Listing, PageOf

LABELER_METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)


class LabelerCalls(Calls):
    """Labelers: import, list, download."""

    def download_checkpoint(
        self, labeler_id: str, epoch: int, destination: str | Path, on_progress: ProgressCallback | None = None
    ) -> Path:
        """Fetch the weights of a labeler after an epoch that it keeps, a safetensors file."""
        url = f"/v1/labelers/{labeler_id}/checkpoints/{epoch}"
        return fetch(self._transport, url, f"{labeler_id}.{epoch}", destination, on_progress)

    def import_labeler(
        self,
        metadata: LabelerMetadata | Mapping[str, Any],
        files: Files = (),
        on_progress: ProgressCallback | None = None,
    ) -> Job:
        """Send a network that was trained elsewhere; the job that reads it has the labeler as its result."""
        checked = LABELER_METADATA.validate_python(metadata)
        return self._parsed(Job, self._send("/v1/labelers", checked, paths(files), on_progress))

    def labeler(self, labeler_id: str) -> Labeler:
        """One labeler."""
        return self._get(Labeler, f"/v1/labelers/{labeler_id}")

    def labelers(self, kind: LabelerKind | None = None, **filters: Unpack[Filters]) -> Listing[Labeler]:
        """Every labeler that matches, newest first; one that was trained goes by the name of its architecture."""
        return self._items(PageOf[Labeler], "/v1/labelers", {"kind": kind, **query(filters)})

    def delete_labeler(self, labeler_id: str) -> None:
        """Delete a labeler that no unfinished job uses; archives that it labelled stay."""
        self._transport.request("DELETE", f"/v1/labelers/{labeler_id}", repeatable=True)
