"""The files of a form, which lie in the object storage from their arrival until a task has read them."""

from collections.abc import Sequence
from dataclasses import dataclass

from api_schemas.datasets import UploadedFile
from service.core.core import Core
from service.core.plan import Ref
from service.core.storage import Blob


@dataclass(frozen=True)
class StreamedFile:
    """One uploaded file: its original name, where it was streamed to, its digest and size."""

    name: str
    key: str
    blob: Blob

    @property
    def received(self) -> UploadedFile:
        """The file as it is shown."""
        return UploadedFile(name=self.name, bytes=self.blob.bytes, sha256=self.blob.sha256)


def upload_key(owner_id: str, index: int) -> str:
    """Return the key to stream the index-th file of a new dataset or labeler to (`core.storage.open_upload`)."""
    return f"{upload_prefix(owner_id)}{uploaded_name(index)}"


def upload_prefix(owner_id: str) -> str:
    """Return what the keys of the raw uploads of a dataset or labeler start with."""
    return f"uploads/{owner_id}/"


def uploaded_name(index: int) -> str:
    """Return the name under which the runner finds the index-th uploaded file: never one that a caller chose."""
    return f"file_{index:03d}"


def uploads_ref(owner_id: str, files: Sequence[UploadedFile]) -> Ref:
    """Return the input of the task that reads these files."""
    return Ref("uploads", owner_id, [uploaded_name(index) for index in range(len(files))])


def original_names(files: Sequence[UploadedFile]) -> dict[str, str]:
    """Return {name under which the runner finds it: original name}."""
    return {uploaded_name(index): file.name for index, file in enumerate(files)}


def discard_uploads(core: Core, owner_id: str) -> None:
    """Remove the raw uploads of a dataset or labeler."""
    for key in core.storage.list_keys(upload_prefix(owner_id)):
        core.storage.delete(key)
