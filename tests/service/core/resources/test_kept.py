"""What is pinned stays however old it is, with all that it names; what is not says when it goes."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.settings import Settings
from service.core.lifecycle import pins
from service.core.resources import datasets, jobs, labelers
from service.core.resources.kept import set_pin
from service.core.upkeep.rebuild_index import rebuild_index
from service.core.upkeep.retention import expire
from tests.service.core.hand import Hand

LATER = datetime.now(UTC) + timedelta(days=31)


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    """A core that keeps things for a month."""
    with closing(open_core(settings.model_copy(update={"retention_days": 30}))) as opened:
        yield opened


@pytest.mark.parametrize("wiped", [False, True], ids=["", "after a loss of Redis"])
def test_a_pinned_job_stays_with_what_it_names(core: Core, hand: Hand, refused: Any, wiped: bool) -> None:
    source, other = hand.ready_set("source"), hand.ready_set("source")
    job = hand.work(hand.submit("train_labeler", source_dataset=source, epochs=1).id)
    assert job.result is not None
    assert set_pin(core, job, True).expires_at is None
    if wiped:
        core.redis.flushdb()
        rebuild_index(core)
    expire(core, LATER)
    assert jobs.view(core, job.id).pinned
    assert datasets.view(core, source).id == source
    assert labelers.view(core, str(job.result.labeler)).id == job.result.labeler
    with refused(ErrorCode.NOT_FOUND):
        datasets.view(core, other)
    set_pin(core, jobs.view(core, job.id), False)
    expire(core, LATER)
    with refused(ErrorCode.NOT_FOUND):
        jobs.view(core, job.id)


def test_a_pinned_set_and_a_pinned_labeler_stay(core: Core, hand: Hand) -> None:
    source = hand.ready_set("source")
    dataset = hand.ready_set(source_dataset=source)
    labeler = hand.trained_labeler(hand.ready_set("source"), epochs=1)
    set_pin(core, datasets.view(core, dataset), True)
    set_pin(core, labelers.view(core, labeler), True)
    expire(core, LATER)
    assert {found.id for found in datasets.page(core, limit=10).items} == {dataset, source}
    assert [found.pinned for found in labelers.page(core, limit=10).items] == [True]


def test_what_is_not_pinned_says_when_it_goes(core: Core, hand: Hand) -> None:
    dataset = datasets.view(core, hand.ready_set())
    assert dataset.expires_at == dataset.created_at + timedelta(days=30)
    waiting = hand.submit("train_labeler", source_dataset=hand.ready_set("source"), epochs=1)
    assert waiting.expires_at is None
    done = hand.work(waiting.id)
    assert done.finished_at is not None
    assert done.expires_at == done.finished_at + timedelta(days=30)
    forever = replace(core, settings=core.settings.model_copy(update={"retention_days": None}))
    assert datasets.view(forever, dataset.id).expires_at is None


def test_a_pin_goes_with_what_it_keeps(core: Core, hand: Hand) -> None:
    dataset = hand.ready_set()
    set_pin(core, datasets.view(core, dataset), True)
    datasets.delete(core, dataset)
    assert core.redis.smembers(redis_keys.PINNED) == set()
    assert core.storage.list_keys(pins.FOLDER) == []
