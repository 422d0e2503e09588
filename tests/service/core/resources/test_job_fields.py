"""Names, creators, deadlines, priorities and places in the queue; lists while the storage is away."""

import hashlib
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api_schemas.job_parts import Creator
from api_schemas.jobs import Job, JobRequest, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.listing import EVERYTHING
from service.core.foundation.settings import Settings
from service.core.kinds.train_labeler import canonical
from service.core.lifecycle import rates
from service.core.queue import workers
from service.core.queue.workers import Sign
from service.core.resources import datasets, jobs, labelers
from service.core.upkeep.reaper import reap_once
from service.core.upkeep.rebuild_index import rebuild_index

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


@pytest.fixture
def source(hand: Any) -> str:
    return str(hand.ready_set("source", name="Fashion-MNIST"))


def training(core: Core, source: str, seed: int = 0, **fields: Any) -> Job:
    request = {"kind": "train_labeler", "params": {"source_dataset": source, "seed": seed}, **fields}
    return jobs.submit(core, REQUEST.validate_python(request), None)[0]


def soon(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


def test_a_job_is_named_after_its_kind_and_set_unless_it_has_a_name(core: Core, hand: Any, source: str) -> None:
    assert training(core, source).name == "train_labeler: Fashion-MNIST"
    assert training(core, source, name=" the first try ").name == "the first try"
    assert jobs.view(core, datasets.view(core, source).job).name == "ingest_dataset: Fashion-MNIST"
    distilled = hand.ready_set(name="DM, IPC 10", source_dataset=source)
    assert hand.submit("evaluate", datasets=[distilled], arms=["baseline"]).name == "evaluate: DM, IPC 10"
    long = hand.ready_set("source", name="x" * 200)
    assert len(training(core, long).name) == 200


def test_a_job_names_the_key_that_it_was_made_with(core: Core, source: str) -> None:
    assert training(core, source).created_by is None
    key = Creator(id="key_1", name="the laptop")
    made = training(core.acting_for("default", creator=key), source)
    assert made.created_by == key
    core.redis.flushall()
    rebuild_index(core)
    assert jobs.view(core, made.id).created_by == key


def test_new_fields_outlive_a_loss_of_redis_and_a_retry(core: Core, source: str) -> None:
    deadline = soon(hours=2)
    made = training(core, source, name="mine", priority=3, deadline=deadline)
    core.redis.flushall()
    rebuild_index(core)
    again = jobs.view(core, made.id)
    assert (again.name, again.priority, again.deadline) == ("mine", 3, made.deadline)
    assert core.redis.zrange(redis_keys.DEADLINES, 0, -1) == [made.id]
    jobs.cancel(core, made.id)
    assert core.redis.zcard(redis_keys.DEADLINES) == 0
    retried, _ = jobs.retry(core, made.id)
    assert (retried.name, retried.priority, retried.deadline) == ("mine", 3, None)


def test_a_key_that_repeats_a_request_of_before_there_were_these_fields_finds_its_job(core: Core, source: str) -> None:
    request = REQUEST.validate_python({"kind": "train_labeler", "params": {"source_dataset": source}})
    first, _ = jobs.submit(core, request, "once")
    [memory] = core.redis.keys("ladd:idempotency:*")
    # As version 0.2 wrote it: the digest of the request without them.
    document = request.model_dump(mode="json", exclude={"validate_only", "name", "deadline", "priority"})
    assert core.redis.hget(memory, "digest") == hashlib.sha256(canonical(document).encode()).hexdigest()
    assert jobs.submit(core, request, "once") == (jobs.view(core, first.id), False)


@pytest.mark.parametrize(
    "fields",
    [{"priority": 11}, {"priority": -11}, {"deadline": "2030-01-01T00:00:00"}, {"name": " "}, {"name": "x" * 201}],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    params = {"source_dataset": "ds_" + "0" * 26}
    with pytest.raises(ValidationError):
        REQUEST.validate_python({"kind": "train_labeler", "params": params, **fields})


def test_a_deadline_that_is_over_is_refused(core: Core, source: str) -> None:
    with pytest.raises(Exception, match="deadline is over") as caught:
        training(core, source, deadline=soon(seconds=-1))
    assert [reason.location for reason in caught.value.reasons] == ["body.deadline"]  # type: ignore[attr-defined]


def test_a_job_that_has_not_begun_by_its_deadline_expires(core: Core, hand: Any, source: str) -> None:
    late, begun = (training(core, source, seed=seed, deadline=soon(hours=1)) for seed in range(2))
    patient = training(core, source, seed=2)
    hand.claim(begun.id, "train_labeler")
    reap_once(core)
    assert jobs.state(core, late.id) is JobState.QUEUED
    overdue(core, late.id)
    reap_once(core)
    assert jobs.state(core, late.id) is JobState.EXPIRED
    assert core.store.due() == []
    assert jobs.state(core, begun.id) is JobState.RUNNING
    assert jobs.state(core, patient.id) is JobState.QUEUED
    assert core.redis.zcard(redis_keys.DEADLINES) == 0


def test_no_worker_begins_a_job_after_its_deadline(core: Core, source: str) -> None:
    late, next_one = training(core, source, deadline=soon(hours=1)), training(core, source, seed=1)
    overdue(core, late.id)
    assert core.store.claim(late.id, "train_labeler", "hand", 30) is None
    assert jobs.state(core, late.id) is JobState.EXPIRED
    assert core.store.next_in_turn("gpu", None) == (next_one.id, "train_labeler")


def overdue(core: Core, job_id: str) -> None:
    """Let the time pass until the deadline of a job is over."""
    core.redis.hset(redis_keys.job(job_id), "deadline", 1)
    core.redis.zadd(redis_keys.DEADLINES, {job_id: 1})


def test_jobs_of_a_tenant_come_by_priority_and_tenants_in_turns(core: Core, hand: Any) -> None:
    ours, theirs = core.acting_for("ours"), core.acting_for("theirs")
    made = {}
    for tenant, name in ((ours, "ours"), (theirs, "theirs")):
        own = type(hand)(tenant, hand.folder / name)
        own.folder.mkdir()
        source = own.ready_set("source")
        for seed, priority in enumerate((0, -10, 10, 0, 10) if name == "ours" else (-10, -10)):
            made[training(tenant, source, seed=seed, priority=priority).id] = (name, seed)
    taken = []
    while (found := core.store.next_in_turn("gpu", None)) is not None:
        assert core.store.claim(*found, "worker", 30)
        taken.append(made[found[0]])
    assert [seed for name, seed in taken if name == "ours"] == [2, 4, 0, 3, 1]
    assert [name for name, _ in taken[:4]] in (["ours", "theirs"] * 2, ["theirs", "ours"] * 2)


def test_a_task_that_was_given_back_is_next_of_its_priority(core: Core, source: str) -> None:
    low = [training(core, source, seed=seed, priority=-1).id for seed in range(2)]
    assert core.store.claim(low[1], "train_labeler", "hand", 30) == 1
    high = training(core, source, seed=2, priority=5).id
    assert core.store.finish(low[1], "train_labeler", 1, "released", "", 3).outcome == "queued"
    line = redis_keys.ready_line("gpu", "default")
    assert [str(member).split(" ")[0] for member in core.redis.zrange(line, 0, -1)] == [high, low[1], low[0]]


def test_a_queued_job_knows_its_place(core: Core, hand: Any, source: str) -> None:
    own = [training(core, source, seed=seed) for seed in range(3)]
    assert own[0].queue is not None
    assert (own[0].queue.position, own[0].queue.expected_start) == (1, None)
    theirs = type(hand)(core.acting_for("theirs"), hand.folder / "theirs")
    theirs.folder.mkdir()
    training(theirs.core, theirs.ready_set("source"))

    def places() -> list[int | None]:
        found = {job.id: job.queue for job in jobs.page(core, EVERYTHING.also(kind="train_labeler")).items}
        return [None if found[job.id] is None else found[job.id].position for job in own]  # type: ignore[union-attr]

    # Tenants take turns: before the second and the third stands the one job of the other.
    assert places() == [1, 3, 4]
    hand.claim(own[0].id, "train_labeler")
    assert places() == [None, 1, 3]
    assert jobs.view(core, own[0].id).queue is None


def test_a_start_is_expected_by_what_workers_have_shown(core: Core, hand: Any, source: str) -> None:
    first = training(core, source)
    cost = core.store.load(first.id).tasks[0].cost  # type: ignore[union-attr]
    assert cost is not None
    rates.note(core, "cpu", cost, cost.flops, 100)
    waiting = [training(core, source, seed=seed) for seed in (1, 2)]
    hand.claim(first.id, "train_labeler")

    def starts() -> list[float | None]:
        now = core.store.now() / 1000
        found = [jobs.view(core, job.id).queue for job in waiting]
        expected = [None if place is None else place.expected_start for place in found]
        return [None if start is None else round(start.timestamp() - now, -1) for start in expected]

    assert starts() == [None, None]
    workers.beat(core.redis, "busy", Sign({"gpu": 0}))
    # The training under way was planned before any was timed.
    assert starts() == [None, None]
    jobs.cancel(core, first.id)
    workers.beat(core.redis, "free", Sign({"gpu": 1}))
    core.redis.delete(redis_keys.LEASES)
    assert starts() == [0, 100]


def test_lists_are_there_while_the_storage_is_away(settings: Settings, core: Core, hand: Any, ladd: Job) -> None:
    hand.work(ladd.id)
    listed = jobs.page(core, EVERYTHING.also(kind="ladd"))
    away = settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"})
    with closing(open_core(away)) as blind:
        assert jobs.page(blind, EVERYTHING.also(kind="ladd")) == listed
        assert datasets.page(blind) == datasets.page(core)
        assert labelers.page(blind) == labelers.page(core)
        # A job of before there were summaries lacks what the storage alone knows.
        core.redis.hdel(redis_keys.job(ladd.id), "summary")
        [job] = jobs.page(blind, EVERYTHING.also(kind="ladd")).items
        assert job.result is not None
        assert (job.result.dataset, job.result.storage) == (listed.items[0].result.dataset, None)  # type: ignore[union-attr]
        # It is asked once.
        assert jobs.page(core, EVERYTHING.also(kind="ladd")) == listed
        assert jobs.page(blind, EVERYTHING.also(kind="ladd")) == listed


def test_admins_and_tenants_are_asked_about_alike(core: Core, refused: Any, source: str) -> None:
    job = training(core, source, name="secret plan", tags={"run": "1"})
    others = core.acting_for("theirs")
    for asked in (EVERYTHING, EVERYTHING.also(tags={"run": "1"}), EVERYTHING.also([JobState.QUEUED])):
        assert jobs.page(others, asked).items == []
        assert job.id in {found.id for found in jobs.page(core, asked).items}
    with refused(ErrorCode.NOT_FOUND):
        jobs.view(others, job.id)


def test_a_plan_with_a_deadline_that_is_over_is_refused(core: Core, source: str) -> None:
    sent = {"kind": "train_labeler", "params": {"source_dataset": source}, "deadline": soon(seconds=-1)}
    with pytest.raises(ServiceError, match="deadline is over"):
        jobs.validate(core, REQUEST.validate_python(sent))


def test_a_job_that_began_in_time_goes_on_after_a_rebuild(core: Core, hand: Any, source: str) -> None:
    job = training(core, source, deadline=soon(seconds=1))
    hand.claim(job.id, "train_labeler")
    time.sleep(1.1)
    core.redis.flushdb()
    rebuild_index(core)
    reap_once(core)
    assert hand.work(job.id).state is JobState.SUCCEEDED
