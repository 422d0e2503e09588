"""Datasets and jobs made through the real core, by a worker whose results nobody computed."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.jobs import TERMINAL_STATES, Job, JobRequest
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import TaskType
from service.core import datasets, jobs, tasks
from service.core.core import Core, open_core
from service.core.errors import ServiceError
from service.core.ids import new_id
from service.core.settings import Settings
from service.core.tasks import ClaimedTask
from service.core.uploads import StreamedFile, upload_key
from workers.ladd.trial_rows import merge_trials

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    """The core on empty servers, closed at the end."""
    with closing(open_core(settings)) as core:
        yield core


class Hand:
    """Uploads sets, submits jobs, claims tasks and hands in results."""

    def __init__(self, core: Core, folder: Path) -> None:
        self.core = core
        self.folder = folder
        self._numbers = count()

    def file(self, content: bytes) -> Path:
        path = self.folder / f"file-{next(self._numbers)}"
        path.write_bytes(content)
        return path

    def upload(self, role: str = "distilled", **metadata: Any) -> Any:
        """Create a dataset of one uploaded file; it is still to be ingested."""
        dataset_id = new_id("ds")
        key = upload_key(dataset_id, 0)
        stream = self.core.storage.open_upload(key)
        stream.write(b"raw bytes of " + dataset_id.encode())
        files = [StreamedFile("images.pt", key, stream.finish())]
        document = DatasetMetadata.model_validate({"name": f"{role} set", "role": role, **metadata})
        return datasets.create(self.core, document, files, dataset_id)

    def ready_set(
        self, role: str = "distilled", stats: dict[str, Any] | None = None, content: bytes = b"", **metadata: Any
    ) -> str:
        """Create a dataset and ingest it."""
        dataset = self.upload(role, **metadata)
        splits = ("train_", "val_") if role == DatasetRole.SOURCE else ("",)
        files = {
            f"{split}{what}.npy": self.file(content + f"{split}{what} of {dataset.id}".encode())
            for split in splits
            for what in ("images", "labels")
        }
        if metadata.get("normalization") == "zca":
            files["zca.safetensors"] = self.file(b"matrix of " + dataset.id.encode())
        claimed = self.claim(dataset.job, "ingest")
        measured = stats or made_up_stats(role, learned_lr=metadata.get("learned_lr"))
        assert tasks.succeed(self.core, claimed, {"stats": measured}, files)
        return str(dataset.id)

    def made_up_stats(self, role: str = "distilled", **changed: Any) -> dict[str, Any]:
        return made_up_stats(role, **changed)

    def submit(self, kind: str, key: str | None = None, tags: dict[str, str] | None = None, **params: Any) -> Job:
        request = REQUEST.validate_python({"kind": kind, "params": params, "tags": tags or {}})
        return jobs.submit(self.core, request, key)[0]

    def claim(self, job_id: str, task: str, worker: str = "hand") -> ClaimedTask:
        claimed = tasks.claim(self.core, job_id, task, worker)
        assert claimed is not None, f"{task} of {job_id} is not there to take"
        return claimed

    def finish(self, claimed: ClaimedTask) -> bool:
        """Hand in a result of the kind that the task's runner would."""
        result, files = RESULTS[claimed.type](claimed)
        # No two attempts write the same bytes, as on a GPU.
        ours = f" by attempt {claimed.attempt} at {claimed.job_id}".encode()
        return tasks.succeed(self.core, claimed, result, {name: self.file(text + ours) for name, text in files.items()})

    def fail(self, claimed: ClaimedTask, origin: ErrorOrigin = ErrorOrigin.INTERNAL) -> bool:
        error = TaskError(code=ErrorCode.INTERNAL, origin=origin, message="it broke", reasons=[])
        return tasks.fail(self.core, claimed, error)

    def work(self, job_id: str, until: str | None = None) -> Job:
        """Do every task that is ready, until none is, or until the task named `until` is."""
        while True:
            job = jobs.view(self.core, job_id)
            if job.state in TERMINAL_STATES:
                return job
            for task in job.tasks:
                if task.name == until:
                    continue
                claimed = tasks.claim(self.core, job_id, task.name, "hand")
                if claimed is not None:
                    assert self.finish(claimed)
                    break
            else:
                return jobs.view(self.core, job_id)

    def trained_labeler(self, source: str, **recipe: Any) -> str:
        job = self.work(self.submit("train_labeler", source_dataset=source, **recipe).id)
        assert job.result is not None
        assert job.result.labeler is not None
        return job.result.labeler


@pytest.fixture(scope="session")
def hand_of() -> Callable[[Core, Path], Hand]:
    """Make a hand that works on a core, with a folder for its files."""
    return Hand


@pytest.fixture
def hand(core: Core, tmp_path: Path) -> Hand:
    folder = tmp_path / "made"
    folder.mkdir()
    return Hand(core, folder)


@pytest.fixture
def ladd(hand: Hand) -> Job:
    """A `ladd` job over two architectures, of which nothing is done."""
    source = hand.ready_set("source")
    few = {"architectures": ["ConvNetD3", "ResNet18"], "trials": 1, "overrides": {"epochs": 2}}
    return hand.submit("ladd", dataset=hand.ready_set(source_dataset=source), evaluation=few)


@pytest.fixture
def refused() -> Callable[[ErrorCode], Any]:
    """Expect ServiceError with a code."""
    return lambda code: pytest.raises(ServiceError, check=lambda error: error.code is code)


def made_up_stats(role: str = "distilled", **changed: Any) -> dict[str, Any]:
    """Stats of 10 classes of 32 px, 20 distilled images or 1000 + 100 real ones."""
    splits = {"train": 1000, "val": 100} if role == DatasetRole.SOURCE else {"all": 20}
    return {
        "num_classes": 10,
        "ipc": None if role == DatasetRole.SOURCE else 2,
        "num_images": sum(splits.values()),
        "splits": splits,
        "image_shape": [3, 32, 32],
        "dtype": "uint8",
        "sha256": "5" * 64,
        "bytes": 1234,
        "class_counts": [],
        "value_range": {"minimum": 0, "maximum": 255},
        "soft_labels": None,
        "learned_lr": None,
        "detection": {"format": "npz", "reason": "made up"},
        "normalization": {
            "name": "measured" if role == DatasetRole.SOURCE else "none",
            "mean": [0.5, 0.4, 0.3] if role == DatasetRole.SOURCE else None,
            "std": [0.2, 0.2, 0.2] if role == DatasetRole.SOURCE else None,
            "applied": False,
            "reason": "made up",
        },
        "warnings": [],
    } | changed


Result = tuple[dict[str, Any], dict[str, bytes]]


def _ingest(claimed: ClaimedTask) -> Result:
    role = claimed.params["metadata"]["role"]
    names = ["train_images.npy", "train_labels.npy", "val_images.npy", "val_labels.npy"]
    if role == DatasetRole.DISTILLED:
        names = ["images.npy", "labels.npy"]
    return {"stats": made_up_stats(role)}, {name: name.encode() for name in names}


def _train_labeler(claimed: ClaimedTask) -> Result:
    recipe = claimed.params["recipe"]
    kept = {epoch: f"epoch_{epoch:03d}.safetensors" for epoch in recipe["checkpoint_epochs"]}
    epochs = [
        {
            "epoch": epoch,
            "train_loss": 1.0,
            "train_accuracy": 50.0,
            "val_accuracy": 40.0,
            "mean_entropy": 0.5,
            "seconds": 1.0,
            "checkpoint": kept.get(epoch),
        }
        for epoch in range(1, recipe["epochs"] + 1)
    ]
    return {"epochs": epochs, "flops": 10**12}, {name: name.encode() for name in kept.values()}


def _import_labeler(claimed: ClaimedTask) -> Result:
    row = {
        "epoch": 1,
        "train_loss": None,
        "train_accuracy": None,
        "val_accuracy": 40.0,
        "mean_entropy": 0.5,
        "seconds": 1.0,
        "checkpoint": "epoch_001.safetensors",
    }
    class_map = claimed.params["metadata"]["class_map"]
    result = {"epochs": [row], "forward_flops": 10**6, "class_map": class_map, "warnings": []}
    return result, {"epoch_001.safetensors": b"weights"}


def _random_set(claimed: ClaimedTask) -> Result:
    return {"stats": made_up_stats()}, {name: name.encode() for name in ("images.npy", "labels.npy", "preview.png")}


def _generate_labels(claimed: ClaimedTask) -> Result:
    result = {"storage": STORAGE, "flops": 10**10, "labelling": labelling_of(claimed)}
    files = {"dense_labels.npy": b"dense", "full_labels.npy": b"full", "archive.zip": b"PK archive"}
    return result, files


def labelling_of(claimed: ClaimedTask) -> dict[str, Any]:
    agreement = {
        "images": 20,
        "agreement": 50.0,
        "by_class": [50.0] * 10,
        "confusion": None,
        "permutation": None,
        "permuted_agreement": None,
    }
    labelers = [
        {
            "labeler": labeler["id"],
            "epoch": labeler["epochs"][-1],
            "temperature": 1.0 if claimed.params["temperature"] == "auto" else claimed.params["temperature"],
            "held_out_images": None,
            "candidates": None,
        }
        for labeler in claimed.params["labelers"]
    ]
    return {"labelers": labelers, "agreement": agreement, "warnings": []}


def _evaluate(claimed: ClaimedTask) -> Result:
    params = claimed.params
    row = {
        "dataset": params["dataset"],
        "arm": params["arm"],
        "architecture": params["architecture"],
        "labels": "hard",
        "epochs": 2,
        "steps": 2,
        "forwards": 40,
        "images_seen": 40,
        "flops": 10**9,
        "recipe": {"views": params["overrides"].get("views", "full"), "reduction": "sum"},
        "rule": "last epoch",
        "trial": {
            "trial": params["trial"],
            "seed": params["trial"],
            "accuracy": 50.0 + params["trial"],
            "per_class_accuracy": [50.0] * 10,
            "correct": "/////w==",
            "grad_cam": None,
            "losses": [2.0, 1.0],
            "seconds": 1.0,
            "peak_bytes": 10**8,
            "predicted_peak_bytes": 10**8,
        },
    }
    return {"row": row}, {}


def _report(claimed: ClaimedTask) -> Result:
    params, documents = claimed.params, claimed.documents
    rows = merge_trials(documents[name]["row"] for name in documents if name.startswith("evaluate"))
    evaluation = {
        "source_dataset": params["source_dataset"],
        "test_images": params["test_images"],
        "rows": rows,
        "summary": _summary(rows),
        "comparisons": [],
    }
    found = {
        "storage": documents["generate_labels"]["storage"] if "generate_labels" in documents else None,
        "labelling": documents["generate_labels"]["labelling"] if "generate_labels" in documents else None,
        "flops": {"labelling": 10**10, "labeler_training": 10**12, "deployment": None},
        "evaluation": evaluation if rows else None,
    }
    report = {
        "job": params["job"],
        "kind": params["kind"],
        "params": params["params"],
        "versions": {},
        "hardware": "none",
        "notes": [],
        "cost": None,
        "figures": [],
        "points": [],
        "paper": [],
        **found,
    }
    return {"report": report, "figures": []}, {}


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["dataset"], row["arm"]), []).append(row)
    return [
        {
            "dataset": dataset,
            "arm": arm,
            "k": len(of_arm),
            "architectures": [row["architecture"] for row in of_arm],
            "cae_mean": 50.0,
            "cae_std": 1.0,
        }
        for (dataset, arm), of_arm in found.items()
    ]


_COUNT = {"plain_bytes": 100, "augmented_bytes": 110, "overhead": 0.1}
STORAGE = {
    "paper": _COUNT,
    "raw": _COUNT,
    "stored": _COUNT,
    "encoding": "float32",
    "full_labels_bytes": 10,
    "encodings": [],
}

RESULTS: dict[TaskType, Callable[[ClaimedTask], Result]] = {
    TaskType.INGEST: _ingest,
    TaskType.IMPORT_LABELER: _import_labeler,
    TaskType.TRAIN_LABELER: _train_labeler,
    TaskType.RANDOM_SET: _random_set,
    TaskType.GENERATE_LABELS: _generate_labels,
    TaskType.EVALUATE: _evaluate,
    TaskType.REPORT: _report,
}


def graph_of(after: dict[str, list[str]], **changed: Any) -> dict[str, Any]:
    """A job with nothing but a graph of tasks."""
    fields = {"stage": "s", "type": "evaluate", "queue": "cpu", "state": "queued"}
    return {
        "key": "",
        "digest": "",
        "key_seconds": 60,
        "retry_of": "",
        "reads": [],
        "uploads": [],
        "makes": [],
        "labelers": {},
        "dataset": False,
        "fields": {
            "kind": "evaluate",
            "state": "queued",
            "created": "0",
            "params": "{}",
            "tags": "{}",
            "datasets": "[]",
        },
        "tasks": [
            {"name": name, "fields": fields | {"after": json.dumps(names), "waiting": str(len(names))}}
            for name, names in after.items()
        ],
    } | changed


@pytest.fixture
def spec_of() -> Callable[..., dict[str, Any]]:
    """The specification of a job with nothing but a graph of tasks."""
    return graph_of


@pytest.fixture
def submit_graph(core: Core) -> Callable[[dict[str, list[str]]], str]:
    """Record a job with nothing but a graph of tasks, and return its id."""

    def submit(after: dict[str, list[str]]) -> str:
        job_id = new_id("job")
        assert core.store.submit(job_id, graph_of(after)).outcome == "created"
        return job_id

    return submit
