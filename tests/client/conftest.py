"""The real API on a port of this process, a client of it, work done by hand, and a proxy that cuts connections."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from ladd_client.api import LaddClient
from ladd_client.cli import app
from pydantic import TypeAdapter
from typer.testing import CliRunner

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.jobs import Job, JobRequest
from api_schemas.problems import TaskError
from api_schemas.runner import LogEvent, MetricEvent, ProgressEvent, RowEvent
from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask
from service.core.queue import workers
from service.core.queue.workers import Sign
from tests.client.cutting_proxy import CuttingProxy

ARCHIVE_BYTES = 3 << 20
ARRAYS = ("images", "labels")
COUNT = {"plain_bytes": 1000, "augmented_bytes": 1020, "overhead": 0.02}
STORAGE = {
    "paper": COUNT,
    "raw": COUNT,
    "stored": COUNT,
    "encoding": "float32",
    "full_labels_bytes": 4,
    "encodings": [],
}
JOB_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


@pytest.fixture(autouse=True)
def no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The profiles of whoever runs the tests are left alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("LADD_PROFILE", "LADD_URL", "LADD_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def s3_proxy(settings: Settings) -> Iterator[CuttingProxy]:
    """In front of S3; download links lead through it."""
    proxy = CuttingProxy(settings.s3_endpoint_url or "")
    yield proxy
    proxy.close()


@pytest.fixture
def server(settings: Settings, s3_proxy: CuttingProxy) -> Iterator[str]:
    """Base URL of the API on empty servers."""
    from service.http.app import create_app
    from service.http.connections import Connection

    app = create_app(settings.model_copy(update={"s3_public_endpoint_url": s3_proxy.url}))
    config = uvicorn.Config(
        app, port=0, http=Connection, log_config=None, timeout_graceful_shutdown=1, proxy_headers=False
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the server stopped while starting"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join()


@pytest.fixture
def api_proxy(server: str) -> Iterator[CuttingProxy]:
    """In front of the API."""
    proxy = CuttingProxy(server)
    yield proxy
    proxy.close()


@pytest.fixture
def client(server: str) -> Iterator[LaddClient]:
    with LaddClient(server) as opened:
        yield opened


@pytest.fixture
def ladd(server: str, local_ladd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `ladd ...` with the API on empty servers."""
    monkeypatch.setenv("LADD_URL", server)
    return local_ladd


@pytest.fixture
def local_ladd(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `ladd ...` without a server; the result has `exit_code`, `stdout`, `stderr`."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, stdin: str | None = None) -> Any:
        return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)

    return run


AGREEMENT = {
    "images": 2,
    "agreement": 50.0,
    "by_class": [100.0, 0.0],
    "confusion": [[1, 0], [1, 0]],
    "permutation": None,
    "permuted_agreement": None,
}


class HandWorker:
    """Claims tasks and hands in results that nobody computed."""

    def __init__(self, core: Core, client: LaddClient, folder: Path) -> None:
        self.core = core
        self.client = client
        self.folder = folder
        self.beat()

    def beat(self, **queues: int) -> None:
        """Leave a sign of life; by default of a worker that takes all queues."""
        workers.beat(self.core.redis, "hand", Sign(queues or dict.fromkeys(("cpu", "gpu", "io"), 1)))

    def claim(self, job_id: str, task: str) -> ClaimedTask:
        claimed = tasks.claim(self.core, job_id, task, "hand")
        assert claimed is not None, f"{task} of {job_id} is not there to take"
        return claimed

    def say(self, claimed: ClaimedTask, *events: ProgressEvent | MetricEvent | RowEvent | LogEvent) -> None:
        for event in events:
            assert tasks.record(self.core, claimed, event)

    def finish(self, claimed: ClaimedTask, result: dict[str, Any], files: dict[str, bytes] | None = None) -> None:
        paths = {}
        for name, content in (files or {}).items():
            paths[name] = self.folder / name
            paths[name].write_bytes(content)
        assert tasks.succeed(self.core, claimed, result, paths)

    def fail(self, claimed: ClaimedTask, error: TaskError) -> None:
        assert tasks.fail(self.core, claimed, error)

    def upload(self, role: DatasetRole = DatasetRole.DISTILLED, **metadata: Any) -> Dataset:
        """A set that is still `validating`."""
        path = self.folder / "images.npz"
        path.write_bytes(b"what the runner would read")
        described = DatasetMetadata.model_validate({"name": f"a {role} set", "role": role, **metadata})
        return self.client.upload_dataset(described, [path])

    def ingest(self, dataset: Dataset, images: int = 2, preview: bytes | None = None) -> None:
        """Make a set `ready`: 2 classes, so many images a split, 32 px."""
        source = dataset.role is DatasetRole.SOURCE
        splits = dict.fromkeys(("train", "val") if source else ("all",), images)
        statistics = {"mean": [0.5] * 3, "std": [0.25] * 3}
        stats = {
            "num_classes": 2,
            "ipc": 1,
            "num_images": sum(splits.values()),
            "splits": splits,
            "image_shape": [3, 32, 32],
            "dtype": "uint8",
            "sha256": "0" * 64,
            "bytes": 6144,
            "class_counts": [
                {"label": label, "name": str(label), "images": dict.fromkeys(splits, 1)} for label in (0, 1)
            ],
            "value_range": {"minimum": 0, "maximum": 255},
            "soft_labels": None,
            "learned_lr": None,
            "detection": {"format": "npz", "reason": "made by hand"},
            "normalization": {"name": "measured", **statistics, "applied": False, "reason": "made by hand"},
            "warnings": ["nobody computed this"],
        }
        names = [f"{prefix}{what}.npy" for prefix in (["train_", "val_"] if source else [""]) for what in ARRAYS]
        files = {name: name.encode() for name in names} | ({} if preview is None else {"preview.png": preview})
        self.finish(self.claim(dataset.job, "ingest"), {"stats": stats}, files)

    def ready_pair(self) -> tuple[str, str]:
        """Ids of a distilled set and its source set."""
        source = self.upload(DatasetRole.SOURCE)
        self.ingest(source)
        distilled = self.upload(source_dataset=source.id)
        self.ingest(distilled)
        return distilled.id, source.id

    def start_ladd(self, **params: Any) -> Job:
        """A `ladd` job of one architecture and one trial on a new pair of sets."""
        distilled, _ = self.ready_pair()
        evaluation = {"architectures": ["ConvNetD3"], "trials": 1}
        request = {"kind": "ladd", "params": {"dataset": distilled, "evaluation": evaluation, **params}}
        return self.client.submit(JOB_REQUEST.validate_python(request))

    def run_ladd(self, job: Job) -> bytes:
        """Finish every task of such a job; returns the archive."""
        self.train_labeler(job.id)
        archive = self.write_labels(job.id)
        trials = range(job.params["evaluation"]["trials"])
        rows = [[self.evaluate(job, arm, trial) for arm in ("baseline", "ladd")] for trial in trials]
        self.report(job, rows[0])
        return archive

    def train_labeler(self, job_id: str) -> None:
        claimed = self.claim(job_id, "train_labeler")
        numbers = {"train_loss": 0.5, "train_accuracy": 80.0, "val_accuracy": 70.25, "mean_entropy": 0.7}
        epoch = {"epoch": 10, **numbers, "seconds": 1.0, "checkpoint": "epoch_010.safetensors"}
        self.say(claimed, progress("train_labeler", 10, 20), MetricEvent(event="metric", name="epoch", values=epoch))
        self.finish(claimed, {"epochs": [epoch], "flops": 10**12}, {"epoch_010.safetensors": b"weights"})

    def import_labeler(self, job_id: str) -> None:
        numbers = {"train_loss": None, "train_accuracy": None, "val_accuracy": 70.25, "mean_entropy": 0.7}
        epoch = {"epoch": 1, **numbers, "seconds": 1.0, "checkpoint": "epoch_001.safetensors"}
        result = {"epochs": [epoch], "forward_flops": 10**6, "class_map": None, "warnings": []}
        self.finish(self.claim(job_id, "import_labeler"), result, {"epoch_001.safetensors": b"weights"})

    def write_labels(self, job_id: str) -> bytes:
        claimed = self.claim(job_id, "generate_labels")
        archive = bytes(range(256)) * (ARCHIVE_BYTES // 256)
        files = {"dense_labels.npy": b"labels", "full_labels.npy": b"full", "archive.zip": archive}
        used = {"temperature": 1.0, "held_out_images": None, "candidates": None}
        labelling = {
            "labelers": [
                {"labeler": labeler["id"], "epoch": labeler["epochs"][0], **used}
                for labeler in claimed.params["labelers"]
            ],
            "agreement": AGREEMENT,
            "warnings": [],
        }
        self.finish(claimed, {"storage": STORAGE, "flops": 10**10, "labelling": labelling}, files)
        return archive

    def evaluate(self, job: Job, arm: str, number: int = 0) -> dict[str, Any]:
        """Returns the row that the report is to make of this one trial."""
        claimed = self.claim(job.id, f"evaluate:{arm}:ConvNetD3:{number}")
        trial = {"trial": number, "seed": 0, "accuracy": 61.5, "per_class_accuracy": [60.0, 63.0]}
        trial |= {
            "correct": "wA==",
            "grad_cam": None,
            "losses": [1.0],
            "seconds": 1.0,
            "peak_bytes": 10**8,
            "predicted_peak_bytes": 10**8,
        }
        row = {
            "dataset": claimed.params["dataset"],
            "arm": arm,
            "architecture": "ConvNetD3",
            "labels": "hard",
            "epochs": 1000,
            "steps": 1000,
            "forwards": 2000,
            "images_seen": 2000,
            "flops": 10**9,
            "recipe": {"name": "glad", "views": "full", "reduction": "sum"},
            "rule": "last epoch",
        }
        values = {"arm": arm, "architecture": "ConvNetD3", "trial": 0, "seed": 0, "accuracy": 61.5, "seconds": 1.0}
        self.say(claimed, progress("evaluate", 1000, 2000), RowEvent(event="row", values=values))
        self.finish(claimed, {"row": {**row, "trial": trial}})
        spread = {"mean": 61.5, "std": 0.0, "ci95": None, "seconds": 1.0}
        return {**row, "trials": [trial], **spread, "in_summary": True}

    def report(self, job: Job, rows: list[dict[str, Any]]) -> None:
        summary = [
            {
                "dataset": row["dataset"],
                "arm": row["arm"],
                "k": 1,
                "architectures": ["ConvNetD3"],
                "cae_mean": row["mean"],
                "cae_std": row["std"],
            }
            for row in rows
        ]
        source = job.params["source_dataset"]
        evaluation = {"source_dataset": source, "test_images": 2, "rows": rows, "summary": summary, "comparisons": []}
        flops = {"labelling": 10**10, "labeler_training": 10**12, "deployment": 2 * 10**9}
        result = {"storage": STORAGE, "flops": flops, "evaluation": evaluation, "labelling": None}
        about = {"job": job.id, "kind": "ladd", "params": {}, "versions": {"torch": "2.13.0"}, "cost": None}
        report = {**about, **result, "hardware": "a pencil", "notes": ["made by hand"], "figures": [], "points": []}
        report["paper"] = []
        self.finish(self.claim(job.id, "report"), {"report": report, "figures": []})


@pytest.fixture
def worker(core: Core, client: LaddClient, tmp_path: Path) -> HandWorker:
    folder = tmp_path / "worker"
    folder.mkdir()
    return HandWorker(core, client, folder)


def progress(stage: str, done: int, total: int) -> ProgressEvent:
    return ProgressEvent(
        event="progress", stage=stage, done=done, total=total, unit="images", rate=100.0, eta_seconds=0.1
    )
