"""Old objects go, unless something that stays names them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from api_schemas.datasets import DatasetRole, DatasetState
from api_schemas.jobs import TERMINAL_STATES, GenerateLabelsParams, JobKind, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.listing import EVERYTHING
from service.core.foundation.redis_keys import INDEXED, JOBS
from service.core.kinds import KINDS
from service.core.lifecycle import tasks
from service.core.lifecycle.submission import Submission, task_fields
from service.core.objects.storage import BLOBS
from service.core.queue.records import JobRecord
from service.core.resources import datasets, jobs, labelers
from service.core.upkeep.rebuild_index import rebuild_index
from service.core.upkeep.sweeper import sweep
from tests.service.core.upkeep.random_sequences import blobs_of, empty, run_sequences

DAY = timedelta(days=1)
SEEDS = strategies.sampled_from([0, 1])
WHICH = strategies.integers(0, 9)


def with_settings(core: Core, **changed: Any) -> Core:
    return replace(core, settings=core.settings.model_copy(update=changed))


class Retaining(RuleBasedStateMachine):
    """Labelers of two recipes, used by jobs and archives, where what is older than ten days goes."""

    core: Core
    hand: Any

    def __init__(self) -> None:
        super().__init__()
        empty(self.core)
        self.keeping = with_settings(self.core, retention_days=10)
        sweep(self.keeping)
        self.now = datetime.now(UTC)

    @initialize()
    def use_labelers(self) -> None:
        """One has labelled an archive that is being evaluated, one labels a set, and all of that is old."""
        for seed in (0, 1):
            self.train(seed, and_label=seed == 0)
            self.work(0)
        self.evaluate(0)
        self.label(0)
        self.time_passes(11)
        assert len(self.labelers()) == 2

    def set_of(self, role: DatasetRole, **metadata: Any) -> str:
        """A set that is there, or a new one."""
        there, _ = self.core.catalogue.datasets(EVERYTHING.also([DatasetState.READY], role=role))
        plain = [dataset.id for dataset in there if dataset.augmentation is None]
        found: str = plain[0] if plain else self.hand.ready_set(role, **metadata)
        return found

    def jobs(self) -> list[JobRecord]:
        return self.core.store.load_many(str(job_id) for job_id in self.core.redis.zrange(JOBS, 0, -1))

    def unfinished(self) -> list[JobRecord]:
        return [job for job in self.jobs() if job.state not in TERMINAL_STATES]

    def labelers(self) -> list[str]:
        return [labeler.id for labeler in self.core.catalogue.labelers(limit=100)[0]]

    def archives(self) -> list[str]:
        there, _ = self.core.catalogue.datasets(limit=100)
        return [dataset.id for dataset in there if dataset.augmentation is not None]

    @rule(seed=SEEDS, and_label=strategies.booleans())
    def train(self, seed: int, and_label: bool) -> None:
        source = self.set_of(DatasetRole.SOURCE)
        if and_label:
            dataset = self.set_of(DatasetRole.DISTILLED, source_dataset=source)
            self.hand.submit("ladd", dataset=dataset, source_dataset=source, labeler={"seed": seed}, evaluation=None)
        else:
            self.hand.submit("train_labeler", source_dataset=source, seed=seed)

    @precondition(lambda self: self.labelers())
    @rule(which=WHICH)
    def label(self, which: int) -> None:
        labelers = self.labelers()
        dataset = self.set_of(DatasetRole.DISTILLED, source_dataset=self.set_of(DatasetRole.SOURCE))
        self.hand.submit("generate_labels", dataset=dataset, labeler=labelers[which % len(labelers)])

    @precondition(lambda self: self.archives())
    @rule(which=WHICH)
    def evaluate(self, which: int) -> None:
        archives, source = self.archives(), self.set_of(DatasetRole.SOURCE)
        dataset = archives[which % len(archives)]
        self.hand.submit("evaluate", dataset=dataset, source_dataset=source, architectures=["ViT"], trials=1)

    @precondition(lambda self: self.unfinished())
    @rule(which=WHICH, until=strategies.sampled_from([None, "generate_labels", "report"]))
    def work(self, which: int, until: str | None = None) -> None:
        unfinished = self.unfinished()
        self.hand.work(unfinished[which % len(unfinished)].id, until)

    @precondition(lambda self: self.unfinished())
    @rule(which=WHICH, again=strategies.booleans())
    def stop(self, which: int, again: bool) -> None:
        unfinished = self.unfinished()
        job_id = unfinished[which % len(unfinished)].id
        jobs.cancel(self.core, job_id)
        if again:
            jobs.retry(self.core, job_id)

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        there, _ = self.core.catalogue.datasets(limit=100)
        if there:
            self.core.catalogue.delete_dataset(there[which % len(there)].id)

    @rule()
    def lose_redis(self) -> None:
        self.core.redis.flushall()
        rebuild_index(self.core)

    @rule(days=strategies.sampled_from([0.5, 2, 11]))
    def time_passes(self, days: float) -> None:
        self.now += days * DAY
        assert sweep(self.keeping, self.now)

    @invariant()
    def what_is_named_is_there(self) -> None:
        labelers, sets = set(self.labelers()), self.core.catalogue.datasets(limit=100)[0]
        there = {dataset.id for dataset in sets}
        for job in self.jobs():
            to_come = {task.makes for task in job.tasks if task.state is not JobState.SUCCEEDED}
            made = {task.makes for task in job.tasks if task.makes} - to_come
            refs = [ref for task in job.tasks for ref in task.inputs.values()]
            named = {ref.id for ref in refs if ref.kind == "labeler"} | {id for id in made if id.startswith("lb_")}
            assert named - to_come <= labelers
            if job.state not in TERMINAL_STATES:
                assert {ref.id for ref in refs if ref.kind == "dataset"} - to_come <= there
        assert {str(dataset.augmentation.labeler) for dataset in sets if dataset.augmentation} <= labelers
        held = [manifest.blobs for manifest in sets]
        held += [manifest.blobs for manifest in self.core.catalogue.labelers(limit=100)[0]]
        assert {blob.sha256 for blobs in held for blob in blobs.values()} <= blobs_of(self.core)

    def teardown(self) -> None:
        for job in self.unfinished():
            assert self.hand.work(job.id).state is JobState.SUCCEEDED
        for _ in range(2):
            self.time_passes(11)
        assert self.core.storage.list_keys("jobs/") == self.core.storage.list_keys("datasets/") == []
        assert self.core.storage.list_keys("labelers/") == []
        assert blobs_of(self.core) == set()
        assert self.core.redis.keys("ladd:labeler:*") == []


def test_any_sequence(core: Core, hand: Any) -> None:
    run_sequences(Retaining, core, hand, 3)


@pytest.mark.chaos
def test_many_sequences(core: Core, hand: Any) -> None:
    run_sequences(Retaining, core, hand, 100)


def test_a_job_that_waits_too_long_expires(core: Core, hand: Any) -> None:
    dataset = hand.upload()
    begun = hand.upload()
    hand.claim(begun.job, "ingest")
    patient = with_settings(core, queue_hours=3)
    now = datetime.now(UTC)
    core.redis.set(INDEXED, 1)
    sweep(patient, now + timedelta(hours=2))
    assert jobs.view(core, dataset.job).state is JobState.QUEUED
    sweep(patient, now + timedelta(hours=4))
    assert jobs.view(core, dataset.job).state is JobState.EXPIRED
    assert jobs.view(core, begun.job).state is JobState.RUNNING
    (why,) = datasets.view(core, dataset.id).reasons
    assert why.message == "the ingestion was expired"
    assert tasks.claim(core, dataset.job, "ingest", "late") is None


def test_what_is_old_and_unused_is_removed(core: Core, hand: Any, ladd: Any) -> None:
    core.redis.set(INDEXED, 1)
    source, distilled = ladd.params["source_dataset"], ladd.params["dataset"]
    hand.work(ladd.id, until="report")
    keeping = with_settings(core, retention_days=10)
    now = datetime.now(UTC)
    sweep(keeping, now + 11 * DAY)
    listed = {dataset.id for dataset in datasets.page(core, limit=100).items}
    # The ingestions are gone; the unfinished job keeps its sets.
    assert [job.id for job in jobs.page(core, limit=100).items] == [ladd.id]
    assert {source, distilled} < listed
    assert hand.work(ladd.id).state is JobState.SUCCEEDED
    sweep(keeping, now + 9 * DAY)
    assert {dataset.id for dataset in datasets.page(core, limit=100).items} == listed
    sweep(keeping, now + 11 * DAY)
    assert jobs.page(core, limit=100).items == []
    assert datasets.page(core, limit=100).items == []
    assert core.storage.list_keys("jobs/") == core.storage.list_keys("datasets/") == []
    assert labelers.page(core, limit=100).items == []
    # What the labeler stored goes a day later, as its like might have been trained meanwhile.
    sweep(keeping, now + 13 * DAY)
    assert core.storage.list_keys("labelers/") == core.storage.list_keys(BLOBS) == []


def test_what_a_retry_reads_is_kept(core: Core, hand: Any, ladd: Any) -> None:
    core.redis.set(INDEXED, 1)
    hand.work(ladd.id, until="evaluate:ladd:ResNet18:0")
    hand.fail(hand.claim(ladd.id, "evaluate:ladd:ResNet18:0"))
    again, _ = jobs.retry(core, ladd.id)
    keeping = with_settings(core, retention_days=10)
    sweep(keeping, datetime.now(UTC) + 11 * DAY)
    assert jobs.view(core, ladd.id).state is JobState.FAILED
    assert hand.work(again.id).state is JobState.SUCCEEDED
    sweep(keeping, datetime.now(UTC) + 11 * DAY)
    assert jobs.page(core, limit=100).items == []


def test_a_labeler_stays_for_an_archive_that_stays(core: Core, hand: Any, ladd: Any) -> None:
    core.redis.set(INDEXED, 1)
    archive, labeler = labelled(hand, ladd)
    evaluation = hand.submit("evaluate", dataset=archive, architectures=["ConvNetD3"], trials=1)
    keeping = with_settings(core, retention_days=10)
    sweep(keeping, datetime.now(UTC) + 11 * DAY)
    assert [job.id for job in jobs.page(core, limit=100).items] == [evaluation.id]
    assert labelers.view(core, labeler).id == labeler
    jobs.cancel(core, evaluation.id)
    datasets.delete(core, archive)
    sweep(keeping, datetime.now(UTC) + 11 * DAY)
    assert labelers.page(core, limit=100).items == []


def test_every_member_of_an_ensemble_stays_for_its_archive(core: Core, hand: Any) -> None:
    core.redis.set(INDEXED, 1)
    source = hand.ready_set("source")
    members = [hand.trained_labeler(source, seed=seed) for seed in (0, 1)]
    dataset = hand.ready_set(source_dataset=source)
    made = hand.work(hand.submit("generate_labels", dataset=dataset, labeler={"ensemble": members}).id)
    hand.submit("evaluate", dataset=made.result.dataset, architectures=["ConvNetD3"], trials=1)
    sweep(with_settings(core, retention_days=10), datetime.now(UTC) + 11 * DAY)
    assert {labeler.id for labeler in labelers.page(core, limit=100).items} == set(members)


def labelled(hand: Any, ladd: Any) -> tuple[str, str]:
    """The archive and the labeler of a job that has been done."""
    result = hand.work(ladd.id).result
    return result.dataset, result.labeler


def test_what_is_trained_again_after_it_went_is_whole(core: Core, hand: Any) -> None:
    core.redis.set(INDEXED, 1)
    source = hand.ready_set("source")
    labeler = hand.trained_labeler(source)
    keeping, now = with_settings(core, retention_days=10), datetime.now(UTC)
    sweep(keeping, now + 11 * DAY)
    again = hand.submit("train_labeler", source_dataset=hand.ready_set("source"))
    sweep(keeping, now + 13 * DAY)
    assert hand.work(again.id).result.labeler == labeler
    for days in (13, 15):
        sweep(core, now + days * DAY)
    (made,) = core.catalogue.labelers(limit=10)[0]
    assert {blob.sha256 for blob in made.blobs.values()} <= blobs_of(core)


def test_no_labeler_goes_while_a_job_does_not_tell_which_it_names(core: Core, hand: Any, ladd: Any) -> None:
    core.redis.set(INDEXED, 1)
    _, labeler = labelled(hand, ladd)
    unfinished = hand.submit("train_labeler", source_dataset=ladd.params["source_dataset"], seed=1)
    core.redis.hdel(redis_keys.job(unfinished.id), "labelers")
    keeping = with_settings(core, retention_days=10)
    sweep(keeping, datetime.now(UTC) + 11 * DAY)
    assert labelers.view(core, labeler).id == labeler


def test_a_job_whose_labeler_went_while_it_was_planned_is_refused(core: Core, hand: Any, refused: Any) -> None:
    source = hand.ready_set("source")
    params = GenerateLabelsParams(dataset=hand.ready_set(source_dataset=source), labeler=hand.trained_labeler(source))
    plan = KINDS[JobKind.GENERATE_LABELS].plan(core, params)
    maker = core.catalogue.labelers(limit=1)[0][0].job
    assert core.catalogue.delete_labeler(str(params.labeler)) == maker
    assert core.store.forget(maker)
    assert core.catalogue.delete_labeler(str(params.labeler)) == "deleted"
    fields = {task.name: task_fields(task) for task in plan.tasks}
    with refused(ErrorCode.INVALID_REQUEST) as caught:
        jobs.record(core, Submission(JobKind.GENERATE_LABELS, plan.params, {}, fields, plan.reads))
    (why,) = caught.value.reasons
    assert (why.location, why.rule, why.value) == ("body.params", "not_found", str(params.labeler))
