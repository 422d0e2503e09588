"""The files of a form, which lie in the object storage from their arrival until a task has read them."""

from collections.abc import Sequence
from dataclasses import dataclass

from api_schemas.datasets import UploadedFile
from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError, reason
from service.core.objects.storage import Blob, Storage

MAX_NAME_BYTES = 255
"""Limit of Linux's file systems: the worker gives the file its name."""
UPLOADS = "uploads/"
"""Prefix of the keys of raw files."""


@dataclass(frozen=True)
class StreamedFile:
    """One uploaded file: its original name, where it was streamed to, its digest and size."""

    name: str
    key: str
    blob: Blob
    upload_id: str = ""
    """The upload in parts that it came as; empty: it came in a form."""

    @property
    def received(self) -> UploadedFile:
        """The file as it is shown."""
        return UploadedFile(name=self.name, bytes=self.blob.bytes, sha256=self.blob.sha256)


def upload_key(owner_id: str, index: int) -> str:
    """Return the key to stream the index-th file of a new dataset or labeler to (`core.storage.open_upload`)."""
    return f"{upload_prefix(owner_id)}{uploaded_name(index)}"


def upload_prefix(owner_id: str) -> str:
    """Return the prefix of the keys of the raw uploads of a dataset or labeler."""
    return f"{UPLOADS}{owner_id}/"


def uploaded_name(index: int) -> str:
    """Return the name under which the runner finds the index-th uploaded file: never one that a caller chose."""
    return f"file_{index:03d}"


def upload_ids(files: Sequence[StreamedFile]) -> list[str]:
    """Return the uploads in parts among these files."""
    return [file.upload_id for file in files if file.upload_id]


def original_names(files: Sequence[StreamedFile]) -> dict[str, str]:
    """Return {name under which the runner finds it: original name}."""
    return {uploaded_name(index): file.name for index, file in enumerate(files)}


def check_name(name: str | None, location: str) -> str:
    """Return the name that a caller gave a file. Raises ServiceError INVALID_REQUEST for one that could mislead.

    Names are kept for messages and to recognise formats; they never become paths of ours.
    """
    value = name
    if not name:
        message = "Every file needs a name"
    elif name in (".", "..") or any(character in "/\\" or not character.isprintable() for character in name):
        message = "A file name has no slashes, no unprintable characters, and is not '.' or '..'"
        value = ascii(name)
    elif len(name.encode()) > MAX_NAME_BYTES:
        message = f"A file name has at most {MAX_NAME_BYTES} bytes in UTF-8"
    else:
        return name
    broken = reason(location, "file_name", value, message)
    raise ServiceError(ErrorCode.INVALID_REQUEST, f"{location}: {message}.", [broken])


def discard_uploads(storage: Storage, owner_id: str) -> None:
    """Remove what was streamed for a dataset or labeler that did not come to be."""
    for key in storage.list_keys(upload_prefix(owner_id)):
        storage.delete(key)
