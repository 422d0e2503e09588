"""To a tenant, what another has does not exist: not by id, not in a listing, not as an input, not as a key."""

import json
from typing import Any

import pytest

from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.redis_keys import DATASETS, JOBS, LABELERS
from service.core.foundation.tenants import DEFAULT, adopt
from service.core.resources import datasets, events, jobs, labelers, pictures


class Tenants:
    """A hand (see conftest) for each of two tenants."""

    def __init__(self, hand: Any) -> None:
        self.core: Core = hand.core
        self.ours = type(hand)(hand.core.acting_for("ours"), hand.folder)
        self.theirs = type(hand)(hand.core.acting_for("theirs"), hand.folder / "theirs")
        self.theirs.folder.mkdir()


@pytest.fixture
def tenants(hand: Any) -> Tenants:
    return Tenants(hand)


def refused(action: Any, *args: Any) -> ErrorCode:
    with pytest.raises(ServiceError) as caught:
        action(*args)
    return caught.value.code


def test_another_tenants_things_are_not_there(tenants: Tenants) -> None:
    ours, theirs = tenants.ours, tenants.theirs.core
    source = ours.ready_set("source")
    job = ours.submit("train_labeler", source_dataset=source)
    labeler = ours.work(job.id).result.labeler
    for action, identifier in [
        (datasets.view, source),
        (datasets.delete, source),
        (datasets.archive_url, source),
        (pictures.preview_url, source),
        (labelers.view, labeler),
        (jobs.view, job.id),
        (jobs.state, job.id),
        (jobs.cancel, job.id),
        (jobs.retry, job.id),
        (jobs.report, job.id),
    ]:
        assert refused(action, theirs, identifier) is ErrorCode.NOT_FOUND, action
        assert refused(action, theirs, identifier[:-1] + "z") is ErrorCode.NOT_FOUND, action
    assert refused(pictures.image_png, theirs, source, None, 0) is ErrorCode.NOT_FOUND
    assert refused(events.read, theirs, job.id, None, 10) is ErrorCode.NOT_FOUND
    assert datasets.page(theirs, limit=10).items == []
    assert labelers.page(theirs, limit=10).items == []
    assert jobs.page(theirs, limit=10).items == []
    for core in (ours.core, tenants.core):
        assert [dataset.id for dataset in datasets.page(core, limit=10).items] == [source]
        assert [found.id for found in labelers.page(core, limit=10).items] == [labeler]
        assert {found.id for found in jobs.page(core, limit=10).items} == {
            job.id,
            datasets.view(core, source).job,
        }
    assert events.read(ours.core, job.id, None, 10)


def test_another_tenants_things_are_no_inputs(tenants: Tenants) -> None:
    ours, theirs = tenants.ours, tenants.theirs
    source = ours.ready_set("source")
    distilled = ours.ready_set(source_dataset=source)
    labeler = ours.trained_labeler(source)
    own_source = theirs.ready_set("source")
    own = theirs.ready_set(source_dataset=own_source)

    def rule(kind: str, **params: Any) -> tuple[str, str]:
        with pytest.raises(ServiceError) as caught:
            theirs.submit(kind, **params)
        return caught.value.reasons[0].location, caught.value.reasons[0].rule

    assert rule("train_labeler", source_dataset=source) == ("body.params.source_dataset", "not_found")
    assert rule("generate_labels", dataset=distilled, labeler=labeler) == ("body.params.dataset", "not_found")
    assert rule("generate_labels", dataset=own, labeler=labeler) == ("body.params.labeler", "not_found")
    with pytest.raises(ServiceError) as caught:
        theirs.upload(source_dataset=source)
    assert caught.value.reasons[0].rule == "not_found"


def test_what_jobs_make_belongs_to_the_tenant_of_the_job(tenants: Tenants) -> None:
    ours = tenants.ours
    source = ours.ready_set("source")
    distilled = ours.ready_set(source_dataset=source)
    job = ours.work(
        ours.submit("ladd", dataset=distilled, evaluation={"arms": ["baseline", "random", "ladd"], "trials": 1}).id
    )
    assert job.state is JobState.SUCCEEDED
    made, _ = tenants.core.catalogue.datasets(limit=10)
    assert len(made) > 3
    assert {found.tenant for found in made} == {"ours"}
    assert {found.tenant for found in tenants.core.catalogue.labelers(limit=10)[0]} == {"ours"}


def test_a_labeler_is_reused_within_a_tenant_alone(tenants: Tenants) -> None:
    made: list[str] = []
    trained: list[int] = []
    for hand in (tenants.ours, tenants.ours, tenants.theirs):
        job = hand.work(hand.submit("train_labeler", source_dataset=hand.ready_set("source")).id)
        made.append(job.result.labeler)
        trained.append(job.cost.counted.labeler_training.flops)
    assert made[0] == made[1] != made[2]
    assert [bool(flops) for flops in trained] == [True, False, True]


def test_idempotency_keys_of_two_tenants_are_two(tenants: Tenants) -> None:
    started = []
    for hand in (tenants.ours, tenants.theirs):
        source = hand.ready_set("source")
        started += [hand.submit("train_labeler", key="once", source_dataset=source).id for _ in range(2)]
    assert started[0] == started[1] != started[2] == started[3]


def test_blobs_are_shared_and_outlive_the_set_of_one_tenant(tenants: Tenants) -> None:
    first, second = (hand.core.catalogue.dataset(hand.ready_set()) for hand in (tenants.ours, tenants.theirs))
    tenants.core.blobs.hold(second.id, first.blobs["images.npy"].sha256)
    datasets.delete(tenants.ours.core, first.id)
    assert tenants.core.redis.smembers(f"ladd:blob:{first.blobs['images.npy'].sha256}") == {second.id}
    assert tenants.core.redis.hgetall("ladd:stored:ours") == {}


def test_what_is_older_than_tenants_belongs_to_default(hand: Any) -> None:
    core: Core = hand.core
    source = hand.ready_set("source")
    labeler = hand.trained_labeler(source)
    # As it was stored: no tenant anywhere.
    for key in (f"ladd:dataset:{source}", f"ladd:labeler:{labeler}"):
        document = json.loads(str(core.redis.hget(key, "document")))
        assert document.pop("tenant") == DEFAULT
        core.redis.hset(key, "document", json.dumps(document))
        core.redis.hdel(key, "tenant")
    for job_id in core.redis.zrange(JOBS, 0, -1):
        core.redis.hdel(redis_keys.job(str(job_id)), "tenant")
    for listing in (DATASETS, LABELERS, JOBS):
        core.redis.delete(f"{listing}:{DEFAULT}")

    for _ in range(2):
        adopt(core.redis, (DATASETS, LABELERS, JOBS))
        default, other = core.acting_for(DEFAULT), core.acting_for("other")
        for view, found in ((default, 1), (other, 0)):
            assert len(datasets.page(view, limit=10).items) == found
            assert len(labelers.page(view, limit=10).items) == found
            assert len(jobs.page(view, limit=10).items) == 2 * found
    datasets.delete(default, source)
    assert datasets.page(default, limit=10).items == []
