"""Forms that are streamed to the storage, and what is left of those that fail."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.objects.received_files import upload_key
from service.http import limits
from service.http.app import create_app
from stack.readiness import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024 * 1024
METADATA = json.dumps({"name": "a set", "role": "distilled"})

metadata_part = ("metadata", (None, METADATA, "application/json"))
file_part = ("files", ("a.pt", b"1"))


@pytest.fixture
def left_over(s3: "S3Client") -> Callable[[], list[str]]:
    """The contents of the storage: objects and unfinished multipart uploads."""

    def find() -> list[str]:
        objects = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        uploads = s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [found["Key"] for found in objects] + [f"unfinished {upload['Key']}" for upload in uploads]

    return find


@pytest.mark.parametrize("order", [[metadata_part, file_part], [file_part, metadata_part]])
def test_metadata_may_come_first_or_last(api: httpx.Client, order: list[Any]) -> None:
    answer = api.post("/v1/datasets", files=order)
    assert answer.status_code == 202
    assert [file["name"] for file in answer.json()["files"]] == ["a.pt"]


def test_content_arrives_intact(api: httpx.Client, core: Core, tmp_path: Path) -> None:
    contents = [os.urandom(17 * MIB + 3), b"", os.urandom(8 * MIB)]
    parts = [("files", (f"{position}.bin", content)) for position, content in enumerate(contents)]
    dataset = api.post("/v1/datasets", files=[metadata_part, *parts]).json()
    for position, content in enumerate(contents):
        core.storage.download(upload_key(dataset["id"], position), tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize(
    ("parts", "location", "rule"),
    [
        ([file_part], "body.metadata", "missing"),
        ([metadata_part], "body.files", "missing"),
        ([metadata_part, metadata_part, file_part], "body", "one_metadata_part"),
        ([file_part, metadata_part, ("extra", (None, "1"))], "body", "part_names"),
        ([metadata_part, file_part, file_part], "body.files", "unique_names"),
        ([metadata_part, ("files", (None, b"1"))], "body.files", "file_name"),
        ([metadata_part, ("files", ("a/b.pt", b"1"))], "body.files", "file_name"),
        ([metadata_part, ("files", ("..", b"1"))], "body.files", "file_name"),
        ([metadata_part, ("files", ("a\u2028b", b"1"))], "body.files", "file_name"),
        ([metadata_part, ("files", ("x" * 256, b"1"))], "body.files", "file_name"),
        ([metadata_part, ("files", ("\u00e9" * 128, b"1"))], "body.files", "file_name"),
        ([metadata_part, *(("files", (f"{n}", b"1")) for n in range(65))], "body.files", "too_many_files"),
        ([file_part, ("metadata", (None, "{"))], "body.metadata", "json_invalid"),
        ([file_part, ("metadata", (None, b"\xff"))], "body.metadata", "json_invalid"),
        ([file_part, ("metadata", (None, "[" * 100_000))], "body.metadata", "json_invalid"),
        ([file_part, ("metadata", (None, "[]"))], "body.metadata", "model_type"),
        ([file_part, ("metadata", (None, '{"name": "x", "role": "teacher"}'))], "body.metadata.role", "enum"),
        (
            [file_part, ("metadata", (None, '{"name": "x", "role": "source", "lr": 1}'))],
            "body.metadata.lr",
            "extra_forbidden",
        ),
        (
            [file_part, ("metadata", (None, '{"name": "x", "role": "source", "learned_lr": NaN}'))],
            "body.metadata.learned_lr",
            "finite_number",
        ),
        (
            [file_part, ("metadata", (None, '{"name": "\\ud800", "role": "source"}'))],
            "body.metadata.name",
            "string_unicode",
        ),
    ],
)
def test_broken_forms_name_the_rule_and_leave_nothing(
    standing_api: httpx.Client, left_over: Callable[[], list[str]], parts: list[Any], location: str, rule: str
) -> None:
    before = left_over()
    answer = standing_api.post("/v1/datasets", files=parts)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert (answer.json()["reasons"][0]["location"], answer.json()["reasons"][0]["rule"]) == (location, rule)
    assert left_over() == before


def test_form_without_its_end_is_refused(api: httpx.Client, left_over: Callable[[], list[str]]) -> None:
    request = api.build_request("POST", "/v1/datasets", files=[metadata_part, file_part])
    answer = api.post(
        "/v1/datasets", content=request.read()[:-10], headers={"Content-Type": request.headers["Content-Type"]}
    )
    assert answer.json()["reasons"][0]["rule"] == "multipart_complete"
    assert left_over() == []


def test_other_media_types_are_refused(standing_api: httpx.Client) -> None:
    answer = standing_api.post("/v1/datasets", content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_refusing_early_still_reaches_a_client_that_keeps_sending(standing_api: httpx.Client) -> None:
    parts: list[Any] = [("metadata", (None, "{}")), ("files", ("big.bin", bytes(64 * MIB)))]
    answer = standing_api.post("/v1/datasets", files=parts)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.fixture
def small_limit(settings: Settings, serve: Any) -> Iterator[httpx.Client]:
    with serve(create_app(settings.model_copy(update={"max_upload_bytes": 4 * MIB}))) as client:
        yield client


def test_declared_size_above_the_limit_is_refused(
    small_limit: httpx.Client, left_over: Callable[[], list[str]]
) -> None:
    answer = small_limit.post("/v1/datasets", files=[metadata_part, ("files", ("big.bin", bytes(32 * MIB)))])
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert left_over() == []


def test_undeclared_size_above_the_limit_is_refused(
    small_limit: httpx.Client, left_over: Callable[[], list[str]]
) -> None:
    request = small_limit.build_request(
        "POST", "/v1/datasets", files=[metadata_part, ("files", ("big.bin", bytes(5 * MIB)))]
    )
    body = request.read()
    pieces = (body[start : start + MIB] for start in range(0, len(body), MIB))
    answer = small_limit.post("/v1/datasets", content=pieces, headers={"Content-Type": request.headers["Content-Type"]})
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert left_over() == []


def test_metadata_has_a_limit_of_its_own(standing_api: httpx.Client) -> None:
    answer = standing_api.post("/v1/datasets", files=[("metadata", (None, " " * (MIB + 1))), file_part])
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")


@contextmanager
def unfinished_upload(api: httpx.Client, size: int, headers: str = "") -> Iterator[socket.socket]:
    """A connection on which `size` bytes of a much larger file have been sent."""
    head = (
        b"--b\r\nContent-Disposition: form-data; name=metadata\r\n\r\n" + METADATA.encode() + b"\r\n"
        b"--b\r\nContent-Disposition: form-data; name=files; filename=big.bin\r\n\r\n"
    )
    with socket.create_connection((api.base_url.host, api.base_url.port or 80)) as connection:
        connection.sendall(
            b"POST /v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n"
            + headers.encode()
            + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            + head
            + bytes(size)
        )
        yield connection


def test_client_that_disconnects_leaves_nothing(
    wait_until: Any, api: httpx.Client, left_over: Callable[[], list[str]]
) -> None:
    with unfinished_upload(api, 20 * MIB):
        wait_until(lambda: any(found.startswith("unfinished") for found in left_over()))
    wait_until(lambda: left_over() == [])


def test_client_that_pauses_too_long_is_refused(
    api: httpx.Client, left_over: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.2)
    with unfinished_upload(api, 10 * MIB) as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.load(answer)["code"]) == (408, "timeout")
        answer.close()
    assert left_over() == []


def test_uploads_beyond_the_slots_are_put_off(
    wait_until: Any, settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch, left_over: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr("service.http.received.MAX_CONCURRENT_FORMS", 1)
    with serve(create_app(settings)) as api:
        with unfinished_upload(api, 10 * MIB):
            wait_until(lambda: left_over() != [])
            answer = api.post("/v1/datasets", files=[metadata_part, file_part])
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        wait_until(lambda: api.post("/v1/datasets", files=[metadata_part, file_part]).status_code == 202)


def test_a_tenant_has_no_more_than_its_share_of_the_slots(
    wait_until: Any, api: httpx.Client, make_key: Callable[..., str], left_over: Callable[[], list[str]]
) -> None:
    keys = {tenant: make_key(tenant, "write") for tenant in ("crowd", "other", "third", "late")}

    def begun(tenant: str) -> AbstractContextManager[socket.socket]:
        return unfinished_upload(api, 10 * MIB, f"Authorization: Bearer {keys[tenant]}\r\n")

    def answer(tenant: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {keys[tenant]}"}
        return api.post("/v1/datasets", files=[metadata_part, file_part], headers=headers)

    def unfinished() -> int:
        return sum(found.startswith("unfinished") for found in left_over())

    with ExitStack() as uploads:
        for count, tenant in enumerate(["crowd", "crowd", "crowd", "other", "other"], 1):
            uploads.enter_context(begun(tenant))
            wait_until(lambda count=count: unfinished() == count)
        for tenant, share in (("crowd", 3), ("other", 2)):
            refused = answer(tenant)
            assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
            assert f"{share} uploads of yours" in refused.json()["detail"]
            assert int(refused.headers["Retry-After"]) > 0
        assert answer("third").status_code == 202, "who has nothing under way is served as long as there is a slot"
        uploads.enter_context(begun("third"))
        wait_until(lambda: unfinished() == 6)
        assert answer("late").status_code == 503
    wait_until(lambda: unfinished() == 0)
    assert answer("crowd").status_code == 202
