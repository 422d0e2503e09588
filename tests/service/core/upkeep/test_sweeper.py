"""Whatever is created, shared, deleted and broken off: what is referred to stays, the rest goes with time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from api_schemas.uploads import UploadRequest
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.foundation.redis_keys import INDEXED
from service.core.lifecycle import tasks
from service.core.objects import received_files
from service.core.objects.storage import blob_of
from service.core.resources import datasets, part_uploads
from service.core.upkeep.reaper import reap_once
from service.core.upkeep.sweeper import sweep
from tests.service.core.upkeep.random_sequences import blobs_of, empty, run_sequences

DAY = timedelta(days=1)
CONTENTS = strategies.sampled_from([b"one", b"two", b"three"])


def needed(core: Core) -> set[str]:
    """Blobs of everything that is listed."""
    shown, _ = core.catalogue.datasets(limit=100)
    return {blob.sha256 for dataset in shown for blob in dataset.blobs.values()}


class Storing(RuleBasedStateMachine):
    """Sets of few contents, so that they share blobs, at a time that moves on by days."""

    core: Core
    hand: Any

    def __init__(self) -> None:
        super().__init__()
        empty(self.core)
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
        stream = self.core.storage.open_upload(received_files.upload_key(new_id("ds"), 0))
        stream.write(b"raw")
        stream.finish()
        part_uploads.create(self.core, UploadRequest(name="a.pt", bytes=10))

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
        assert list(self.core.storage.parts.begun_before(self.now)) == []


def test_any_sequence(core: Core, hand: Any) -> None:
    run_sequences(Storing, core, hand, 4)


@pytest.mark.chaos
def test_many_sequences(core: Core, hand: Any) -> None:
    run_sequences(Storing, core, hand, 300)


def test_nothing_is_swept_after_a_loss_of_redis(core: Core, hand: Any) -> None:
    hand.ready_set()
    core.redis.flushall()
    there = core.storage.list_keys("")
    assert not sweep(core, datetime.now(UTC) + 9 * DAY)
    assert core.storage.list_keys("") == there
    assert not core.redis.exists(INDEXED)


def test_what_earlier_health_checks_left_goes_with_age(core: Core) -> None:
    core.storage.put_json("health/5f0c", {})
    assert sweep(core)
    assert core.storage.list_keys("health/") == ["health/5f0c"]
    assert sweep(core, datetime.now(UTC) + timedelta(hours=core.settings.upload_hours + 1))
    assert core.storage.list_keys("health/") == []


def test_a_blob_that_is_held_again_loses_its_mark(core: Core, hand: Any, tmp_path: Path) -> None:
    sweep(core)
    path = tmp_path / "weights"
    path.write_bytes(b"weights")
    labeler = "lb_" + "0" * 26
    sha256 = core.blobs.put(labeler, path).sha256
    now = datetime.now(UTC)
    sweep(core, now)
    core.blobs.put(labeler, path)
    core.blobs.drop(labeler, sha256, (now + DAY).timestamp())
    sweep(core, now + 2 * DAY)
    assert blobs_of(core) == {sha256}
    sweep(core, now + 4 * DAY)
    assert blobs_of(core) == set()
