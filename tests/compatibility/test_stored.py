"""The bucket of version 0.1 (`stored_0_1.zip`, written by `record.py`) is read by this one, and its jobs go on."""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import numpy as np
import pytest

from api_schemas.datasets import Dataset, DatasetRole, DatasetState
from api_schemas.jobs import TERMINAL_STATES, GenerateLabelsParams, GenerateLabelsRequest, Job, JobKind, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.listing import EVERYTHING
from service.core.resources import datasets, events, jobs, label_grid, labelers, pictures
from service.core.upkeep.rebuild_index import Restored, rebuild_index
from stack.readiness import BUCKET
from tests.servers import Embedded
from workers.ladd.archive.archive import read_archive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORED = Path(__file__).with_name("stored_0_1.zip")
OBJECTS = "s3/"
CLASSES = 3
IMAGES = 6
VIEWS = 25
PIXELS = [1, 16, 16]
LEASE_SECONDS = 2


@pytest.fixture
def bucket(core: Core, s3: "S3Client") -> None:
    """Put the stored objects into the bucket, beside an empty Redis."""
    with zipfile.ZipFile(STORED) as stored:
        for name in stored.namelist():
            if name.startswith(OBJECTS):
                s3.put_object(Bucket=BUCKET, Key=name.removeprefix(OBJECTS), Body=stored.read(name))


@pytest.fixture
def records(core: Core, bucket: None) -> None:
    """Put back what Redis held when the last job was cut off, too."""
    with zipfile.ZipFile(STORED) as stored:
        for key, entry in json.loads(stored.read("redis.json")).items():
            restore(core, key, entry["type"], entry["value"])
            if entry["ttl"] > 0:
                core.redis.pexpire(key, entry["ttl"])


def restore(core: Core, key: str, kind: str, value: Any) -> None:
    if kind == "string":
        core.redis.set(key, value)
    elif kind == "hash":
        core.redis.hset(key, mapping=value)
    elif kind == "set":
        core.redis.sadd(key, *value)
    elif kind == "list":
        core.redis.rpush(key, *value)
    elif kind == "zset":
        # Some are ends of leases: those are over, even where the clock is behind that of the recording.
        core.redis.zadd(key, {member: min(score, core.store.now()) for member, score in value})
    else:
        assert kind == "stream", kind
        for entry, fields in value:
            core.redis.xadd(key, fields, id=entry)


def sets(core: Core) -> dict[str, Dataset]:
    """Return every set by its name."""
    return {dataset.name: dataset for dataset in datasets.page(core, limit=100).items}


def job(core: Core, made: str) -> Job:
    """Return the job that was tagged so."""
    [listed] = jobs.page(core, EVERYTHING.also(tags={"made": made})).items
    return jobs.view(core, listed.id)


def fetch(url: str) -> bytes:
    with urlopen(url) as answer:
        content: bytes = answer.read()
    return content


def assert_all_is_shown(core: Core) -> None:
    """Look at everything that has ended, as a caller may."""
    found = sets(core)
    source, distilled, rubbish, augmented = (
        found[name] for name in ("patterns", "distilled", "rubbish", "distilled (label-augmented)")
    )
    assert len(found) == 4
    assert (source.role, source.state) == (DatasetRole.SOURCE, DatasetState.READY)
    assert source.stats is not None
    assert (source.stats.splits, source.stats.image_shape) == ({"train": 24, "val": 12}, PIXELS)
    assert (distilled.metadata.source_dataset, distilled.state) == (source.id, DatasetState.READY)
    assert (rubbish.state, [reason.rule for reason in rubbish.reasons]) == (DatasetState.REJECTED, ["known_format"])
    for dataset in (source, distilled, augmented):
        assert fetch(pictures.preview_url(core, dataset.id)).startswith(b"\x89PNG")
        assert pictures.image_png(core, dataset.id, None, 0).startswith(b"\x89PNG")
    assert label_grid.label_grid_png(core, augmented.id, 0).startswith(b"\x89PNG")
    for dataset in (source, distilled, rubbish):
        assert jobs.view(core, dataset.job).kind is JobKind.INGEST_DATASET

    [labeler] = labelers.page(core, limit=100).items
    assert augmented.augmentation is not None
    assert (augmented.augmentation.parent, augmented.augmentation.labeler) == (distilled.id, labeler.id)
    assert (labeler.source_dataset, labeler.num_classes, len(labeler.epochs)) == (source.id, CLASSES, 2)
    # Its network is for one channel, and from before such networks had one.
    assert labeler.border == 0

    finished = job(core, "finished")
    assert (finished.kind, finished.state) == (JobKind.LADD, JobState.SUCCEEDED)
    assert finished.result is not None
    assert (finished.result.dataset, finished.result.labeler) == (augmented.id, labeler.id)
    assert finished.links.archive is not None
    assert finished.cost is not None
    assert_is_reported(core, finished, trials=2)
    canceled = job(core, "canceled")
    assert (canceled.kind, canceled.state) == (JobKind.EVALUATE, JobState.CANCELED)
    with pytest.raises(ServiceError, check=lambda error: error.code is ErrorCode.NO_REPORT):
        jobs.report(core, canceled.id)


def assert_is_reported(core: Core, finished: Job, trials: int) -> None:
    """Look at the report of a job and at its figures."""
    report = jobs.report(core, finished.id)
    assert report.evaluation is not None
    assert [(row.arm, len(row.trials)) for row in report.evaluation.rows] == [("baseline", trials), ("ladd", trials)]
    assert report.figures
    for figure in report.figures:
        assert fetch(jobs.figure_url(core, finished.id, figure.name)).startswith(b"\x89PNG")


def test_a_bucket_alone_is_read(core: Core, bucket: None) -> None:
    assert rebuild_index(core) == Restored(datasets=4, labelers=1, finished_jobs=5, unfinished_jobs=1)
    assert_all_is_shown(core)
    cut_off = job(core, "cut off")
    assert cut_off.state is JobState.RUNNING
    states = {task.name: task.state for task in cut_off.tasks}
    assert states.pop("evaluate:baseline:ConvNetD3:0") is JobState.SUCCEEDED
    assert list(states.values()) == [JobState.QUEUED] * 8


def test_records_are_read_and_the_job_that_was_cut_off_is_finished(
    core: Core, records: None, embedded: Embedded, tmp_path: Path
) -> None:
    assert_all_is_shown(core)
    ended = job(core, "finished")
    seen = events.read(core, ended.id, None, 1000)
    assert seen[-1].data["state"] == JobState.SUCCEEDED
    before = job(core, "cut off")
    assert before.state is JobState.RUNNING
    augmented = sets(core)["distilled (label-augmented)"]
    assert augmented.augmentation is not None
    # A labeler of before writes labels for a set of before.
    params = {"dataset": augmented.augmentation.parent, "labeler": augmented.augmentation.labeler}
    again, _ = jobs.submit(
        core,
        GenerateLabelsRequest(kind=JobKind.GENERATE_LABELS, params=GenerateLabelsParams.model_validate(params)),
        None,
    )
    with worker(core, embedded, tmp_path / "worker.log"):
        wait_for_end(core, before.id)
        wait_for_end(core, again.id)
    after = job(core, "cut off")
    assert after.state is JobState.SUCCEEDED, after.error
    assert_is_reported(core, after, trials=4)
    tasks = {task.name: task for task in after.tasks}
    done, running = (f"evaluate:{arm}:ConvNetD3:0" for arm in ("baseline", "ladd"))
    assert tasks[done].attempts == next(task for task in before.tasks if task.name == done).attempts
    assert [attempt.outcome for attempt in tasks[running].attempts] == ["lost", "succeeded"]
    anew = jobs.view(core, again.id)
    assert anew.result is not None, anew.error
    assert anew.result.dataset is not None
    old, new = (archive_of(core, dataset, tmp_path) for dataset in (augmented.id, anew.result.dataset))
    np.testing.assert_array_equal(new.images, old.images)
    np.testing.assert_allclose(new.dense_labels, old.dense_labels, atol=1e-4)


def test_the_archive_is_read(core: Core, records: None, tmp_path: Path) -> None:
    archive = archive_of(core, sets(core)["distilled (label-augmented)"].id, tmp_path)
    assert archive.images.shape == (IMAGES, *PIXELS)
    assert archive.dense_labels.shape == (IMAGES, VIEWS, CLASSES)
    np.testing.assert_allclose(archive.dense_labels.sum(axis=2), 1, atol=1e-5)
    assert archive.full_labels.shape == (IMAGES, CLASSES)
    assert archive.labels.tolist() == [0, 0, 1, 1, 2, 2]


def archive_of(core: Core, dataset: str, folder: Path) -> Any:
    path = folder / f"{dataset}.zip"
    path.write_bytes(fetch(datasets.archive_url(core, dataset)))
    return read_archive(path)


@contextmanager
def worker(core: Core, servers: Embedded, log: Path) -> Iterator[None]:
    """Run a worker that soon takes over what another no longer works on."""
    environment = {
        **os.environ,
        "LADD_REDIS_URL": servers.redis_url,
        "LADD_S3_ENDPOINT_URL": servers.s3_endpoint,
        "LADD_S3_BUCKET": BUCKET,
        "LADD_S3_ACCESS_KEY": servers.s3_access_key,
        "LADD_S3_SECRET_KEY": servers.s3_secret_key,
        "LADD_DATA_DIR": str(core.settings.data_dir),
        "LADD_LEASE_SECONDS": str(LEASE_SECONDS),
        "LADD_REAPER_SECONDS": "0.5",
    }
    with (
        log.open("wb") as output,
        subprocess.Popen([sys.executable, "-m", "workers"], env=environment, stdout=output, stderr=output) as process,
    ):
        yield
        process.terminate()
        assert process.wait(timeout=60) == 0


def wait_for_end(core: Core, job_id: str) -> None:
    deadline = time.monotonic() + 180
    while jobs.state(core, job_id) not in TERMINAL_STATES:
        assert time.monotonic() < deadline, f"waited in vain for {job_id}"
        time.sleep(0.05)
