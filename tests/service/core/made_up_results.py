"""Results as runners hand them over, of which nothing was computed."""

from collections.abc import Callable
from typing import Any

from api_schemas.datasets import DatasetRole
from api_schemas.evaluation import Evaluation
from api_schemas.runner import TaskType
from service.core.lifecycle.tasks import ClaimedTask
from workers.ladd.evaluation.job_comparison import compare_jobs
from workers.ladd.evaluation.rows import merge_trials


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
        "class_counts": [
            {"label": label, "name": str(label), "images": {split: images // 10 for split, images in splits.items()}}
            for label in range(10)
        ],
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
    if params.get("keep_model"):
        row["trial"]["model"] = {"sha256": "0" * 64, "bytes": 7}
        return {"row": row}, {"network.safetensors": b"network"}
    return {"row": row}, {}


def _report(claimed: ClaimedTask) -> Result:
    params, documents = claimed.params, claimed.documents
    trials = [documents[name]["row"] for name in documents if name.startswith("evaluate")]
    rows = [row.model_dump(mode="json") for row in merge_trials(trials)]
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


def _compare(claimed: ClaimedTask) -> Result:
    jobs = claimed.params["jobs"]
    reports = [claimed.documents[f"report_{position}"] for position in range(len(jobs))]
    # The answers above are of so many images.
    evaluations = [Evaluation.model_validate(report["evaluation"] | {"test_images": 32}) for report in reports]
    return compare_jobs(dict(zip(jobs, evaluations, strict=True))).model_dump(mode="json"), {}


def _export(claimed: ClaimedTask) -> Result:
    return {}, {"set.npz": b"PK set"}


RESULTS: dict[TaskType, Callable[[ClaimedTask], Result]] = {
    TaskType.INGEST: _ingest,
    TaskType.IMPORT_LABELER: _import_labeler,
    TaskType.TRAIN_LABELER: _train_labeler,
    TaskType.RANDOM_SET: _random_set,
    TaskType.GENERATE_LABELS: _generate_labels,
    TaskType.EVALUATE: _evaluate,
    TaskType.REPORT: _report,
    TaskType.EXPORT: _export,
    TaskType.COMPARE: _compare,
}
