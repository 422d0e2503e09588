"""Objects of the storage that callers send in parts by presigned links, past the service (S3 multipart uploads)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from service.core.objects.storage_errors import answers, passing_over

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GONE = {"NoSuchUpload", "404"}


@dataclass(frozen=True)
class ReceivedPart:
    """A part that lies in the storage."""

    number: int
    bytes: int
    etag: str


class ObjectsInParts:
    """Every method raises ServiceError UNAVAILABLE when the storage does not answer or refuses."""

    def __init__(self, client: "S3Client", public_client: "S3Client", bucket: str, link_seconds: int) -> None:
        self._client, self._public_client, self._bucket = client, public_client, bucket
        self._link_seconds = link_seconds

    def start(self, key: str) -> str:
        """Return the storage's id of the parts that will come."""
        with answers(key):
            return self._client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]

    def link(self, key: str, parts_id: str, number: int, size: int) -> str:
        """Return where to PUT a part of this size, at the public endpoint."""
        part = {"Bucket": self._bucket, "Key": key, "UploadId": parts_id, "PartNumber": number}
        # With its length in the signature a link takes no other body.
        return self._public_client.generate_presigned_url(
            "upload_part", Params=part | {"ContentLength": size}, ExpiresIn=self._link_seconds
        )

    def received(self, key: str, parts_id: str) -> list[ReceivedPart] | None:
        """Return the parts that have arrived, by number; None when they were put together or dropped."""
        with answers(key), passing_over(GONE):
            pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=parts_id)
            return [
                ReceivedPart(part["PartNumber"], part["Size"], part["ETag"])
                for page in pages
                for part in page.get("Parts", [])
            ]
        return None

    def complete(self, key: str, parts_id: str, parts: Sequence[ReceivedPart]) -> None:
        """Put the parts together. Does nothing where that has happened already."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with answers(key), passing_over(GONE):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=parts_id,
                MultipartUpload={"Parts": listed},  # type: ignore[typeddict-item]
            )

    def abort(self, key: str, parts_id: str) -> None:
        """Drop the parts that have arrived; where there are none is no error."""
        with answers(key), passing_over(GONE):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=parts_id)

    def begun_before(self, moment: datetime) -> Iterator[tuple[str, str]]:
        """Yield (key, id) of the objects whose parts began to come before then and are not put together."""
        with answers(f"bucket {self._bucket}"):
            for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket):
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] < moment:
                        yield upload["Key"], upload["UploadId"]
