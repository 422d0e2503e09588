"""Uploads in parts: a large file goes straight to the object storage by presigned links."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from api_schemas.base import Links, Request, Response, Sha256, Timestamp

MIB = 1 << 20
MAX_FILES = 64
"""Files of one dataset or labeler."""

UploadId = Annotated[str, StringConstraints(pattern=r"^up_[0-9a-z]{26}$")]
UploadIds = Annotated[list[UploadId], Field(max_length=MAX_FILES)]
"""In the order of the files."""


class FromUploads(Request):
    """Made of files that were sent in parts, each of which is used once."""

    upload_ids: UploadIds = []


class UploadRequest(Request):
    """The body of `POST /v1/uploads`: one file."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    """File name, as in a form: kept to recognise formats and for messages."""
    bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256 | None = None
    """Compared when the upload is completed."""
    part_bytes: Annotated[int, Field(ge=5 * MIB, le=512 * MIB)] | None = None
    """Size of every part but the last, of which there are at most 10,000 (S3's limits). Null: 16 MiB, or as many MiB as
    make 1,000 parts."""


class UploadState(StrEnum):
    """`receiving`: parts are sent; `complete`: may become a file of a dataset or labeler, once."""

    RECEIVING = "receiving"
    COMPLETE = "complete"


class UploadPart(Response):
    """One part of the file: bytes from `(number - 1) * part_bytes` on."""

    number: int
    bytes: int
    received: bool
    url: str | None
    """PUT these very bytes here, before the link expires; null once the part has arrived."""


class UploadLinks(Links):
    """`complete` puts the parts together."""

    complete: str


class Upload(Response):
    """A file on its way. A page of its parts: those after number N are at `?after=N`."""

    id: UploadId
    name: str
    bytes: int
    sha256: Sha256 | None
    """Digest of the file: as announced, or as found once complete."""
    part_bytes: int
    state: UploadState
    parts: list[UploadPart]
    """Empty once complete."""
    next_after: int | None
    created_at: Timestamp
    expires_at: Timestamp
    """When it is removed unless a dataset or labeler was made of it."""
    links: UploadLinks
