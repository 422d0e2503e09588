"""A plain set in another layout is written once, when it is asked for first."""

from typing import Any
from urllib.request import urlopen

import pytest

from api_schemas.datasets import ExportFormat
from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.resources import datasets, exports, jobs
from service.core.upkeep.rebuild_index import rebuild_index
from tests.service.core.hand import Hand

NPZ = ExportFormat.NPZ


def started(core: Core, dataset: str, layout: ExportFormat = NPZ) -> Job:
    job = exports.export(core, dataset, layout)
    assert isinstance(job, Job)
    return job


def content(core: Core, dataset: str, layout: ExportFormat = NPZ) -> bytes:
    url = exports.export(core, dataset, layout)
    assert isinstance(url, str)
    with urlopen(url) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("role", ["distilled", "source"])
def test_it_is_written_once(core: Core, hand: Hand, role: str) -> None:
    dataset = hand.ready_set(role)
    job = started(core, dataset)
    assert (job.kind, job.params) == ("export", {"dataset": dataset, "format": "npz"})
    assert started(core, dataset).id == job.id, "one job at a time"
    claimed = hand.claim(job.id, "export")
    assert claimed.queue == "io"
    assert hand.finish(claimed)
    assert content(core, dataset).startswith(b"PK set")
    assert jobs.view(core, job.id).state is JobState.SUCCEEDED
    assert started(core, dataset, ExportFormat.PNG).id != job.id


def test_it_goes_with_the_jobs_that_made_it(core: Core, hand: Hand) -> None:
    dataset = hand.ready_set()
    first = started(core, dataset)
    second = hand.submit("export", dataset=dataset)
    hand.work(first.id)
    taken = hand.work(second.id)
    assert (taken.state, taken.tasks[0].reused_from) == (JobState.SUCCEEDED, first.id)
    jobs.delete(core, first.id)
    assert content(core, dataset)
    jobs.delete(core, second.id)
    started(core, dataset)


def test_a_failed_one_is_begun_anew(core: Core, hand: Hand) -> None:
    dataset = hand.ready_set()
    failed = started(core, dataset)
    jobs.cancel(core, failed.id)
    assert started(core, dataset).id != failed.id


def test_it_survives_the_loss_of_redis(core: Core, hand: Hand) -> None:
    dataset = hand.ready_set()
    hand.work(started(core, dataset).id)
    before = content(core, dataset)
    core.redis.flushdb()
    rebuild_index(core)
    assert content(core, dataset) == before


def test_what_does_not_fit_is_refused(core: Core, hand: Hand, refused: Any) -> None:
    source = hand.ready_set("source")
    with refused(ErrorCode.INVALID_REQUEST):
        exports.export(core, source, ExportFormat.MTT)
    with refused(ErrorCode.INVALID_REQUEST):
        hand.submit("export", dataset=source, format="mtt")
    two = hand.ready_set(stats=hand.made_up_stats(image_shape=[2, 32, 32]))
    with refused(ErrorCode.INVALID_REQUEST):
        exports.export(core, two, ExportFormat.PNG)
    with refused(ErrorCode.DATASET_NOT_READY):
        exports.export(core, hand.upload().id, NPZ)
    with refused(ErrorCode.NOT_FOUND):
        exports.export(core, "ds_" + "0" * 26, NPZ)


def test_a_set_is_not_deleted_under_its_export(core: Core, hand: Hand, refused: Any) -> None:
    dataset = hand.ready_set()
    job = started(core, dataset)
    with refused(ErrorCode.DATASET_IN_USE):
        datasets.delete(core, dataset)
    hand.work(job.id)
    datasets.delete(core, dataset)


def test_what_an_admin_has_written_is_the_owners(core: Core, hand_of: Any, hand: Hand) -> None:
    theirs = core.acting_for("them")
    dataset = hand_of(theirs, hand.folder).ready_set()
    job = started(core.acting_for("operators", sees_all=True), dataset)
    assert jobs.view(theirs, job.id).id == job.id
