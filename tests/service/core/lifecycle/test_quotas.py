"""Quotas bound what one tenant takes, and leave another's share alone."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.core.clients import Core, open_core
from service.core.foundation.ids import new_id
from service.core.foundation.settings import Settings
from service.core.lifecycle import quotas
from service.core.lifecycle.quotas import QuotaExceededError
from service.core.resources import datasets

Limited = Callable[..., Core]


@pytest.fixture
def limited(settings: Settings) -> Iterator[Limited]:
    """The core of tenant `ours` with some quotas."""
    opened: list[Core] = []

    def make(**limits: int) -> Core:
        opened.append(open_core(settings.model_copy(update={f"quota_{name}": limit for name, limit in limits.items()})))
        return opened[-1].acting_for("ours")

    yield make
    for core in opened:
        core.close()


def quota_met(action: Callable[[], Any]) -> quotas.Quota:
    with pytest.raises(QuotaExceededError) as caught:
        action()
    return caught.value.quota


def test_queued_jobs(hand: Any, limited: Limited) -> None:
    ours = type(hand)(limited(queued_jobs=2), hand.folder)
    first = ours.upload()
    ours.upload()
    files = hand.core.storage.list_keys("")
    quota = quota_met(ours.upload)
    assert (quota.name, quota.limit) == ("queued_jobs", 2)
    # Nothing is left of what was refused.
    assert hand.core.storage.list_keys("") == files
    hand.upload()
    claimed = ours.claim(first.job, "ingest")
    ours.upload()
    ours.fail(claimed)
    assert quota_met(ours.upload).name == "queued_jobs"


def test_a_repeated_request_is_answered_above_the_quota(hand: Any, limited: Limited) -> None:
    ours = type(hand)(limited(queued_jobs=1), hand.folder)
    source = ours.ready_set("source")
    job = ours.submit("train_labeler", key="once", source_dataset=source)
    assert ours.submit("train_labeler", key="once", source_dataset=source).id == job.id
    assert quota_met(lambda: ours.submit("train_labeler", key="twice", source_dataset=source)).name == "queued_jobs"


def test_racing_submissions_get_no_more_than_the_quota(core: Core, spec_of: Any) -> None:
    spec = spec_of({"only": []}, limits={"queued_jobs": 10})
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: core.store.submit(new_id("job"), spec).outcome, range(100)))
    assert Counter(outcomes) == {"created": 10, "over": 90}


def test_stored_bytes(hand: Any, limited: Limited) -> None:
    ours = type(hand)(limited(stored_bytes=1_000_000), hand.folder)
    source = ours.ready_set("source")
    used = sum(map(int, hand.core.redis.hvals("ladd:stored:ours")))
    manifest = hand.core.catalogue.dataset(source)
    assert used == sum(blob.bytes for blob in manifest.blobs.values())

    full = type(hand)(limited(stored_bytes=used), hand.folder)
    assert quota_met(full.upload).name == "stored_bytes"
    assert quota_met(lambda: full.submit("train_labeler", source_dataset=source)).name == "stored_bytes"
    assert quota_met(lambda: quotas.admit_upload(full.core, 0)).name == "stored_bytes"
    room = limited(stored_bytes=used + 10)
    quotas.admit_upload(room, 10)
    assert quota_met(lambda: quotas.admit_upload(room, 11)).limit == used + 10
    quotas.admit_upload(full.core.acting_for("theirs"), 1)

    datasets.delete(full.core, source)
    quotas.admit_upload(full.core, 0)


def test_what_is_rejected_stores_nothing(hand: Any, limited: Limited) -> None:
    ours = type(hand)(limited(), hand.folder)
    dataset = ours.upload()
    assert int(hand.core.redis.hget("ladd:stored:ours", dataset.id)) == dataset.files[0].bytes
    ours.fail(ours.claim(dataset.job, "ingest"))
    assert int(hand.core.redis.hget("ladd:stored:ours", dataset.id)) == 0


def test_uploads_per_minute(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = limited(uploads_per_minute=3)
    monkeypatch.setattr("service.core.lifecycle.quotas.time.time", lambda: 6_000_045.0)
    for _ in range(3):
        quotas.admit_upload(ours, 0)
    quota = quota_met(lambda: quotas.admit_upload(ours, 0))
    assert (quota.name, quota.limit, quota.window_seconds, quota.retry_seconds) == ("uploads", 3, 60, 15)
    quotas.admit_upload(ours.acting_for("theirs"), 0)
    monkeypatch.setattr("service.core.lifecycle.quotas.time.time", lambda: 6_000_060.0)
    quotas.admit_upload(ours, 0)
