"""Whatever is created, shared, deleted, expired and broken off: what is referred to stays, the rest goes with time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api_schemas.jobs import JobState
from api_schemas.uploads import UploadRequest
from service.core import datasets, jobs, multipart_uploads, tasks, uploads
from service.core.core import Core
from service.core.ids import new_id
from service.core.reaper import reap_once
from service.core.rebuild_index import INDEXED
from service.core.storage import BLOBS, blob_key, blob_of
from service.core.sweeper import sweep

DAY = timedelta(days=1)
CONTENTS = strategies.sampled_from([b"one", b"two", b"three"])


def blobs_of(core: Core) -> set[str]:
    return {key.rpartition("/")[2] for key in core.storage.list_keys(BLOBS)}


def needed(core: Core) -> set[str]:
    """Blobs of everything that is listed."""
    shown, _ = core.catalogue.datasets(None, None, None, 100)
    return {blob.sha256 for dataset in shown for blob in dataset.blobs.values()}


class Storing(RuleBasedStateMachine):
    """Sets of few contents, so that they share blobs, at a time that moves on by days."""

    core: Core
    hand: Any

    def __init__(self) -> None:
        super().__init__()
        self.core.redis.flushall()
        for key in self.core.storage.list_keys(""):
            self.core.storage.delete(key)
        for key, multipart_id in list(self.core.storage.multipart.begun_before(datetime.now(UTC) + DAY)):
            self.core.storage.multipart.abort(key, multipart_id)
        sweep(self.core)
        self.now = datetime.now(UTC)
        self.ready: list[str] = []
        self.waiting: list[Any] = []

    @initialize()
    def share(self) -> None:
        for content in (b"one", b"one", b"two"):
            self.upload()
            self.ingest(content)

    def file(self, content: bytes) -> Path:
        path: Path = self.hand.file(content)
        return path

    @rule()
    def upload(self) -> None:
        self.waiting.append(self.hand.upload())

    @rule(content=CONTENTS)
    def ingest(self, content: bytes) -> None:
        if self.waiting:
            dataset = self.waiting.pop()
            claimed = self.hand.claim(dataset.job, "ingest")
            files = {"images.npy": self.file(content), "labels.npy": self.file(b"labels")}
            assert tasks.succeed(self.core, claimed, {"stats": self.hand.made_up_stats()}, files)
            self.ready.append(dataset.id)

    @rule(content=CONTENTS)
    def lose_a_worker_that_has_stored(self, content: bytes) -> None:
        """Its blobs are there, and held, but no manifest has come."""
        if self.waiting:
            dataset = self.waiting[-1]
            claimed = self.hand.claim(dataset.job, "ingest")
            self.core.blobs.put(dataset.id, self.file(content))
            tasks.release(self.core, claimed)

    @rule(content=CONTENTS)
    def reject(self, content: bytes) -> None:
        """A late attempt stores after the set was rejected."""
        if self.waiting:
            dataset = self.waiting.pop()
            self.hand.fail(self.hand.claim(dataset.job, "ingest"))
            self.core.blobs.put(dataset.id, self.file(content))

    @rule(content=CONTENTS)
    def lose_a_worker_before_it_holds(self, content: bytes) -> None:
        path = self.file(content)
        self.core.storage.upload_blob(path, blob_of(path))

    @rule(followed_up=strategies.booleans())
    def delete(self, followed_up: bool) -> None:
        if self.ready:
            dataset_id = self.ready.pop(0)
            if followed_up:
                datasets.delete(self.core, dataset_id)
            else:
                assert self.core.catalogue.delete_dataset(dataset_id) == "deleted"

    @rule()
    def break_off_an_upload(self) -> None:
        stream = self.core.storage.open_upload(uploads.upload_key(new_id("ds"), 0))
        stream.write(b"raw")
        stream.finish()
        multipart_uploads.create(self.core, UploadRequest(name="a.pt", bytes=10))

    @rule(days=strategies.sampled_from([0, 0.5, 2]))
    def time_passes(self, days: float) -> None:
        self.now += days * DAY
        if days > 1:
            for key in self.core.redis.scan_iter("ladd:upload:*"):
                self.core.redis.delete(key)
        reap_once(self.core)
        assert sweep(self.core, self.now)

    @invariant()
    def what_is_referred_to_is_there(self) -> None:
        assert needed(self.core) <= blobs_of(self.core)
        kept = {dataset.id for dataset in self.waiting}
        assert kept <= {key.split("/")[1] for key in self.core.storage.list_keys("uploads/")}

    def teardown(self) -> None:
        self.time_passes(2)
        self.time_passes(2)
        held = {sha256 for dataset in self.waiting for sha256 in self.core.blobs.held_by(dataset.id)}
        assert blobs_of(self.core) == needed(self.core) | held
        raw = {key.split("/")[1] for key in self.core.storage.list_keys("uploads/")}
        assert raw == {dataset.id for dataset in self.waiting}
        assert list(self.core.storage.multipart.begun_before(self.now)) == []


def run(core: Core, hand: Any, examples: int) -> None:
    machine = type("Machine", (Storing,), {"core": core, "hand": hand})
    several = settings(
        max_examples=examples,
        stateful_step_count=15,
        deadline=None,
        derandomize=examples < 50,
        suppress_health_check=list(HealthCheck),
        # Shortening an example that fails takes minutes: the long run does it.
        phases=(Phase.generate,) if examples < 50 else tuple(Phase),
    )
    run_state_machine_as_test(machine, settings=several)


def test_any_sequence(core: Core, hand: Any) -> None:
    run(core, hand, 4)


@pytest.mark.chaos
def test_many_sequences(core: Core, hand: Any) -> None:
    run(core, hand, 300)


def test_nothing_is_swept_after_a_loss_of_redis(core: Core, hand: Any) -> None:
    hand.ready_set()
    core.redis.flushall()
    there = core.storage.list_keys("")
    assert not sweep(core, datetime.now(UTC) + 9 * DAY)
    assert core.storage.list_keys("") == there
    assert not core.redis.exists(INDEXED)


def test_a_blob_that_is_held_again_loses_its_mark(core: Core, hand: Any, tmp_path: Path) -> None:
    sweep(core)
    path = tmp_path / "weights"
    path.write_bytes(b"weights")
    labeler = "lb_" + "0" * 26
    sha256 = core.blobs.put(labeler, path).sha256
    now = datetime.now(UTC)
    sweep(core, now)
    core.blobs.put(labeler, path)
    core.blobs.drop_marked(labeler, sha256, (now + DAY).timestamp())
    sweep(core, now + 2 * DAY)
    assert blobs_of(core) == {sha256}
    sweep(core, now + 4 * DAY)
    assert blobs_of(core) == set()


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


def test_what_is_old_and_unused_is_removed(core: Core, hand: Any, ladd: Any, refused: Any) -> None:
    core.redis.set(INDEXED, 1)
    source, distilled = ladd.params["source_dataset"], ladd.params["dataset"]
    hand.work(ladd.id, until="report")
    keeping = with_settings(core, retention_days=10)
    now = datetime.now(UTC)
    sweep(keeping, now + 11 * DAY)
    listed = {dataset.id for dataset in datasets.page(core, None, None, None, 100).items}
    # The ingestions are gone; the unfinished job keeps its sets.
    assert [job.id for job in jobs.page(core, None, None, {}, None, 100).items] == [ladd.id]
    assert {source, distilled} < listed
    assert hand.work(ladd.id).state is JobState.SUCCEEDED
    sweep(keeping, now + 9 * DAY)
    assert {dataset.id for dataset in datasets.page(core, None, None, None, 100).items} == listed
    sweep(keeping, now + 11 * DAY)
    assert jobs.page(core, None, None, {}, None, 100).items == []
    assert datasets.page(core, None, None, None, 100).items == []
    assert core.storage.list_keys("jobs/") == core.storage.list_keys("datasets/") == []
    # What is left are the labeler and its weights.
    assert {blob_key(sha256) for sha256 in blobs_of(core)} == {
        blob_key(blob.sha256) for labeler in core.catalogue.labelers(None, 10)[0] for blob in labeler.blobs.values()
    }


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
    assert jobs.page(core, None, None, {}, None, 100).items == []


def with_settings(core: Core, **changed: Any) -> Core:
    return replace(core, settings=core.settings.model_copy(update=changed))
