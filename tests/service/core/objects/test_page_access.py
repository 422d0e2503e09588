"""A bucket that pages may send files to, and one whose owner has rules of their own or refuses ours."""

import logging
from typing import TYPE_CHECKING

import httpx
import pytest
from botocore.exceptions import ClientError

from service.core.clients import Core
from service.core.objects.page_access import RULES, allow_pages
from stack.readiness import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(autouse=True)
def no_rules(s3: "S3Client") -> None:
    s3.delete_bucket_cors(Bucket=BUCKET)


def test_a_page_of_any_origin_may_send_a_part(core: Core, s3: "S3Client") -> None:
    assert core.storage.allow_pages()
    link = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "uploads/part"})
    asked = {"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "PUT"}
    answer = httpx.options(link, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", asked["Origin"])


def test_rules_of_the_owner_stay(core: Core, s3: "S3Client") -> None:
    own = {"CORSRules": [{"AllowedOrigins": ["https://a.test"], "AllowedMethods": ["PUT"]}]}
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=own)  # type: ignore[arg-type]
    assert core.storage.allow_pages()
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"][0]["AllowedOrigins"] == ["https://a.test"]


def test_where_it_is_refused_the_log_says_what_to_set(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing:
        """A storage that lets nobody set rules, as hosted ones may."""

        def get_bucket_cors(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketCors")

    with caplog.at_level(logging.WARNING):
        assert not allow_pages(Refusing(), "theirs")  # type: ignore[arg-type]
    assert str(RULES["CORSRules"][0]["AllowedMethods"][2]) in caplog.text
    assert "theirs" in caplog.text
