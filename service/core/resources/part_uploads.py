"""Files that callers send in parts, straight to the object storage, before a dataset or labeler is made of them.

An upload is a record in Redis that lives for `upload_hours`, so a restarted front goes on with it. It is used once: the
script that records the job removes it (`scripts/submit.lua`). An upload that stays incomplete or unused is swept
(`upkeep/sweeper.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api_schemas.base import Timestamp
from api_schemas.problems import ErrorCode
from api_schemas.uploads import MIB, Upload, UploadLinks, UploadPart, UploadRequest, UploadState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError, existing, invalid, not_found, reason
from service.core.foundation.ids import new_id
from service.core.lifecycle import quotas, repeats
from service.core.lifecycle.repeats import UNKEYED, KeyedRequest
from service.core.objects.parts import ReceivedPart
from service.core.objects.received_files import StreamedFile, check_name, upload_key
from service.core.objects.storage import Blob

MAX_PARTS = 10_000
"""S3's limit."""
USUAL_PART_BYTES = 16 * MIB
USUAL_PARTS = 1000
"""Larger files get larger parts rather than more than these."""


class _Record(BaseModel):
    """The record of an upload in Redis."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    tenant: str
    name: str
    bytes: int
    sha256: str | None
    """As announced, or as found once complete."""
    part_bytes: int
    parts_id: str = Field(alias="multipart_id")
    """Stored under its first name, so that fronts of either version go on with it."""
    complete: bool = False
    created_at: Timestamp

    @property
    def key(self) -> str:
        return upload_key(self.id, 0)

    @property
    def parts(self) -> int:
        return -(-self.bytes // self.part_bytes)

    def size_of(self, number: int) -> int:
        return min(self.part_bytes, self.bytes - (number - 1) * self.part_bytes)


def create(core: Core, request: UploadRequest, asked: KeyedRequest = UNKEYED) -> tuple[Upload, bool]:
    """Start an upload and return it with the links of its first parts, and whether this call has started it.

    An equal request with the key of `asked` gives the upload that the first one started.

    Raises ServiceError UPLOAD_TOO_LARGE, QUOTA_EXCEEDED, or INVALID_REQUEST naming `body.name` or `body.part_bytes`.
    """
    made = repeats.made_before(core, asked)
    if made is not None:
        return view(core, made, 0, USUAL_PARTS), False
    check_name(request.name, "body.name")
    if request.bytes > (most := core.settings.max_upload_bytes):
        raise ServiceError(ErrorCode.UPLOAD_TOO_LARGE, f"A file may have at most {most} bytes, got {request.bytes}.")
    part_bytes = request.part_bytes or max(USUAL_PART_BYTES, -(-request.bytes // USUAL_PARTS // MIB) * MIB)
    if -(-request.bytes // part_bytes) > MAX_PARTS:
        message = f"{request.bytes} bytes are more than {MAX_PARTS} parts of {part_bytes} bytes"
        raise invalid("body.part_bytes", "number_of_parts", part_bytes, message)
    quotas.admit_upload(core, request.bytes)
    upload_id = new_id("up")
    record = _Record(
        id=upload_id,
        tenant=core.tenant,
        name=request.name,
        bytes=request.bytes,
        sha256=request.sha256,
        part_bytes=part_bytes,
        parts_id=core.storage.parts.start(upload_key(upload_id, 0)),
        created_at=datetime.now(UTC),
    )
    core.redis.set(redis_keys.upload(upload_id), record.model_dump_json(by_alias=True), ex=_lifetime(core))
    stands = repeats.note(core, asked, upload_id)
    if stands != upload_id:
        discard(core, upload_id)
        return view(core, stands, 0, USUAL_PARTS), False
    return _shown(core, record, [], 0, USUAL_PARTS), True


def view(core: Core, upload_id: str, after: int, limit: int) -> Upload:
    """Return an upload with up to `limit` parts behind number `after`. Raises ServiceError NOT_FOUND."""
    record = _get(core, upload_id)
    received = [] if record.complete else core.storage.parts.received(record.key, record.parts_id)
    return _shown(core, record, received or [], after, limit)


def complete(core: Core, upload_id: str) -> Upload:
    """Put the parts together and count the digest, in 1 MiB of memory. May be repeated.

    Raises ServiceError NOT_FOUND, UPLOAD_INCOMPLETE with a reason for each part (50 at most) that is not there whole,
    or INVALID_REQUEST when the digest is not the announced one: then the upload is gone.
    """
    record = _get(core, upload_id)
    if record.complete:
        return _shown(core, record, [], 0, 0)
    received = core.storage.parts.received(record.key, record.parts_id)
    # None: an earlier call has put them together, and did not live to note the digest.
    if received is not None:
        _check_parts(record, received)
        core.storage.parts.complete(record.key, record.parts_id, received)
    digest = core.storage.digest(record.key)
    if record.sha256 not in (None, digest):
        discard(core, upload_id)
        message = (
            f"the bytes of {record.name} have the SHA-256 {digest}, not {record.sha256} as announced: send it again"
        )
        raise invalid("body.sha256", "digest", digest, message)
    done = record.model_copy(update={"complete": True, "sha256": digest})
    if not core.redis.set(redis_keys.upload(upload_id), done.model_dump_json(by_alias=True), xx=True, keepttl=True):
        raise not_found("upload", upload_id)
    return _shown(core, done, [], 0, 0)


def _check_parts(record: _Record, received: Sequence[ReceivedPart]) -> None:
    sizes = {part.number: part.bytes for part in received}
    wrong = [number for number in range(1, record.parts + 1) if sizes.get(number) != record.size_of(number)]
    if wrong:
        reasons = [
            reason(
                f"parts.{number}",
                "missing" if number not in sizes else "part_bytes",
                sizes.get(number),
                f"part {number} has to be {record.size_of(number)} bytes",
            )
            for number in wrong[:50]
        ]
        message = f"{len(wrong)} of the {record.parts} parts of {record.id} are not there whole."
        raise ServiceError(ErrorCode.UPLOAD_INCOMPLETE, message, reasons)


def discard(core: Core, upload_id: str) -> None:
    """Drop an upload and what has arrived of it. Raises ServiceError NOT_FOUND, also for one that was used."""
    record = _get(core, upload_id)
    # First the record: from then on nothing can be made of it.
    if not core.redis.delete(redis_keys.upload(upload_id)):
        raise not_found("upload", upload_id)
    core.storage.parts.abort(record.key, record.parts_id)
    core.storage.delete(record.key)


def as_files(core: Core, upload_ids: Sequence[str]) -> list[StreamedFile]:
    """Return complete uploads as files of a form. Raises ServiceError INVALID_REQUEST naming `body.upload_ids.<i>`."""
    files: list[StreamedFile] = []
    for index, upload_id in enumerate(upload_ids):
        record = _find(core, upload_id)
        if record is None:
            rule, message = "not_found", f"there is no upload {upload_id} that is unused and has not expired"
        elif not record.complete:
            rule, message = (
                "is_complete",
                f"{upload_id} is still receiving parts: POST /v1/uploads/{upload_id}/complete",
            )
        elif upload_id in upload_ids[:index]:
            rule, message = "used_once", f"{upload_id} is named twice"
        elif record.name in (file.name for file in files):
            rule, message = "unique_names", f"two files have the name {record.name}"
        else:
            blob = Blob(str(record.sha256), record.bytes)
            files.append(StreamedFile(record.name, record.key, blob, upload_id))
            continue
        raise invalid(f"body.upload_ids.{index}", rule, upload_id, message)
    return files


def _get(core: Core, upload_id: str) -> _Record:
    return existing(_find(core, upload_id), "upload", upload_id)


def _find(core: Core, upload_id: str) -> _Record | None:
    """Return an upload of the tenant that this handle acts for; another's does not exist to it."""
    text: Any = core.redis.get(redis_keys.upload(upload_id))
    record = None if text is None else _Record.model_validate_json(text)
    return record if record is not None and record.tenant == core.tenant else None


def _shown(core: Core, record: _Record, received: Sequence[ReceivedPart], after: int, limit: int) -> Upload:
    sizes = {part.number: part.bytes for part in received}
    last = min(after + limit, record.parts)
    parts = [] if record.complete else [_part(core, record, number, sizes) for number in range(after + 1, last + 1)]
    here = f"/v1/uploads/{record.id}"
    return Upload(
        id=record.id,
        name=record.name,
        bytes=record.bytes,
        sha256=record.sha256,
        part_bytes=record.part_bytes,
        state=UploadState.COMPLETE if record.complete else UploadState.RECEIVING,
        parts=parts,
        next_after=last if parts and last < record.parts else None,
        created_at=record.created_at,
        expires_at=record.created_at + timedelta(seconds=_lifetime(core)),
        links=UploadLinks(self=here, complete=f"{here}/complete"),
    )


def _part(core: Core, record: _Record, number: int, sizes: dict[int, int]) -> UploadPart:
    size = record.size_of(number)
    there = sizes.get(number) == size
    url = None if there else core.storage.parts.link(record.key, record.parts_id, number, size)
    return UploadPart(number=number, bytes=size, received=there, url=url)


def _lifetime(core: Core) -> int:
    return round(core.settings.upload_hours * 3600)
