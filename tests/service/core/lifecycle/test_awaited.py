"""A job may name a dataset that is validated still: it waits, and is planned when that is ready, or fails as it did."""

from typing import Any

import pytest

from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, Reason, TaskError
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.lifecycle import awaited, tasks
from service.core.lifecycle.awaited import plan_key
from service.core.resources import datasets, events, jobs
from service.core.upkeep.reaper import reap_once
from service.core.upkeep.rebuild_index import rebuild_index
from tests.service.core.hand import REQUEST, Hand
from tests.service.core.made_up_results import made_up_stats

FEW: dict[str, Any] = {"architectures": ["ConvNetD3"], "trials": 1, "overrides": {"epochs": 2}}


class Waiting:
    """A set that is validated still, and jobs that name it."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.source = hand.ready_set("source")
        self.dataset = hand.upload(source_dataset=self.source)

    def submit(self, **params: Any) -> Job:
        return self.hand.submit("ladd", **{"dataset": self.dataset.id, "evaluation": FEW, **params})

    def ingest(self, role: str = "distilled", dataset: Any = None) -> None:
        splits = ("train_", "val_") if role == "source" else ("",)
        names = [f"{split}{what}.npy" for split in splits for what in ("images", "labels")]
        claimed = self.hand.claim((dataset or self.dataset).job, "ingest")
        files = {name: self.hand.file(name.encode()) for name in names}
        assert tasks.succeed(self.hand.core, claimed, {"stats": made_up_stats(role)}, files)

    def reject(self) -> None:
        reason = Reason(location="images.pt", rule="labels_match_images", value="3", message="3 labels for 4 images")
        error = TaskError(code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message="refused", reasons=[reason])
        assert tasks.fail(self.hand.core, self.hand.claim(self.dataset.job, "ingest"), error)


@pytest.fixture
def waiting(hand: Hand) -> Waiting:
    return Waiting(hand)


def test_it_waits_and_says_for_which_set(core: Core, waiting: Waiting) -> None:
    job = waiting.submit()
    assert (job.state, job.tasks, job.cost, job.progress) == (JobState.QUEUED, [], None, None)
    assert job.waiting == f"{waiting.dataset.id} is validated still: the job is planned when it is ready"
    assert job.params == {"dataset": waiting.dataset.id, "evaluation": FEW}
    assert [listed.waiting for listed in jobs.page(core, limit=1).items] == [job.waiting]


def test_it_goes_on_when_the_set_is_ready(core: Core, waiting: Waiting) -> None:
    job = waiting.submit()
    waiting.ingest()
    planned = jobs.view(core, job.id)
    assert (planned.state, planned.waiting is None or "validated" not in planned.waiting) == (JobState.QUEUED, True)
    assert planned.params == waiting.submit().params, "as a job that never waited"
    assert planned.cost is not None
    assert waiting.hand.work(job.id).state is JobState.SUCCEEDED
    story = [event.data["state"] for event in events.read(core, job.id, None, 100) if event.task is None]
    assert story == ["queued", "queued", "running", "succeeded"]
    assert list(core.redis.sscan_iter(redis_keys.AWAITED)) == []


def test_it_fails_with_the_reasons_of_a_set_that_is_rejected(core: Core, waiting: Waiting) -> None:
    job = waiting.submit()
    waiting.reject()
    failed = jobs.view(core, job.id)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert (
        failed.error.message == f"{waiting.dataset.id}, which the job waited for, was rejected: 3 labels for 4 images"
    )
    assert [reason.rule for reason in failed.error.reasons] == ["labels_match_images"]
    datasets.delete(core, waiting.dataset.id)
    jobs.delete(core, job.id)


def test_the_set_cannot_be_deleted_meanwhile(core: Core, waiting: Waiting, refused: Any) -> None:
    job = waiting.submit()
    for dataset in (waiting.dataset.id, waiting.source):
        with refused(ErrorCode.DATASET_IN_USE):
            datasets.delete(core, dataset)
    jobs.cancel(core, job.id)
    assert jobs.view(core, job.id).state is JobState.CANCELED
    waiting.ingest()
    assert jobs.view(core, job.id).tasks == [], "a canceled job is not planned"
    reap_once(core)
    assert list(core.redis.sscan_iter(redis_keys.AWAITED)) == []


def test_a_set_that_is_gone_fails_it(core: Core, waiting: Waiting) -> None:
    job = waiting.submit()
    core.redis.delete(redis_keys.dataset(waiting.dataset.id))
    reap_once(core)
    failed = jobs.view(core, job.id)
    assert (failed.state, failed.error and failed.error.message) == (
        JobState.FAILED,
        f"there is no dataset {waiting.dataset.id}",
    )


def test_what_does_not_suit_the_set_is_found_out_when_it_is_ready(core: Core, waiting: Waiting) -> None:
    job = waiting.submit(encoding="topk:10")
    waiting.ingest()
    failed = jobs.view(core, job.id)
    assert failed.error is not None
    assert {reason.location for reason in failed.error.reasons} == {"body.params.encoding"}
    assert failed.error.code is ErrorCode.INVALID_REQUEST


def test_what_is_wrong_anyway_is_refused_at_once(waiting: Waiting, refused: Any) -> None:
    with refused(ErrorCode.INVALID_REQUEST):
        waiting.hand.submit("generate_labels", dataset=waiting.dataset.id, labeler="lb_" + "0" * 26)


def test_it_waits_for_one_set_after_the_other(core: Core, hand: Hand) -> None:
    waiting = Waiting(hand)
    source = hand.upload("source")
    job = waiting.submit(source_dataset=source.id)
    assert job.waiting is not None
    assert waiting.dataset.id in job.waiting
    waiting.ingest()
    still = jobs.view(core, job.id)
    assert still.waiting == f"{source.id} is validated still: the job is planned when it is ready"
    waiting.ingest("source", source)
    assert hand.work(job.id).state is JobState.SUCCEEDED


def test_a_set_that_became_ready_between_plan_and_record_is_not_waited_for(
    core: Core, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = core.store.submit

    def later(job_id: str, spec: dict[str, Any]) -> Any:
        waiting.ingest()
        return submit(job_id, spec)

    monkeypatch.setattr(core.store, "submit", later)
    assert waiting.submit().tasks


def test_the_reaper_goes_on_where_nobody_lived_to(
    core: Core, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = waiting.submit()
    with monkeypatch.context() as patched:
        patched.setattr(awaited, "validated", lambda core, dataset_id: [])
        waiting.ingest()
    assert jobs.view(core, job.id).tasks == []
    reap_once(core)
    assert waiting.hand.work(job.id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("planned", [False, True], ids=["waiting", "planned"])
def test_it_survives_the_loss_of_redis(core: Core, waiting: Waiting, planned: bool) -> None:
    job = waiting.submit()
    if planned:
        waiting.ingest()
    before = jobs.view(core, job.id)
    core.redis.flushdb()
    rebuild_index(core)
    after = jobs.view(core, job.id)
    assert after == before
    if not planned:
        waiting.ingest()
    assert waiting.hand.work(job.id).state is JobState.SUCCEEDED


def test_two_that_plan_at_once_give_it_one_plan(core: Core, waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    job = waiting.submit()
    waiting.ingest()
    stored = core.storage.get_json(plan_key(job.id))
    assert stored is not None
    assert list(stored["tasks"]) == [task.name for task in jobs.view(core, job.id).tasks]
    assert awaited.go_on(core, job.id)
    assert core.storage.get_json(plan_key(job.id)) == stored


def test_it_is_retried_as_what_was_sent(core: Core, waiting: Waiting, refused: Any) -> None:
    job = waiting.submit()
    jobs.cancel(core, job.id)
    again, new = jobs.retry(core, job.id)
    assert (new, again.waiting) == (True, job.waiting)
    waiting.ingest()
    assert waiting.hand.work(again.id).state is JobState.SUCCEEDED
    assert jobs.view(core, job.id).links.retried_as is not None
    other = Waiting(waiting.hand)
    vain = other.submit()
    other.reject()
    with refused(ErrorCode.JOB_NOT_RETRYABLE):
        jobs.retry(core, vain.id)


def test_the_sets_of_others_stay_theirs(core: Core, hand_of: Any, hand: Hand) -> None:
    """The second plan, which no caller waits for, sees what the first one saw."""
    theirs = hand_of(core.acting_for("them"), hand.folder).ready_set("source")
    ours = core.acting_for("us")
    waiting = Waiting(hand_of(ours, hand.folder))
    job = waiting.submit(source_dataset=theirs)
    waiting.ingest()
    failed = jobs.view(ours, job.id)
    assert (failed.state, failed.error and failed.error.message) == (JobState.FAILED, f"there is no dataset {theirs}")


def test_the_same_key_gives_the_same_job(core: Core, waiting: Waiting) -> None:
    request = REQUEST.validate_python({"kind": "ladd", "params": {"dataset": waiting.dataset.id}})
    [first, second] = [jobs.submit(core, request, "key") for _ in range(2)]
    assert (first[0].id, second) == (second[0].id, (second[0], False))


def test_a_plan_that_is_only_asked_for_says_what_it_can(core: Core, waiting: Waiting) -> None:
    request = REQUEST.validate_python({"kind": "ladd", "params": {"dataset": waiting.dataset.id}})
    plan = jobs.validate(core, request)
    assert (plan.tasks, plan.cost, plan.params) == ([], None, {"dataset": waiting.dataset.id})
    assert plan.waiting is not None
    assert waiting.dataset.id in plan.waiting


def test_one_that_ended_beside_its_plan_does_not_stop_a_rebuild(
    core: Core, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = waiting.submit()
    with monkeypatch.context() as patched:
        # Its plan is stored, and it is canceled before that takes effect.
        patched.setattr(core.store, "plan", lambda job_id, record: jobs.cancel(core, job_id) and None)
        waiting.ingest()
    assert core.storage.get_json(awaited.plan_key(job.id)) is not None
    before = jobs.view(core, job.id)
    assert (before.state, before.tasks) == (JobState.CANCELED, [])
    core.redis.flushdb()
    rebuild_index(core)
    assert jobs.view(core, job.id) == before
