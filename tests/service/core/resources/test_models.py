"""Weights are there for download: the checkpoints of labelers, and the networks of trials that a job keeps."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import urlopen

import pytest

from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.resources import jobs, models
from service.core.upkeep.rebuild_index import rebuild_index
from service.core.upkeep.sweeper import sweep
from tests.service.core.hand import Hand

SPEC: dict[str, Any] = {"arms": ["baseline"], "architectures": ["ConvNetD3"], "trials": 2, "overrides": {"epochs": 2}}


def fetched(url: str) -> bytes:
    with urlopen(url) as answer:
        return bytes(answer.read())


def digests(core: Core, job: Job) -> list[str]:
    """Return those of the networks that a job keeps."""
    record = core.store.load(job.id)
    assert record is not None
    return [task.files["network.safetensors"] for task in record.tasks if task.files]


@pytest.fixture
def dataset(hand: Hand) -> str:
    return hand.ready_set(source_dataset=hand.ready_set("source"))


def test_the_checkpoints_of_a_labeler(core: Core, hand: Hand, refused: Any) -> None:
    labeler = hand.trained_labeler(hand.ready_set("source"), epochs=20, checkpoint_epochs=[10, 20])
    assert fetched(models.checkpoint_url(core, labeler, 10)).startswith(b"epoch_010.safetensors")
    for missing in ((labeler, 5), ("lb_" + "0" * 26, 10)):
        with refused(ErrorCode.NOT_FOUND):
            models.checkpoint_url(core, *missing)


def test_the_networks_of_trials(core: Core, hand: Hand, dataset: str, refused: Any) -> None:
    job = hand.work(hand.submit("evaluate", dataset=dataset, keep_models=True, **SPEC).id)
    kept = digests(core, job)
    assert len(kept) == 2
    assert fetched(models.model_url(core, job.id, kept[1])).startswith(b"network")
    report = jobs.report(core, job.id)
    assert report.evaluation is not None
    assert all(trial.model is not None for row in report.evaluation.rows for trial in row.trials)
    without = hand.work(hand.submit("evaluate", dataset=dataset, **SPEC).id)
    assert digests(core, without) == []
    with refused(ErrorCode.NOT_FOUND):
        models.model_url(core, without.id, kept[0])


def test_they_stay_as_long_as_a_job_has_them(core: Core, hand: Hand, dataset: str) -> None:
    first = hand.work(hand.submit("evaluate", dataset=dataset, keep_models=True, **SPEC).id)
    second = hand.work(hand.submit("evaluate", dataset=dataset, keep_models=True, **SPEC).id)
    [kept, *_] = digests(core, first)
    assert digests(core, second) == digests(core, first), "trials that were reused keep their networks"
    jobs.delete(core, first.id)
    core.redis.set(redis_keys.INDEXED, 1)
    for days in (2, 4):
        assert sweep(core, datetime.now(UTC) + timedelta(days=days))
    assert fetched(models.model_url(core, second.id, kept))
    jobs.delete(core, second.id)
    assert core.blobs.without_owner([kept]) == [kept]


def test_they_survive_the_loss_of_redis(core: Core, hand: Hand, dataset: str) -> None:
    job = hand.submit("evaluate", dataset=dataset, keep_models=True, **SPEC)
    hand.finish(hand.claim(job.id, "evaluate:baseline:ConvNetD3:0"))
    [kept] = digests(core, job)
    core.redis.flushdb()
    rebuild_index(core)
    assert core.blobs.held_by(job.id) == {kept}
    assert fetched(models.model_url(core, job.id, kept))


def test_a_retried_job_keeps_those_of_its_finished_trials(core: Core, hand: Hand, dataset: str) -> None:
    job = hand.submit("evaluate", dataset=dataset, keep_models=True, **SPEC)
    hand.finish(hand.claim(job.id, "evaluate:baseline:ConvNetD3:0"))
    jobs.cancel(core, job.id)
    again, _ = jobs.retry(core, job.id)
    assert core.blobs.held_by(again.id) == set(digests(core, job))
