"""Every answer to a tenant says what is left of its quotas; what is refused for now says when to come again."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.lifecycle import quotas
from service.core.resources.api_keys import Scope
from service.http import rate_limits
from service.http.app import create_app

FORM: list[tuple[str, Any]] = [
    ("metadata", (None, json.dumps({"name": "a set", "role": "source"}))),
    ("files", ("a.pt", b"12345")),
]


def left(answer: httpx.Response) -> str:
    return answer.headers["RateLimit"].partition(";t=")[0]


def test_every_answer_says_what_is_left(settings: Settings, serve: Any) -> None:
    limits = {"quota_queued_jobs": 9, "quota_stored_bytes": 1000, "quota_uploads_per_minute": 7}
    with serve(create_app(settings.model_copy(update=limits))) as api:
        policy = '"queued_jobs";q=9, "stored_bytes";q=1000, "uploads";q=7;w=60'
        before = api.get("/v1/jobs")
        assert (before.headers["RateLimit-Policy"], left(before)) == (
            policy,
            '"queued_jobs";r=9, "stored_bytes";r=1000, "uploads";r=7',
        )
        assert 0 < int(before.headers["RateLimit"].rpartition("=")[2]) <= 60
        made = api.post("/v1/datasets", files=FORM)
        assert left(made) == '"queued_jobs";r=8, "stored_bytes";r=995, "uploads";r=6'
        job = made.json()["links"]["job"]
        etag = api.get(job).headers["ETag"]
        for answer in (
            api.get(job, headers={"If-None-Match": etag}),
            api.get("/v1/jobs/none"),
            api.get("/v1/nowhere"),
            api.put("/v1/jobs"),
            api.post("/v1/jobs", json={}),
        ):
            assert answer.headers["RateLimit-Policy"] == policy, answer.status_code
            assert left(answer) == left(made)
        assert left(api.post(f"{job}/cancel")).startswith('"queued_jobs";r=9')
        for path in ("/livez", "/docs"):
            assert "RateLimit" not in api.get(path).headers


def test_the_quota_that_was_met_is_the_one_that_is_told(settings: Settings, serve: Any) -> None:
    with serve(create_app(settings.model_copy(update={"quota_queued_jobs": 1}))) as api:
        assert api.post("/v1/datasets", files=FORM).status_code == 202
        refused = api.post("/v1/datasets", files=FORM)
        assert (refused.status_code, refused.headers["RateLimit"]) == (429, '"queued_jobs";r=0')
        assert refused.headers["Retry-After"] == "30"


def test_tenants_are_told_their_own(api: httpx.Client, make_key: Callable[..., str]) -> None:
    ours, theirs = (
        {"Authorization": f"Bearer {make_key(tenant, Scope.READ, Scope.WRITE)}"} for tenant in ("ours", "theirs")
    )
    assert left(api.post("/v1/datasets", files=FORM, headers=ours)) == '"queued_jobs";r=9999'
    assert left(api.get("/v1/jobs", headers=theirs)) == '"queued_jobs";r=10000'
    assert "RateLimit" not in api.get("/v1/jobs").headers


def test_many_polls_ask_redis_once(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    remainders = quotas.remainders

    def counted(core: Core) -> list[quotas.Remainder]:
        nonlocal looks
        looks += 1
        return remainders(core)

    monkeypatch.setattr(quotas, "remainders", counted)
    monkeypatch.setattr(rate_limits, "REFRESH_SECONDS", 3600)
    answers = [api.get("/v1/presets") for _ in range(20)]
    assert {left(answer) for answer in answers} == {'"queued_jobs";r=10000'}
    assert looks == 1


def test_an_outage_takes_the_headers_and_nothing_else(settings: Settings, serve: Any, nowhere: str) -> None:
    with serve(create_app(settings.model_copy(update={"redis_url": f"redis://{nowhere}/0"}))) as api:
        answer = api.get("/v1/jobs")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "RateLimit" not in answer.headers
        ready = api.get("/readyz")
        assert (ready.status_code, ready.headers["Retry-After"]) == (503, "5")


def test_a_job_says_when_to_look_again(api: httpx.Client, worker: Any) -> None:
    train = {"kind": "train_labeler", "params": {"source_dataset": worker.ready_set("source")}}
    started = api.post("/v1/jobs", json=train)
    job = api.get(f"/v1/jobs/{started.json()['id']}")
    assert started.headers["Retry-After"] == job.headers["Retry-After"]
    assert 1 <= int(job.headers["Retry-After"]) <= 60
    canceled = api.post(f"/v1/jobs/{started.json()['id']}/cancel").json()
    assert "Retry-After" not in api.get(canceled["links"]["self"]).headers
