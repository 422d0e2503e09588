"""The front as callers meet it: a real server, a real client, and tasks finished by hand with made-up results."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask
from service.http.app import create_app
from service.http.connections import Connection
from stack.readiness import BUCKET
from tests.servers import Embedded

Serve = Callable[[FastAPI], AbstractContextManager[httpx.Client]]
Upload = Callable[..., httpx.Response]
"""POST a set: `upload({"a.pt": b"..."}, role="source", ...)`."""


@contextmanager
def _serving(app: FastAPI) -> Iterator[httpx.Client]:
    config = uvicorn.Config(
        app, port=0, http=Connection, log_config=None, timeout_graceful_shutdown=1, proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server stopped while starting"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def serve() -> Serve:
    """Serve an application while in the `with` block, which gets a client of it."""
    return _serving


@pytest.fixture(scope="session")
def standing_api(embedded: Embedded) -> Iterator[httpx.Client]:
    """A client of a front that is started once, for requests that are refused and change nothing."""
    settings = Settings(
        # A database of its own: it must neither list nor look after the made-up jobs of other tests.
        redis_url=f"{embedded.redis_url.rpartition('/')[0]}/1",
        s3_endpoint_url=embedded.s3_endpoint,
        s3_bucket=BUCKET,
        s3_access_key=embedded.s3_access_key,
        s3_secret_key=SecretStr(embedded.s3_secret_key),
        webhook_allow_private="127.0.0.1",
    )
    with _serving(create_app(settings)) as client:
        yield client


@pytest.fixture
def api(settings: Settings, serve: Serve) -> Iterator[httpx.Client]:
    """A client of the front on empty servers."""
    with serve(create_app(settings)) as client:
        yield client


@pytest.fixture
def upload(api: httpx.Client) -> Upload:
    def post(files: dict[str, bytes] | None = None, **metadata: Any) -> httpx.Response:
        document = {"name": "a set", "role": "distilled", **metadata}
        parts: list[tuple[str, Any]] = [("metadata", (None, json.dumps(document), "application/json"))]
        parts += [("files", (name, content)) for name, content in (files or {"images.pt": b"12345"}).items()]
        return api.post("/v1/datasets", files=parts)

    return post


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition that should come true soon."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "waited for 30 s"
            time.sleep(0.02)

    return wait


class HandWorker:
    """Claims tasks and hands in results that nobody computed."""

    def __init__(self, core: Core, upload: Upload, folder: Path) -> None:
        self.core = core
        self.upload = upload
        self.folder = folder

    def claim(self, job_id: str, task: str) -> ClaimedTask:
        claimed = tasks.claim(self.core, job_id, task, "hand")
        assert claimed is not None, f"{task} of {job_id} is not there to take"
        return claimed

    def finish(self, job_id: str, task: str, result: dict[str, Any], *files: str) -> None:
        self.hand_in(self.claim(job_id, task), result, *files)

    def hand_in(self, claimed: ClaimedTask, result: dict[str, Any], *files: str) -> None:
        paths = {name: self.folder / name for name in files}
        for name, path in paths.items():
            path.write_bytes(f"{name} of {claimed.name} of {claimed.job_id}".encode())
        assert tasks.succeed(self.core, claimed, result, paths)

    def fail(self, job_id: str, task: str) -> None:
        error = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message="it broke", reasons=[])
        assert tasks.fail(self.core, self.claim(job_id, task), error)

    def ready_set(self, role: str = "distilled", **metadata: Any) -> str:
        """Upload a set, ingest it, and return its id."""
        dataset = self.upload(role=role, **metadata).json()
        splits = ("train", "val") if role == "source" else ("all",)
        prefixes = ("train_", "val_") if role == "source" else ("",)
        stats = {
            "num_classes": 2,
            "ipc": 1,
            "num_images": 2 * len(splits),
            "splits": dict.fromkeys(splits, 2),
            "image_shape": [3, 32, 32],
            "dtype": "uint8",
            "sha256": "0" * 64,
            "bytes": 6144 * len(splits),
            "class_counts": [
                {"label": label, "name": str(label), "images": dict.fromkeys(splits, 1)} for label in (0, 1)
            ],
            "value_range": {"minimum": 0, "maximum": 255},
            "soft_labels": None,
            "learned_lr": None,
            "detection": {"format": "mtt", "reason": "made up"},
            "normalization": {
                "name": "measured",
                "mean": [0.5] * 3,
                "std": [0.25] * 3,
                "applied": False,
                "reason": "made up",
            },
            "warnings": [],
        }
        names = [f"{prefix}{what}.npy" for prefix in prefixes for what in ("images", "labels")]
        self.finish(dataset["job"], "ingest", {"stats": stats}, *names)
        return str(dataset["id"])

    def train_labeler(self, job_id: str) -> None:
        epoch = {
            "epoch": 10,
            "train_loss": 0.5,
            "train_accuracy": 80.0,
            "val_accuracy": 70.0,
            "mean_entropy": 0.7,
            "seconds": 1.0,
            "checkpoint": "epoch_010.safetensors",
        }
        self.finish(job_id, "train_labeler", {"epochs": [epoch], "flops": 10**12}, "epoch_010.safetensors")

    def write_labels(self, job_id: str, *others: str) -> None:
        """Finish a labelling that left, besides labels and archive, `others`."""
        count = {"plain_bytes": 100, "augmented_bytes": 101, "overhead": 0.01}
        storage = {
            "paper": count,
            "raw": count,
            "stored": count,
            "encoding": "float32",
            "full_labels_bytes": 4,
            "encodings": [],
        }
        claimed = self.claim(job_id, "generate_labels")
        used = {"temperature": 1.0, "held_out_images": None, "candidates": None}
        labelling = {
            "labelers": [
                {"labeler": labeler["id"], "epoch": labeler["epochs"][0], **used}
                for labeler in claimed.params["labelers"]
            ],
            "agreement": {
                "images": 2,
                "agreement": 50.0,
                "by_class": [100.0, 0.0],
                "confusion": [[1, 0], [1, 0]],
                "permutation": None,
                "permuted_agreement": None,
            },
            "warnings": [],
        }
        result = {"storage": storage, "flops": 10**10, "labelling": labelling}
        self.hand_in(claimed, result, "dense_labels.npy", "full_labels.npy", "archive.zip", *others)
        flops = {"labelling": 10**10, "labeler_training": None, "deployment": None}
        report: dict[str, Any] = {
            "job": job_id,
            "kind": "generate_labels",
            "params": {},
            "evaluation": None,
            "labelling": labelling,
            "storage": storage,
            "flops": flops,
            "versions": {},
            "hardware": "",
            "notes": [],
            "cost": None,
            "figures": [],
            "points": [],
            "paper": [],
        }
        figures = [{"name": "accuracy", "title": "Accuracy", "data": {}}]
        self.finish(job_id, "report", {"report": report, "figures": figures}, "accuracy.png")


@pytest.fixture
def worker(core: Core, upload: Upload, tmp_path: Path) -> HandWorker:
    return HandWorker(core, upload, tmp_path)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A host and port that refuse connections."""
    # Bound but not listening: nobody else can take the port meanwhile.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"
