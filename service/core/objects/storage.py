"""The object storage: JSON documents, blobs under their SHA-256, streamed uploads, download links."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.core.objects.conditions import PRESENT, writes_once
from service.core.objects.page_access import allow_pages
from service.core.objects.parts import ObjectsInParts
from service.core.objects.storage_errors import ABSENT, answers, passing_over

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 5 << 20
"""Size of the parts that a large object is sent in: S3 allows 10,000 of them and at least 5 MiB each."""
READ_BYTES = 1 << 20
BLOBS = "blobs/sha256/"
"""Prefix of the keys of blobs."""
PROBES = "health/"
PROBE = f"{PROBES}probe"
"""Written and deleted by checks."""
NOTE = "ladd-note"
"""Name of the metadata of an object that holds its note."""


@dataclass(frozen=True)
class Blob:
    """Bytes by their digest."""

    sha256: str
    bytes: int


class Storage:
    """One bucket of an S3-compatible service; safe to share between threads.

    Every method raises ServiceError UNAVAILABLE when the service does not answer or refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = settings.s3_bucket

    @cached_property
    def _client(self) -> "S3Client":
        return self._connect(self._settings.s3_endpoint_url)

    @cached_property
    def _public_client(self) -> "S3Client":
        # A presigned URL signs its host, so links for callers come from a client of the public endpoint.
        return self._connect(self._settings.s3_public_endpoint_url or self._settings.s3_endpoint_url)

    def _connect(self, endpoint: str | None) -> "S3Client":
        secret = self._settings.s3_secret_key
        client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=self._settings.s3_region,
            aws_access_key_id=self._settings.s3_access_key,
            aws_secret_access_key=None if secret is None else secret.get_secret_value(),
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint else "auto"},
                connect_timeout=5,
                # Silence of twice so long is an outage: the front says so, and workers wait and try again.
                read_timeout=15,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=32,
                # Services other than AWS may not know the checksum trailers that boto3 sends by default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        return client

    @cached_property
    def parts(self) -> ObjectsInParts:
        """Objects that callers send in parts."""
        return ObjectsInParts(self._client, self._public_client, self._bucket, self._settings.presign_seconds)

    def close(self) -> None:
        """Close the connections."""
        self.__dict__.pop("parts", None)
        for name in ("_client", "_public_client"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    @cached_property
    def writes_once(self) -> bool:
        """Whether the service can write an object only where there is none, as it was found when first asked."""
        return writes_once(self._client, self._bucket)

    def ensure_bucket(self) -> None:
        """Create the bucket unless it exists."""
        with answers(f"bucket {self._bucket}"):
            with passing_over(ABSENT | {"NoSuchBucket"}):
                self._client.head_bucket(Bucket=self._bucket)
                return
            self._client.create_bucket(Bucket=self._bucket)

    def allow_pages(self) -> bool:
        """Let pages of the service send files straight here, and return whether they may."""
        return allow_pages(self._client, self._bucket)

    def check(self) -> None:
        """Write and delete a small object, always the same: the next check takes away what one that was killed left.

        The first time find out `writes_once` as well.
        """
        self.put_json(PROBE, {})
        self.delete(PROBE)
        _ = self.writes_once

    def put_json(
        self, key: str, document: dict[str, Any], if_absent: bool = False, note: dict[str, str] | None = None
    ) -> bool:
        """Store a document; with `if_absent` only where there is none. Returns whether it was stored.

        That is atomic where the service `writes_once`; elsewhere the document is looked for before.
        A `note` lies beside it, of at most 2 KB as JSON (S3's limit of metadata), and is read with `note_of`.
        """
        metadata = {} if note is None else {NOTE: json.dumps(note)}
        body = json.dumps(document, indent=1, allow_nan=False).encode()
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent and self.writes_once else {}
        with answers(key), passing_over(PRESENT if condition else ()):
            if if_absent and not condition and self._size(key) is not None:
                return False
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                Metadata=metadata,
                **condition,
            )
            return True
        return False

    def holds(self, key: str) -> bool:
        """Whether there is an object with this key."""
        with answers(key):
            return self._size(key) is not None

    def get_json(self, key: str) -> dict[str, Any] | None:
        """Return the document stored under the key, None where there is none."""
        with answers(key), passing_over(ABSENT), self._open(key) as body:
            document: dict[str, Any] = json.loads(body.read())
            return document
        return None

    def _open(self, key: str) -> "closing[StreamingBody]":
        return closing(self._client.get_object(Bucket=self._bucket, Key=key)["Body"])

    def note_of(self, key: str) -> dict[str, str] | None:
        """Return the note beside a document, None where there is none. Raises ServiceError NOT_FOUND."""
        with answers(key):
            metadata = self._client.head_object(Bucket=self._bucket, Key=key)["Metadata"]
        note: dict[str, str] | None = json.loads(metadata[NOTE]) if NOTE in metadata else None
        return note

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with answers(key):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return every key with this prefix, sorted."""
        return sorted(key for key, _ in self.dated_keys(prefix))

    def dated_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Yield every key with this prefix, and when it was last written."""
        with answers(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield entry["Key"], entry["LastModified"]

    def digest(self, key: str) -> str:
        """Return the SHA-256 of an object, read in pieces of 1 MiB. Raises ServiceError NOT_FOUND."""
        digest = hashlib.sha256()
        with answers(key), self._open(key) as body:
            for chunk in body.iter_chunks(READ_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def upload_blob(self, path: Path, blob: Blob) -> None:
        """Store a file under its digest (`blob_of(path)`), unless it is there already."""
        key = blob_key(blob.sha256)
        with answers(key):
            if self._size(key) != blob.bytes:
                # One part at a time: memory stays at one part, and workers upload side by side as it is.
                config = TransferConfig(multipart_chunksize=PART_BYTES, use_threads=False)
                self._client.upload_file(str(path), self._bucket, key, Config=config)

    def _size(self, key: str) -> int | None:
        with passing_over(ABSENT):
            return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        return None

    def download(self, reference: str, destination: Path) -> None:
        """Fetch a blob by its SHA-256 (digest verified) or an object by its key; the file appears whole or not at all.

        Raises ServiceError NOT_FOUND where there is none, INTERNAL when the bytes of a blob are not those it names.
        """
        is_blob = re.fullmatch("[0-9a-f]{64}", reference) is not None
        key = blob_key(reference) if is_blob else reference
        partial = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
        digest = hashlib.sha256()
        try:
            with answers(key), partial.open("wb") as file, self._open(key) as body:
                for chunk in body.iter_chunks(READ_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
            if is_blob and digest.hexdigest() != reference:
                raise ServiceError(
                    ErrorCode.INTERNAL, f"Blob {reference} is damaged: its bytes have the digest {digest.hexdigest()}."
                )
            partial.replace(destination)
        finally:
            partial.unlink(missing_ok=True)

    def read(self, key: str) -> bytes:
        """Return an object whole, for what is small."""
        with answers(key), self._open(key) as body:
            return body.read()

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes of an object from `start` on."""
        span = f"bytes={start}-{start + length - 1}"
        with answers(key), closing(self._client.get_object(Bucket=self._bucket, Key=key, Range=span)["Body"]) as body:
            return body.read()

    def open_upload(self, key: str) -> "StreamingUpload":
        """Start a streamed upload."""
        return StreamingUpload(self._client, self._bucket, key)

    def presign(self, key: str, filename: str, content_type: str) -> str:
        """Return a link at the public endpoint, valid for `presign_seconds`; ranges work.

        Browsers show a picture and save anything else.
        """
        disposition = "inline" if content_type.startswith("image/") else "attachment"
        return self._public_client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": f'{disposition}; filename="{filename}"',
                "ResponseContentType": content_type,
            },
            ExpiresIn=self._settings.presign_seconds,
        )


class StreamingUpload:
    """One object written piece by piece; nothing is visible under its key before `finish`.

    Holds at most one part of 5 MiB in memory.
    """

    def __init__(self, client: "S3Client", bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._digest = hashlib.sha256()
        self._bytes = 0
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []

    def write(self, data: bytes) -> None:
        """Append; sends a part to the storage whenever 5 MiB have gathered."""
        self._digest.update(data)
        self._bytes += len(data)
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            # The buffer itself is sent: a slice would be one more copy of it.
            part, self._buffer = self._buffer, self._buffer[PART_BYTES:]
            del part[PART_BYTES:]
            self._send(part)

    def _send(self, part: bytes | bytearray) -> None:
        with answers(self._key):
            if self._upload_id is None:
                started = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
                self._upload_id = started["UploadId"]
            number = len(self._parts) + 1
            sent = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=part,  # type: ignore[arg-type]  # botocore takes bytearrays, its stubs do not
            )
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})

    def finish(self) -> Blob:
        """Make the object visible and return its digest and size."""
        if self._upload_id is None:
            with answers(self._key):
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=bytes(self._buffer))
        else:
            if self._buffer:
                self._send(self._buffer)
            with answers(self._key):
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._upload_id,
                    MultipartUpload={"Parts": self._parts},
                )
            self._upload_id = None
        self._buffer.clear()
        return Blob(self._digest.hexdigest(), self._bytes)

    def abort(self) -> None:
        """Drop what was sent. Does nothing after `finish` or `abort`."""
        self._buffer.clear()
        if self._upload_id is not None:
            with answers(self._key):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)
            self._upload_id = None


def blob_key(sha256: str) -> str:
    """Return where the blob of this digest lies."""
    return f"{BLOBS}{sha256[:2]}/{sha256}"


def blob_of(path: Path) -> Blob:
    """Return the digest and size of a file."""
    with path.open("rb") as file:
        return Blob(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
