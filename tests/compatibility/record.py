"""Records what a version of the service has stored: run with that version's own code, `python record.py OUT.zip`.

A stack of its own takes a source set, a distilled set, one that it rejects, a whole LADD job, an evaluation that is
canceled and one that is cut off while it runs. The zip holds every object of the bucket below `s3/`, and `redis.json`.
"""

import io
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import redis
from ladd_client.api import LaddClient
from PIL import Image

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.jobs import EvaluateParams, EvaluateRequest, JobKind, JobState, LaddParams, LaddRequest
from stack.running import Stack, running_stack

CLASSES = ("bars", "checks", "discs")
SIDE = 16
EVALUATION: dict[str, Any] = {
    "architectures": ["ConvNetD3"],
    "trials": 2,
    "recipe": "mtt",
    "overrides": {"epochs": 1, "batch_size": 50, "lr": 0.01, "reduction": "mean"},
}
TRIALS_CUT_OFF = 4


def record(out: Path) -> None:
    """Go through a session of a user on a stack of this code, and write what it has stored."""
    generator = np.random.default_rng(16)
    with (
        tempfile.TemporaryDirectory(prefix="ladd-record-") as directory,
        running_stack(Path(directory) / "stack") as stack,
        LaddClient(stack.url) as client,
    ):
        source = upload(client, DatasetRole.SOURCE, source_zip(generator, Path(directory)))
        distilled = upload(client, DatasetRole.DISTILLED, distilled_npz(generator, Path(directory)), source.id)
        rubbish = Path(directory) / "rubbish.npz"
        rubbish.write_bytes(b"not a zip")
        upload(client, DatasetRole.DISTILLED, rubbish, source.id)
        params = {"dataset": distilled.id, "labeler": {"epochs": 2}, "evaluation": EVALUATION}
        job = client.submit(
            LaddRequest(kind=JobKind.LADD, params=LaddParams.model_validate(params), tags={"made": "finished"})
        )
        assert client.wait(job.id).state is JobState.SUCCEEDED
        augmented = client.job(job.id).result
        assert augmented is not None
        canceled = evaluate(client, augmented.dataset, "canceled", trials=20)
        client.cancel(canceled)
        client.wait(canceled, check=False)
        cut_off = evaluate(client, augmented.dataset, "cut off", trials=TRIALS_CUT_OFF)
        wait_for_first_trial(client, cut_off)
        write(out, stack)


def upload(client: LaddClient, role: DatasetRole, file: Path, source: str | None = None) -> Dataset:
    """Send a file and wait until it was read, or rejected."""
    uploaded = client.upload_dataset(DatasetMetadata(name=file.stem, role=role, source_dataset=source), [file])
    client.wait(uploaded.job, check=False)
    return client.dataset(uploaded.id)


def evaluate(client: LaddClient, dataset: Any, made: str, trials: int) -> str:
    """Start an evaluation and return its id."""
    params = EvaluateParams.model_validate({"dataset": dataset, **EVALUATION, "trials": trials})
    return client.submit(EvaluateRequest(kind=JobKind.EVALUATE, params=params, tags={"made": made})).id


def wait_for_first_trial(client: LaddClient, job_id: str) -> None:
    """Return as soon as one task has succeeded, the others not."""
    while True:
        states = [task.state for task in client.job(job_id).tasks]
        if JobState.SUCCEEDED in states:
            assert states.count(JobState.SUCCEEDED) < TRIALS_CUT_OFF, states
            return
        time.sleep(0.02)


def source_zip(generator: np.random.Generator, directory: Path) -> Path:
    """Write a folder of classes: 8 train and 4 val images each, which differ by their pattern."""
    path = directory / "patterns.zip"
    rows, columns = np.indices((SIDE, SIDE))
    patterns = (rows // 4 % 2, (rows // 4 + columns // 4) % 2, (np.hypot(rows - 7.5, columns - 7.5) < 6).astype(int))
    with zipfile.ZipFile(path, "w") as archive:
        for split, count in (("train", 8), ("val", 4)):
            for name, pattern in zip(CLASSES, patterns, strict=True):
                for number in range(count):
                    pixels = 64 + 128 * pattern + generator.integers(-40, 41, (SIDE, SIDE))
                    png = io.BytesIO()
                    Image.fromarray(pixels.astype(np.uint8)).save(png, "png")
                    archive.writestr(f"{split}/{name}/{number}.png", png.getvalue())
    return path


def distilled_npz(generator: np.random.Generator, directory: Path) -> Path:
    """Write two images of each class as floats."""
    path = directory / "distilled.npz"
    labels = np.repeat(np.arange(len(CLASSES)), 2)
    images = generator.random((len(labels), 1, SIDE, SIDE), dtype=np.float32)
    np.savez(path, images=images, labels=labels)
    return path


def write(out: Path, stack: Stack) -> None:
    """Write Redis at one moment, then all objects: later ones do no harm, as after a crash."""
    environment = stack.environment
    with redis.Redis.from_url(environment["LADD_REDIS_URL"], decode_responses=True) as client:
        keys = {str(key): value_of(client, str(key)) for key in sorted(client.scan_iter("ladd:*"))}
    s3 = boto3.client(
        "s3",
        endpoint_url=environment["LADD_S3_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["LADD_S3_ACCESS_KEY"],
        aws_secret_access_key=environment["LADD_S3_SECRET_KEY"],
    )
    bucket = environment["LADD_S3_BUCKET"]
    with closing(s3), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("redis.json", json.dumps(keys, indent=1))
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                key = entry["Key"]
                archive.writestr(f"s3/{key}", s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def value_of(client: Any, key: str) -> dict[str, Any]:
    """Return {type, ttl in ms or -1, value} of a key."""
    kind = client.type(key)
    read: dict[str, Callable[[], Any]] = {
        "string": lambda: client.get(key),
        "hash": lambda: client.hgetall(key),
        "set": lambda: sorted(client.smembers(key)),
        "zset": lambda: client.zrange(key, 0, -1, withscores=True),
        "list": lambda: client.lrange(key, 0, -1),
        "stream": lambda: client.xrange(key),
    }
    return {"type": kind, "ttl": client.pttl(key), "value": read[kind]()}


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve())
