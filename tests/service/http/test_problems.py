"""Refusals and outages as problem documents."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api_schemas.problems import ErrorCode, Problem
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.http.app import create_app
from service.http.limits import MAX_JSON_BYTES
from service.http.problems import MEDIA_TYPE, STATUS

UNAVAILABLE = "A server that this service depends on does not answer; try again."


def problem(answer: httpx.Response) -> Problem:
    """Check the form of an error and return it."""
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.headers["X-Request-ID"]
    found = Problem.model_validate(answer.json())
    assert found.status == answer.status_code
    assert found.type == f"urn:ladd:problem:{found.code}"
    return found


def test_route_that_is_not_there(standing_api: httpx.Client) -> None:
    found = problem(standing_api.get("/v2/jobs"))
    assert (found.status, found.code, found.instance) == (404, ErrorCode.NOT_FOUND, "/v2/jobs")
    assert problem(standing_api.get("/v1/jobs/")).status == 404


def test_method_that_is_not_allowed(standing_api: httpx.Client) -> None:
    answer = standing_api.put("/readyz", json={})
    found = problem(answer)
    assert (found.status, found.code) == (405, ErrorCode.METHOD_NOT_ALLOWED)
    assert answer.headers["Allow"] == "GET"


def test_every_method_of_a_path_is_named(standing_api: httpx.Client) -> None:
    assert standing_api.put("/v1/datasets").headers["Allow"] == "GET, POST"
    assert standing_api.put("/v1/datasets/ds_" + "0" * 26).headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"kind": "ladd", "params": {"dataset": NaN}}',
        b'{"kind": "\\ud800", "\\udfff": 1}',
        b'{"kind": "ladd", "params": {"\\ud800": 1}}',
        b'{"kind": "ladd", "params": ' + b"9" * 5000 + b"}",
        b"null",
        b'"text"',
    ],
)
def test_bodies_that_make_no_sense(standing_api: httpx.Client, body: bytes) -> None:
    found = problem(standing_api.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"}))
    assert (found.status, found.code) == (422, ErrorCode.INVALID_REQUEST)
    assert found.reasons
    assert all(reason.location.startswith("body") for reason in found.reasons)


def test_broken_json_is_named_with_its_place(standing_api: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    found = problem(standing_api.post("/v1/jobs", content=b'{"kind": ladd}', headers=headers))
    assert found.detail == "body: JSON decode error: Expecting value, after 9 characters."


def test_json_body_above_its_limit(standing_api: httpx.Client) -> None:
    body = {"kind": "ladd", "params": {}, "tags": {"a": "x" * MAX_JSON_BYTES}}
    assert problem(standing_api.post("/v1/jobs", json=body)).code is ErrorCode.UPLOAD_TOO_LARGE
    pieces = (json.dumps(body)[start : start + 65_536].encode() for start in range(0, MAX_JSON_BYTES + 100, 65_536))
    chunked = standing_api.post("/v1/jobs", content=pieces, headers={"Content-Type": "application/json"})
    assert problem(chunked).code is ErrorCode.UPLOAD_TOO_LARGE


def test_reasons_are_counted_in_the_detail(standing_api: httpx.Client) -> None:
    found = problem(
        standing_api.post("/v1/jobs", json={"kind": "ladd", "params": {"dataset": "x", "views": {"n": 0}, "lr": 1}})
    )
    assert len(found.reasons) == 3
    assert found.detail.startswith("body.params.dataset: ")
    assert found.detail.endswith("(and 2 more).")


@pytest.fixture
def broken(settings: Settings, serve: Any) -> Iterator[httpx.Client]:
    """A front with routes that fail in ways of their own."""
    app = create_app(settings)

    def fail() -> None:
        raise RuntimeError("the password is hunter2")

    def damaged() -> None:
        raise ServiceError(ErrorCode.INTERNAL, "blob 1234 is damaged")

    def teapot() -> None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, "not yet")

    for path, route in (("/fail", fail), ("/damaged", damaged), ("/refuse", teapot)):
        app.add_api_route(path, route)
    with serve(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/fail", "/damaged"])
def test_failures_of_ours_tell_nothing_but_the_request_id(broken: httpx.Client, path: str) -> None:
    answer = broken.get(path, headers={"X-Request-ID": "mine-1"})
    found = problem(answer)
    assert (found.status, found.code) == (500, ErrorCode.INTERNAL)
    assert "mine-1" in found.detail
    assert answer.headers.get_list("X-Request-ID") == ["mine-1"]
    assert "hunter2" not in answer.text
    assert "1234" not in answer.text


def test_service_errors_keep_their_code_and_text(broken: httpx.Client) -> None:
    found = problem(broken.get("/refuse"))
    assert (found.status, found.code, found.detail) == (409, ErrorCode.DATASET_NOT_READY, "not yet")


def test_redis_outage(settings: Settings, serve: Any, nowhere: str) -> None:
    with serve(create_app(settings.model_copy(update={"redis_url": f"redis://{nowhere}/0"}))) as api:
        for answer in (api.get("/v1/jobs"), api.get("/v1/datasets"), api.get(f"/v1/jobs/job_{'0' * 26}/events")):
            found = problem(answer)
            assert (found.status, found.code, found.detail) == (503, ErrorCode.UNAVAILABLE, UNAVAILABLE)
            assert int(answer.headers["Retry-After"]) > 0


def test_storage_outage(settings: Settings, serve: Any, nowhere: str) -> None:
    with serve(create_app(settings.model_copy(update={"s3_endpoint_url": f"http://{nowhere}"}))) as api:
        parts = [("metadata", (None, '{"name": "x", "role": "source"}')), ("files", ("a", b"1"))]
        found = problem(api.post("/v1/datasets", files=parts))
        assert (found.status, found.code, found.detail) == (503, ErrorCode.UNAVAILABLE, UNAVAILABLE)


def test_only_codes_that_no_request_ends_with_lack_a_status() -> None:
    of_tasks = {"rejected_input", "worker_lost", "runner_failed", "out_of_memory", "disk_full", "device_failed"}
    # A labeler is in the catalogue only once it is trained.
    assert set(ErrorCode) - set(STATUS) <= of_tasks
