"""The lease: who holds it writes, whoever lost it is refused, and what an attempt leaves behind is taken over."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from redis.exceptions import TimeoutError

from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from api_schemas.runner import ProgressEvent
from service.core.catalogue.catalogue import Catalogue
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.protocol import PROTOCOL
from service.core.foundation.redis_keys import LEASES
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask
from service.core.objects.storage import Storage, blob_key
from service.core.queue.store import JobStore
from service.core.resources import jobs
from service.core.upkeep import reaper


@pytest.fixture
def job(hand: Any) -> Job:
    """A training of which nothing is done."""
    return hand.submit("train_labeler", source_dataset=hand.ready_set("source"))  # type: ignore[no-any-return]


def let_the_lease_run_out(core: Core, claimed: ClaimedTask) -> None:
    core.redis.zadd(LEASES, {f"{claimed.job_id} {claimed.name}": 1})
    assert reaper.reap_once(core)


def attempts(core: Core, job: Job) -> list[str | None]:
    return [attempt.outcome for attempt in jobs.view(core, job.id).tasks[0].attempts]


def test_a_renewed_lease_holds(core: Core, hand: Any, job: Job) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    core.redis.zadd(LEASES, {f"{job.id} train_labeler": 1})
    assert tasks.renew(core, claimed) == "held"
    assert reaper.reap_once(core)
    assert attempts(core, job) == [None]
    remaining = float(core.redis.zscore(LEASES, f"{job.id} train_labeler") or 0) - core.store.now()
    assert 0 < remaining <= core.settings.lease_seconds * 1000


def test_leases_that_ran_out_in_an_outage_start_anew(core: Core, hand: Any, job: Job) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    core.redis.zadd(LEASES, {f"{job.id} train_labeler": 1})
    core.redis.set(redis_keys.REAPER, core.store.now() / 1000 - core.settings.lease_seconds - 1)
    assert reaper.reap_once(core)
    assert attempts(core, job) == [None]
    assert tasks.renew(core, claimed) == "held"
    # The look was noted: whoever is silent from now on is lost.
    let_the_lease_run_out(core, claimed)
    assert attempts(core, job) == ["lost"]


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_lease_does_not_ask_the_workers_clock(
    core: Core, hand: Any, job: Job, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    claimed = hand.claim(job.id, "train_labeler")
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + hours * 3600)
    assert tasks.renew(core, claimed) == "held"
    assert reaper.reap_once(core)
    assert attempts(core, job) == [None]
    let_the_lease_run_out(core, claimed)
    assert attempts(core, job) == ["lost"]


@pytest.mark.parametrize("heirs_name", ["hand", "other"])
def test_a_zombie_is_refused_everything(core: Core, hand: Any, job: Job, tmp_path: Path, heirs_name: str) -> None:
    zombie = hand.claim(job.id, "train_labeler")
    let_the_lease_run_out(core, zombie)
    assert tasks.renew(core, zombie) == "lost"
    heir = hand.claim(job.id, "train_labeler", worker=heirs_name)
    assert heir.attempt == 2
    before = jobs.view(core, job.id)
    written = core.storage.list_keys("")
    file = tmp_path / "file"
    file.write_bytes(b"late")
    progress = ProgressEvent(
        event="progress", stage="train_labeler", done=9, total=10, unit="images", rate=None, eta_seconds=None
    )
    assert not tasks.record(core, zombie, progress)
    assert not tasks.keep_checkpoint(core, zombie, {"resume.pt": file})
    assert not hand.finish(zombie)
    assert not hand.fail(zombie)
    assert not tasks.release(core, zombie)
    assert not tasks.move(core, zombie, "cpu")
    assert not tasks.canceled(core, zombie)
    assert jobs.view(core, job.id) == before
    assert core.storage.list_keys("") == written
    assert hand.finish(heir)
    assert attempts(core, job) == ["lost", "succeeded"]


def test_a_lease_lost_while_storing_is_noticed_before_anything_shows(
    core: Core, hand: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    zombie = hand.claim(job.id, "train_labeler", worker="one")
    upload = Storage.upload_blob

    def slowly(storage: Storage, *arguments: Any) -> None:
        upload(storage, *arguments)
        monkeypatch.undo()
        let_the_lease_run_out(core, zombie)

    monkeypatch.setattr(Storage, "upload_blob", slowly)
    assert not hand.finish(zombie)
    assert core.storage.list_keys("labelers/") == []
    assert jobs.view(core, job.id).tasks[0].state is JobState.QUEUED


@pytest.mark.parametrize("task", ["ingest", "train_labeler", "generate_labels"])
def test_a_zombie_does_not_overwrite_the_manifest_of_its_heir(
    core: Core, hand: Any, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stalls between its last look at the lease and its manifest, and wakes up when the heir is done."""
    job_id = hand.upload().job
    if task != "ingest":
        source = hand.ready_set("source")
        job_id = hand.submit("ladd", dataset=hand.ready_set(source_dataset=source), evaluation=None).id
        hand.work(job_id, until=task)
    zombie = hand.claim(job_id, task)
    store = Catalogue.store

    def stall(catalogue: Catalogue, manifest: Any) -> Any:
        monkeypatch.undo()
        let_the_lease_run_out(core, zombie)
        assert hand.finish(hand.claim(job_id, task))
        return store(catalogue, manifest)

    monkeypatch.setattr(Catalogue, "store", stall)
    assert not hand.finish(zombie)
    assert hand.work(job_id).state is JobState.SUCCEEDED
    for manifests in (core.catalogue.datasets(limit=10)[0], core.catalogue.labelers(limit=10)[0]):
        for manifest in manifests:
            assert core.storage.get_json(manifest.key) == manifest.model_dump(mode="json")


@pytest.mark.parametrize("lost", ["request", "answer", "what follows"])
def test_a_claim_that_redis_does_not_answer_is_asked_for_again(
    core: Core, job: Job, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = JobStore._run

    def cut_off(store: JobStore, script: str, *arguments: Any) -> Any:
        monkeypatch.undo()
        if lost == "answer":
            run(store, script, *arguments)
        raise TimeoutError

    def silent(store: JobStore, *arguments: Any) -> Any:
        monkeypatch.undo()
        raise TimeoutError

    monkeypatch.setattr(JobStore, *(("load", silent) if lost == "what follows" else ("_run", cut_off)))
    claimed = tasks.claim(core, job.id, "train_labeler", "worker", stop=threading.Event())
    assert claimed is not None
    assert claimed.attempt == 1
    assert tasks.renew(core, claimed) == "held"


@pytest.mark.chaos
def test_a_claim_that_a_hung_redis_carries_out_when_it_wakes_up_is_not_lost(core: Core, job: Job) -> None:
    assert tasks.claim(core, job.id, "none", "worker") is None  # Redis knows the script, the connection is open
    process = core.redis.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    # Longer than the silence (10 s) after which the first request is given up, unread in the socket of Redis.
    waking = threading.Timer(13, os.kill, [process, signal.SIGCONT])
    waking.start()
    claimed = tasks.claim(core, job.id, "train_labeler", "worker", stop=threading.Event())
    waking.join()
    assert claimed is not None
    assert attempts(core, job) == [None]
    assert tasks.renew(core, claimed) == "held"


def test_lost_workers_are_counted(core: Core, hand: Any, job: Job) -> None:
    for number in range(1, core.settings.max_attempts + 1):
        assert jobs.view(core, job.id).state is not JobState.FAILED
        let_the_lease_run_out(core, hand.claim(job.id, "train_labeler", worker=f"worker {number}"))
    failed = jobs.view(core, job.id)
    assert (failed.state, failed.tasks[0].state) == (JobState.FAILED, JobState.FAILED)
    assert failed.error is not None
    assert (failed.error.code, failed.error.origin) == (ErrorCode.WORKER_LOST, ErrorOrigin.WORKER)
    assert attempts(core, job) == ["lost"] * core.settings.max_attempts


@pytest.mark.parametrize("origin", [ErrorOrigin.WORKER, ErrorOrigin.TIMEOUT])
def test_failures_of_workers_are_tried_again(core: Core, hand: Any, job: Job, origin: ErrorOrigin) -> None:
    for _ in range(core.settings.max_attempts - 1):
        assert hand.fail(hand.claim(job.id, "train_labeler"), origin)
        assert jobs.view(core, job.id).tasks[0].state is JobState.QUEUED
    assert hand.fail(hand.claim(job.id, "train_labeler"), origin)
    assert jobs.view(core, job.id).state is JobState.FAILED
    assert attempts(core, job) == ["failed"] * core.settings.max_attempts


@pytest.mark.parametrize("origin", [ErrorOrigin.INPUT, ErrorOrigin.INTERNAL])
def test_other_failures_are_final(core: Core, hand: Any, job: Job, origin: ErrorOrigin) -> None:
    assert hand.fail(hand.claim(job.id, "train_labeler"), origin)
    assert jobs.view(core, job.id).state is JobState.FAILED


def test_a_release_does_not_count(core: Core, hand: Any, job: Job) -> None:
    for _ in range(core.settings.max_attempts + 2):
        assert tasks.release(core, hand.claim(job.id, "train_labeler"))
    assert hand.finish(hand.claim(job.id, "train_labeler"))
    assert attempts(core, job) == ["released"] * (core.settings.max_attempts + 2) + ["succeeded"]


def test_a_move_to_another_queue_does_not_count_and_wakes_a_worker_there(core: Core, hand: Any, job: Job) -> None:
    assert hand.fail(hand.claim(job.id, "train_labeler"), ErrorOrigin.WORKER)
    for queue in ("cpu", "io") * core.settings.max_attempts:
        woken = core.dispatcher.waiting(queue)
        assert tasks.move(core, hand.claim(job.id, "train_labeler"), queue)
        assert core.dispatcher.waiting(queue) == woken + 1
        assert core.store.next_in_turn(queue, None) == (job.id, "train_labeler")
    claimed = hand.claim(job.id, "train_labeler")
    assert claimed.queue == "io"
    assert hand.finish(claimed)
    assert attempts(core, job) == ["failed", *["released"] * (2 * core.settings.max_attempts), "succeeded"]


@pytest.mark.parametrize(
    ("written", "told"),
    [({"shape": "hexagonal"}, "extra_forbidden"), ({"protocol": PROTOCOL + 1}, f"protocol {PROTOCOL + 1}")],
    ids=["a field that is not known", "a newer protocol"],
)
def test_a_claim_whose_inputs_this_version_cannot_read_gives_the_task_back(
    core: Core, hand: Any, job: Job, written: dict[str, Any], told: str
) -> None:
    key = redis_keys.dataset(job.params["source_dataset"])
    document = str(core.redis.hget(key, "document"))
    core.redis.hset(key, "document", json.dumps(json.loads(document) | written))
    for _ in range(core.settings.max_attempts + 1):
        with pytest.raises((ServiceError, ValidationError), match=told):
            tasks.claim(core, job.id, "train_labeler", "an older worker")
    core.redis.hset(key, "document", document)
    assert hand.finish(hand.claim(job.id, "train_labeler", "a newer worker"))
    assert attempts(core, job) == ["released"] * (core.settings.max_attempts + 1) + ["succeeded"]
    error = jobs.view(core, job.id).tasks[0].attempts[0].error
    assert error is not None
    assert told in error.message


def test_what_a_newer_version_has_planned_is_left_for_a_worker_that_knows_it(
    core: Core, hand: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.redis.hset(redis_keys.task(job.id, "train_labeler"), "protocol", PROTOCOL + 1)
    assert core.store.next_in_turn("gpu", None) is None
    assert tasks.claim(core, job.id, "train_labeler", "an older worker") is None
    # It holds up nothing of this version, and keeps its place.
    other = hand.submit("train_labeler", source_dataset=job.params["source_dataset"], seed=7)
    assert core.store.next_in_turn("gpu", None) == (other.id, "train_labeler")
    monkeypatch.setattr("service.core.queue.store.PROTOCOL", PROTOCOL + 1)
    assert core.store.next_in_turn("gpu", None) == (job.id, "train_labeler")
    assert hand.finish(hand.claim(job.id, "train_labeler", "a newer worker"))
    assert attempts(core, job) == ["succeeded"]


class DiedError(Exception):
    """The worker is gone."""


def finish_but_for_the_state(core: Core, hand: Any, claimed: ClaimedTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker dies when everything is stored, and the state is not."""

    def die(*_: Any) -> None:
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(type(core.store), "finish", die)
        with pytest.raises(DiedError):
            hand.finish(claimed)


@pytest.mark.parametrize("task", ["ingest", "train_labeler", "random_set", "generate_labels", "report"])
def test_an_attempt_lost_between_what_it_made_and_its_success_is_repeated_cleanly(
    core: Core, hand: Any, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if task == "ingest":
        job_id = hand.upload().job
    else:
        source = hand.ready_set("source")
        params = {
            "dataset": hand.ready_set(source_dataset=source),
            "evaluation": {"architectures": ["ViT"], "arms": ["baseline", "ladd", "random"]},
        }
        job_id = hand.submit("ladd", **params).id
        hand.work(job_id, until=task)
    first = hand.claim(job_id, task)
    finish_but_for_the_state(core, hand, first, monkeypatch)
    assert first.name not in {task.name for task in jobs.view(core, job_id).tasks if task.state is JobState.SUCCEEDED}
    let_the_lease_run_out(core, first)
    job = hand.work(job_id)
    assert job.state is JobState.SUCCEEDED
    for manifests in (core.catalogue.datasets(limit=10)[0], core.catalogue.labelers(limit=10)[0]):
        for manifest in manifests:
            assert core.storage.get_json(manifest.key) == manifest.model_dump(mode="json")
            assert {blob_key(blob.sha256) for blob in manifest.blobs.values()} <= set(core.storage.list_keys("blobs/"))


@pytest.mark.parametrize(("task", "arms"), [("generate_labels", ["ladd"]), ("random_set", ["ladd", "random"])])
def test_what_was_made_for_a_canceled_job_and_never_shown_is_removed(
    core: Core, hand: Any, task: str, arms: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = hand.ready_set("source")
    evaluation = {"architectures": ["ViT"], "trials": 1, "arms": arms}
    job_id = hand.submit("ladd", dataset=hand.ready_set(source_dataset=source), evaluation=evaluation).id
    hand.work(job_id, until=task)
    made = len(core.storage.list_keys("datasets/"))
    before = [key for key in core.storage.list_keys("") if not key.startswith("jobs/")]
    claimed = hand.claim(job_id, task)
    finish_but_for_the_state(core, hand, claimed, monkeypatch)
    assert len(core.storage.list_keys("datasets/")) == made + 1
    jobs.cancel(core, job_id)
    let_the_lease_run_out(core, claimed)
    assert jobs.view(core, job_id).state is JobState.CANCELED
    assert [key for key in core.storage.list_keys("") if not key.startswith("jobs/")] == before
