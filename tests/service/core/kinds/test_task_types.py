"""Outcomes of tasks: what becomes visible when one succeeds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.core.clients import Core
from service.core.foundation.redis_keys import INDEXED
from service.core.lifecycle import tasks
from service.core.resources import datasets
from service.core.upkeep.sweeper import sweep

AUGMENTATION = {
    "parent": None,
    "labeler": None,
    "epoch": 10,
    "temperature": 1.0,
    "n": 2,
    "ratio": 0.5,
    "encoding": "uint8",
    "digest": None,
    "reused_from": None,
    "labeler_normalizations": None,
}
FILES = ("images.npy", "labels.npy", "dense_labels.npy", "full_labels.npy", "archive.zip")


@pytest.fixture
def archive(core: Core, hand: Any) -> str:
    """A set that was uploaded as an archive of this service."""
    uploaded = hand.upload(source_dataset=hand.ready_set("source"))
    files = {name: hand.file(name.encode()) for name in FILES}
    result = {"stats": hand.made_up_stats(), "augmentation": AUGMENTATION}
    assert tasks.succeed(core, hand.claim(uploaded.job, "ingest"), result, files)
    return str(uploaded.id)


def test_an_archive_becomes_a_label_augmented_set(core: Core, hand: Any, archive: str) -> None:
    dataset = datasets.view(core, archive)
    assert dataset.augmentation is not None
    assert dataset.augmentation.model_dump() == AUGMENTATION
    assert dataset.links.archive == f"/v1/datasets/{archive}/archive"
    assert dataset.stats is not None
    assert dataset.stats.bytes == sum(len(name) for name in FILES if name.endswith(".npy"))
    # It can be evaluated on its dense labels and those of whole images.
    job = hand.submit("evaluate", dataset=archive, arms=["ladd", "full_soft"], architectures=["ConvNetD3"], trials=1)
    assert {task.name for task in job.tasks} >= {"report"}


def test_it_keeps_no_labeler_and_goes_with_age(core: Core, archive: str) -> None:
    core.redis.set(INDEXED, 1)
    keeping = replace(core, settings=core.settings.model_copy(update={"retention_days": 10}))
    sweep(keeping, datetime.now(UTC) + timedelta(days=11))
    assert datasets.page(core, limit=100).items == []
