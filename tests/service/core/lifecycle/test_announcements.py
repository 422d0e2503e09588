"""Webhooks hear of the end of a job, and of what became of an upload: once, of their tenant's alone."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.lifecycle import outbox
from service.core.objects.storage import Storage
from service.core.resources import datasets, jobs
from service.core.webhooks.hooks import Hook, SigningSecret, new_secret

Told = Callable[[Hook], list[dict[str, Any]]]


@pytest.fixture
def hook_for(core: Core) -> Callable[..., Hook]:
    """Make a webhook of a tenant that asks for these events."""

    def make(*events: str, tenant: str = "default", **changed: Any) -> Hook:
        hook = Hook(
            id=new_id("wh"),
            tenant=tenant,
            url="https://hooks.example/",
            events=list(events),
            description="",
            secrets=[SigningSecret(secret=new_secret())],
            created_at=datetime.now(UTC),
            **changed,
        )
        assert core.hooks.create(hook, 10)
        return hook

    return make


@pytest.fixture
def told(core: Core) -> Told:
    """The payloads that are in line for a webhook, oldest first."""

    def payloads(hook: Hook) -> list[dict[str, Any]]:
        records, _ = core.deliveries.page(hook.id, None, 100)
        return [json.loads(record.fields["body"]) for record in reversed(records)]

    return payloads


def types(payloads: Sequence[dict[str, Any]]) -> list[str]:
    return [payload["type"] for payload in payloads]


def test_a_job_that_succeeds(core: Core, hand: Any, hook_for: Callable[..., Hook], told: Told) -> None:
    source = hand.ready_set("source")
    every, wrong, off = hook_for("job.*"), hook_for("job.failed"), hook_for("job.*", enabled=False)
    job = hand.work(hand.submit("train_labeler", source_dataset=source).id)
    [payload] = told(every)
    assert payload == {
        "type": "job.succeeded",
        "timestamp": payload["timestamp"],
        "data": {
            "id": job.id,
            "kind": "train_labeler",
            "state": "succeeded",
            "links": {"self": f"/v1/jobs/{job.id}"},
        },
    }
    assert datetime.fromisoformat(payload["timestamp"]) == job.finished_at
    assert (told(wrong), told(off)) == ([], [])


def test_a_job_that_fails_one_that_is_canceled_and_one_that_expires(
    core: Core, hand: Any, hook_for: Callable[..., Hook], told: Told
) -> None:
    source = hand.ready_set("source")
    hook = hook_for("job.*")
    hand.fail(hand.claim(hand.submit("train_labeler", source_dataset=source).id, "train_labeler"), "input")
    jobs.cancel(core, hand.submit("train_labeler", source_dataset=source).id)
    expired = hand.submit("train_labeler", source_dataset=source).id
    assert core.store.expire(expired)
    outbox.attend(core, f"close {expired}")
    assert types(told(hook)) == ["job.failed", "job.canceled", "job.expired"]


def test_an_upload_is_ready_or_rejected(hand: Any, hook_for: Callable[..., Hook], told: Told) -> None:
    hook, both = hook_for("dataset.*"), hook_for("dataset.ready", "job.*")
    ready = hand.ready_set("source")
    rejected = hand.upload()
    hand.fail(hand.claim(rejected.job, "ingest"), "input")
    assert types(told(hook)) == ["dataset.ready", "dataset.rejected"]
    assert told(hook)[0]["data"] == {
        "id": ready,
        "kind": "source",
        "state": "ready",
        "links": {"self": f"/v1/datasets/{ready}"},
    }
    assert told(hook)[1]["data"]["state"] == datasets.view(hand.core, rejected.id).state == "rejected"
    # Two messages of one moment have no order.
    assert sorted(types(told(both))) == ["dataset.ready", "job.failed", "job.succeeded"]


def test_tenants_hear_of_their_own(hand: Any, hook_for: Callable[..., Hook], told: Told) -> None:
    ours, theirs = hook_for("job.*", tenant="ours"), hook_for("job.*", tenant="theirs")
    for tenant in ("ours", "theirs", "theirs"):
        type(hand)(hand.core.acting_for(tenant), hand.folder).ready_set()
    assert (len(told(ours)), len(told(theirs))) == (1, 2)


def test_an_end_is_told_of_once_and_in_spite_of_the_storage(
    core: Core, hand: Any, hook_for: Callable[..., Hook], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry of the outbox is there from the end of the job on, and is repeated until the storage has it all."""
    hook = hook_for("job.*")
    job_id = hand.upload().job

    def out(*_: Any, **__: Any) -> None:
        raise ServiceError(ErrorCode.UNAVAILABLE, "out")

    # The process that ended the job is killed before it has told anybody.
    core.store.cancel(job_id)
    assert told(hook) == []
    assert core.store.due() == [f"close {job_id}"]
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "put_json", out)
        for _ in range(3):
            outbox.attend(core, f"close {job_id}")
        assert core.store.due() == [f"close {job_id}"]
    outbox.attend(core, f"close {job_id}")
    assert core.store.due() == []
    assert types(told(hook)) == ["job.canceled"]


def test_where_nobody_asks_nothing_is_noted(core: Core, hand: Any) -> None:
    hand.ready_set()
    assert core.redis.keys("ladd:webhook*") == []
