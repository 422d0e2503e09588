"""How files come in: in a form, streamed to the storage in bounded memory, or as ids of what was sent in parts."""

import json
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api_schemas.problems import ErrorCode
from api_schemas.uploads import MAX_FILES, FromUploads
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, reason
from service.core.lifecycle import quotas, repeats
from service.core.lifecycle.quotas import Quota, QuotaExceededError
from service.core.lifecycle.repeats import KeyedRequest
from service.core.objects import received_files
from service.core.objects.received_files import StreamedFile
from service.core.objects.storage import StreamingUpload
from service.core.resources import part_uploads
from service.http.form import FormParser, PartEvent, PartStart, broken_form
from service.http.limits import MAX_JSON_BYTES
from service.http.validation import invalid, reasons_of

# Each holds a part of 5 MiB for the storage and copies on the way out: see benchmarks/results/load.md.
MAX_CONCURRENT_FORMS = 6
SLOT_RETRY_SECONDS = 5
CHUNK_BYTES = 1024 * 1024
WRITERS = max(1, (os.cpu_count() or 1) - 1)
"""Forms whose files are hashed and passed on at the same time; the others wait, so that polls find a core free."""

Metadata = TypeVar("Metadata")

_log = logging.getLogger(__name__)


class FormSlots:
    """How much of the front all forms together may have, and each tenant's of them."""

    def __init__(self) -> None:
        self.writers = CapacityLimiter(WRITERS)
        self._held: Counter[str] = Counter()

    @contextmanager
    def taken(self, tenant: str) -> Iterator[None]:
        """Hold a slot. A tenant may hold as many as then are left for others, half of what these leave; or one.

        Raises ServiceError UNAVAILABLE when every slot is taken, QUOTA_EXCEEDED when the tenant has its share.
        """
        held, free = self._held[tenant], MAX_CONCURRENT_FORMS - self._held.total()
        if not free:
            raise ServiceError(ErrorCode.UNAVAILABLE, "As many forms as are served at a time are under way; try again.")
        if held >= free:
            message = (
                f"{held} uploads of yours are under way, which is your share; wait for one to end, or send in parts."
            )
            raise QuotaExceededError(Quota("concurrent_uploads", held, SLOT_RETRY_SECONDS), message)
        self._held[tenant] += 1
        try:
            yield
        finally:
            self._held[tenant] -= 1
            self._held += Counter()  # forgets tenants that hold none


@dataclass(frozen=True)
class Received(Generic[Metadata]):
    """Metadata and stored files of a request; none where an equal one with its key has `made` something before."""

    metadata: Metadata
    files: list[StreamedFile]
    asked: KeyedRequest
    made: str | None


@asynccontextmanager
async def received(
    request: Request,
    core: Core,
    owner_id: str,
    metadata: TypeAdapter[Metadata],
    from_uploads: TypeAdapter[Any],
    key: str | None,
) -> AsyncIterator[Received[Metadata]]:
    """Return what `request` brings, with its idempotency key, for the dataset or labeler that will be `owner_id`.

    A body that is JSON is read by `from_uploads`, a `FromUploads` with the fields of the metadata; any other has to be
    a form, see `received_form`. Raises what that raises, and IDEMPOTENCY_KEY_REUSED; reasons about a JSON body, those
    of the block included, name its own fields.

    Equal are requests with equal metadata and files of equal names and contents, however they were split into bytes.
    """
    route = request.scope["path"]
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        async with received_form(request, core, owner_id, metadata) as (described, files):
            contents = [[file.received.name, file.received.sha256] for file in files]
            asked = repeats.asked(
                core, key, [route, metadata.dump_python(described, mode="json", exclude_unset=True), contents]
            )
            made = await run_in_threadpool(repeats.made_before, core, asked)
            if made is not None:
                await run_in_threadpool(received_files.discard_uploads, core.storage, owner_id)
            yield Received(described, [] if made else files, asked, made)
        return
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        check_size("The body", len(body), MAX_JSON_BYTES)
    with _located_in_json():
        sent: FromUploads = _parsed(bytes(body), from_uploads, ("body",))
        described = metadata.validate_python(sent.model_dump(exclude={"upload_ids"}, exclude_unset=True))
        asked = repeats.asked(core, key, [route, sent.model_dump(mode="json", exclude_unset=True)])
        made = await run_in_threadpool(repeats.made_before, core, asked)
        # Those of an earlier request have been used up.
        files = [] if made else await run_in_threadpool(part_uploads.as_files, core, sent.upload_ids)
        yield Received(described, files, asked, made)


@contextmanager
def _located_in_json() -> Iterator[None]:
    """Name the fields of a JSON body, where the parts of a form would be named."""
    try:
        yield
    except ServiceError as error:
        if error.code is not ErrorCode.INVALID_REQUEST:
            raise
        reasons = [why.model_copy(update={"location": _in_json(why.location)}) for why in error.reasons]
        raise ServiceError(error.code, _in_json(error.message), reasons) from error


def _in_json(text: str) -> str:
    return text.replace("body.metadata.", "body.").replace("body.files", "body.upload_ids")


@asynccontextmanager
async def received_form(
    request: Request, core: Core, owner_id: str, metadata: TypeAdapter[Metadata]
) -> AsyncIterator[tuple[Metadata, list[StreamedFile]]]:
    """Stream the form of `request` to the storage, for the dataset or labeler that will have the id `owner_id`.

    If that or the block fails, nothing of it is left there.

    Raises `ServiceError` (INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, UPLOAD_TOO_LARGE, QUOTA_EXCEEDED, UNAVAILABLE when
    all slots are taken) and `ClientDisconnect`.
    """
    slots: FormSlots = request.state.form_slots
    parser = FormParser(request.headers.get("Content-Type"))
    receiver = _Receiver(core, owner_id, metadata, slots.writers)
    with slots.taken(core.tenant):
        await run_in_threadpool(quotas.admit_upload, core, int(request.headers.get("Content-Length", "0")))
        async with aclosing(request.stream()) as body:
            try:
                async for chunk in body:
                    for event in parser.feed(chunk):
                        await receiver.take(event)
                parser.finish()
                yield receiver.form()
            except BaseException:
                await _discard(receiver)
                raise


async def _discard(receiver: "_Receiver[Any]") -> None:
    try:
        await run_in_threadpool(receiver.discard)
    except Exception:  # the failure that brought us here is the one to report
        _log.warning("what was uploaded for %s could not be removed", receiver.owner_id, exc_info=True)


@dataclass(frozen=True)
class _OpenFile:
    name: str
    key: str
    upload: StreamingUpload


class _Receiver(Generic[Metadata]):
    def __init__(self, core: Core, owner_id: str, adapter: TypeAdapter[Metadata], writers: CapacityLimiter) -> None:
        self.core = core
        self.owner_id = owner_id
        self._adapter = adapter
        self._writers = writers
        self._metadata: Metadata | None = None
        self._files: list[StreamedFile] = []
        self._file: _OpenFile | None = None
        self._buffer = bytearray()
        self._file_bytes = 0

    async def take(self, event: PartEvent) -> None:
        match event:
            case None:
                await self._end_part()
            case bytes():
                await self._append(event)
            case PartStart(name="metadata"):
                if self._metadata is not None:
                    raise broken_form("one_metadata_part", "there are two parts named 'metadata'")
            case PartStart(name="files", filename=filename):
                await self._open_file(filename)
            case PartStart(name=name):
                raise broken_form("part_names", "parts are named 'metadata' and 'files'", name)

    def form(self) -> tuple[Metadata, list[StreamedFile]]:
        if self._metadata is None:
            raise invalid([reason("body.metadata", "missing", None, "The form has no part named 'metadata'")])
        return self._metadata, self._files

    def discard(self) -> None:
        if self._file is not None:
            self._file.upload.abort()
        received_files.discard_uploads(self.core.storage, self.owner_id)

    async def _open_file(self, filename: str | None) -> None:
        name = received_files.check_name(filename, "body.files")
        if any(file.name == name for file in self._files):
            raise invalid([reason("body.files", "unique_names", name, "Two files have the same name")])
        if len(self._files) == MAX_FILES:
            raise invalid([reason("body.files", "too_many_files", name, f"At most {MAX_FILES} files are accepted")])
        key = received_files.upload_key(self.owner_id, len(self._files))
        self._file = _OpenFile(name, key, await run_in_threadpool(self.core.storage.open_upload, key))

    async def _append(self, data: bytes) -> None:
        self._buffer += data
        if self._file is None:
            check_size("The metadata part", len(self._buffer), MAX_JSON_BYTES)
            return
        self._file_bytes += len(data)
        check_size("The files", self._file_bytes, self.core.settings.max_upload_bytes)
        if len(self._buffer) >= CHUNK_BYTES:
            await to_thread.run_sync(self._file.upload.write, self._taken(), limiter=self._writers)

    async def _end_part(self) -> None:
        if self._file is None:
            self._metadata = _parsed(self._taken(), self._adapter, ("body", "metadata"))
            return
        await to_thread.run_sync(self._file.upload.write, self._taken(), limiter=self._writers)
        blob = await to_thread.run_sync(self._file.upload.finish, limiter=self._writers)
        self._files.append(StreamedFile(self._file.name, self._file.key, blob))
        self._file = None

    def _taken(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data


def _parsed(text: bytes, adapter: TypeAdapter[Metadata], at: Sequence[str]) -> Metadata:
    """Return JSON that lies at the path `at`. Raises ServiceError INVALID_REQUEST naming that or fields of it."""
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"This is not JSON: {error}"
        raise invalid([reason(".".join(at), "json_invalid", None, message)]) from error
    try:
        return adapter.validate_python(sent)
    except ValidationError as error:
        raise invalid(reasons_of(error.errors(), sent, at=at)) from error


def check_size(what: str, size: int, limit: int) -> None:
    """Refuse more than `limit` bytes with UPLOAD_TOO_LARGE."""
    if size > limit:
        raise ServiceError(ErrorCode.UPLOAD_TOO_LARGE, f"{what} may have at most {limit} bytes; more were sent.")
