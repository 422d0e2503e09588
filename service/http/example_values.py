"""What the examples of the OpenAPI document are made of: one table for problems, bodies, and fields by their names."""

from collections.abc import Mapping, Sequence
from typing import Any

from api_schemas.problems import ErrorCode, Reason

_PLACE = "01jz6x3v9k4m8q2r5t7w0y1a3c"
DATASET, LABELER, JOB, UPLOAD = (f"{kind}_{_PLACE}" for kind in ("ds", "lb", "job", "up"))
SOURCE, OTHER_JOB = f"ds_{_PLACE[::-1]}", f"job_{_PLACE[::-1]}"
WEBHOOK, MESSAGE = f"wh_{_PLACE}", f"msg_{_PLACE}"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TIME = "2026-03-01T09:30:00Z"
CANDIDATES = (SHA256, DATASET, LABELER, JOB, UPLOAD, WEBHOOK, MESSAGE)
"""Texts for fields whose pattern asks for one of them."""

_RATIO = Reason.model_validate(
    {
        "location": "body.params.views.ratio",
        "rule": "less_than_equal",
        "value": "1.5",
        "message": "Input should be less than or equal to 1",
    }
)
_PART = Reason.model_validate(
    {"location": "parts.3", "rule": "missing", "value": None, "message": "part 3 has to be 16777216 bytes"}
)

PROBLEMS: Mapping[ErrorCode, tuple[str, str, Sequence[Reason]]] = {
    ErrorCode.UNAUTHENTICATED: (
        "This needs a key that is valid: send it as `Authorization: Bearer <key>`.",
        "/v1/jobs",
        (),
    ),
    ErrorCode.FORBIDDEN: (
        "The key key_4f1c has no scope `write`, which POST needs here.",
        "/v1/jobs",
        (),
    ),
    ErrorCode.NOT_FOUND: (f"There is no job {JOB}.", f"/v1/jobs/{JOB}", ()),
    ErrorCode.METHOD_NOT_ALLOWED: ("Method Not Allowed", "/v1/jobs", ()),
    ErrorCode.NOT_ACCEPTABLE: (
        "Events come as text/event-stream or application/json, not text/html.",
        f"/v1/jobs/{JOB}/events",
        (),
    ),
    ErrorCode.UPLOAD_INCOMPLETE: (
        f"1 of the 10 parts of {UPLOAD} are not there whole.",
        f"/v1/uploads/{UPLOAD}/complete",
        (_PART,),
    ),
    ErrorCode.UPLOAD_TOO_LARGE: (
        "The files may have at most 8589934592 bytes; more were sent.",
        "/v1/datasets",
        (),
    ),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: ("Content-Type must be application/json, got text/plain.", "/v1/jobs", ()),
    ErrorCode.INVALID_REQUEST: (f"{_RATIO.location}: {_RATIO.message}.", "/v1/jobs", (_RATIO,)),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        f"This Idempotency-Key came with another request before, which made {JOB}: send this one with another.",
        "/v1/jobs",
        (),
    ),
    ErrorCode.DATASET_NOT_READY: (f"{DATASET} is validating, not ready: wait for it.", "/v1/jobs", ()),
    ErrorCode.DATASET_IN_USE: (
        f"{DATASET} is used by {JOB}, which is not finished: wait for it or cancel it.",
        f"/v1/datasets/{DATASET}",
        (),
    ),
    ErrorCode.LABELER_IN_USE: (
        f"{LABELER} is used by {JOB}, which is not finished: wait for it or cancel it.",
        f"/v1/labelers/{LABELER}",
        (),
    ),
    ErrorCode.JOB_IN_USE: (
        f"{JOB} was retried as job_{_PLACE[::-1]}, which reads its results: delete that one first.",
        f"/v1/jobs/{JOB}",
        (),
    ),
    ErrorCode.JOB_NOT_FINISHED: (
        f"{JOB} is running; its report comes last.",
        f"/v1/jobs/{JOB}/report",
        (),
    ),
    ErrorCode.JOB_NOT_CANCELABLE: (f"{JOB} has succeeded already.", f"/v1/jobs/{JOB}/cancel", ()),
    ErrorCode.JOB_NOT_RETRYABLE: (
        f"{JOB} is running; only what went wrong is retried.",
        f"/v1/jobs/{JOB}/retry",
        (),
    ),
    ErrorCode.QUOTA_EXCEEDED: ("10000 jobs of yours wait already; none more is taken.", "/v1/jobs", ()),
    ErrorCode.NO_ARCHIVE: (
        f"{DATASET} is not label-augmented, so it has no archive.",
        f"/v1/datasets/{DATASET}/archive",
        (),
    ),
    ErrorCode.NO_REPORT: (
        f"{JOB}, a train_labeler job that succeeded, has no report.",
        f"/v1/jobs/{JOB}/report",
        (),
    ),
    ErrorCode.PRECONDITION_FAILED: (
        f"{DATASET} has been changed since: ask for it again, and send its ETag as If-Match.",
        f"/v1/datasets/{DATASET}",
        (),
    ),
    ErrorCode.WEBHOOK_DISABLED: (
        f"{WEBHOOK} is disabled: enable it first, PATCH with enabled: true.",
        f"/v1/webhooks/{WEBHOOK}/test",
        (),
    ),
    ErrorCode.TIMEOUT: ("Nothing of the body arrived for 60 seconds.", "/v1/datasets", ()),
    ErrorCode.INTERNAL: (
        f"The request failed for a reason of ours; its log lines carry the id {SHA256[:32]}.",
        "/v1/jobs",
        (),
    ),
    ErrorCode.UNAVAILABLE: (
        "A server that this service depends on does not answer; try again.",
        "/v1/jobs",
        (),
    ),
}
"""Of every code that a request can end with: what is said, of which path, and why."""

_DISTILLED = {
    "name": "Fashion-MNIST, DM, 10 images per class",
    "role": "distilled",
    "normalization": "fashion_mnist",
    "source_dataset": SOURCE,
}
_WEIGHTS = {"kind": "weights", "name": "my ConvNetD3", "architecture": "ConvNetD3", "source_dataset": SOURCE}

REQUESTS: Mapping[str, Any] = {
    "DatasetMetadata-Input": _DISTILLED,
    "DatasetFromUploads-Input": _DISTILLED | {"upload_ids": [UPLOAD]},
    "LabelerMetadata-Input": _WEIGHTS,
    "LabelerFromUploads-Input": _WEIGHTS | {"upload_ids": [UPLOAD]},
    "UploadRequest": {"name": "train.tar", "bytes": 157286400, "sha256": SHA256},
    "TrainLabelerRequest": {"kind": "train_labeler", "params": {"source_dataset": SOURCE, "epochs": 10}},
    "GenerateLabelsRequest": {
        "kind": "generate_labels",
        "params": {"dataset": DATASET, "labeler": LABELER, "epoch": 10, "views": {"n": 5, "ratio": 0.625}},
    },
    "EvaluateRequest": {
        "kind": "evaluate",
        "params": {"dataset": DATASET, "arms": ["baseline", "ladd"], "architectures": ["ConvNetD3"], "trials": 5},
    },
    "LaddRequest": {
        "kind": "ladd",
        "params": {"dataset": DATASET, "protocol": "quick"},
        "tags": {"experiment": "dm-ipc10"},
    },
    "ExportRequest": {"kind": "export", "params": {"dataset": DATASET, "format": "mtt"}},
    "CompareRequest": {"kind": "compare", "params": {"jobs": [JOB, OTHER_JOB]}},
    "SweepRequest": {
        "kind": "sweep",
        "params": {"dataset": DATASET, "n": [3, 5], "ratio": [0.5, 0.625]},
    },
}
"""Bodies, by the model that reads them. Of another one the example has the fields that it needs."""

SHOWN: Mapping[str, Mapping[str, Any]] = {
    "Job": {"kind": "ladd", "state": "running", "waiting": None},
    "JobPlan": {"kind": "ladd", "waiting": None},
    "JobBody": {"kind": "ladd", "params": {"dataset": DATASET}, "tags": {"paper": "MTT"}},
    "Task": {"name": "evaluate:ladd:ConvNetD3:0", "state": "running"},
    "PlannedTask": {"name": "evaluate:ladd:ConvNetD3:0"},
    "Attempt": {"outcome": None, "error": None},
    "Dataset": {"id": DATASET, "state": "ready", "reasons": [], "metadata": _DISTILLED | {"format": "auto"}},
    "DatasetStats": {"splits": {"all": 100}, "learned_lr": None, "soft_labels": None},
    "ClassCount": {"label": 0, "name": "T-shirt/top", "images": {"all": 10}},
    "Detection": {"format": "dm", "reason": "images_best.pt and labels_best.pt, as DM writes them"},
    "Normalization": {"name": "fashion_mnist", "reason": "named in the metadata"},
    "ValueRange": {"minimum": -0.81, "maximum": 2.02},
    "DatasetLinks": {
        "self": f"/v1/datasets/{DATASET}",
        "archive": f"/v1/datasets/{DATASET}/archive",
        "job": f"/v1/jobs/{JOB}",
    },
    "LabelerLinks": {"self": f"/v1/labelers/{LABELER}", "job": f"/v1/jobs/{JOB}"},
    "JobLinks": {
        "self": f"/v1/jobs/{JOB}",
        "events": f"/v1/jobs/{JOB}/events",
        "cancel": f"/v1/jobs/{JOB}/cancel",
        "retry": f"/v1/jobs/{JOB}/retry",
    },
    "UploadLinks": {"self": f"/v1/uploads/{UPLOAD}", "complete": f"/v1/uploads/{UPLOAD}/complete"},
    "Upload": {"name": "train.tar", "bytes": 157286400, "state": "receiving", "next_after": None},
    "Labeler": {"name": "ConvNetD3, 10 epochs", "metadata": None, "border": 0},
    "UploadedFile": {"name": "images_best.pt", "bytes": 314573},
    "JobEvent": {"id": "1772357400000-0", "type": "state", "task": None, "data": {"state": "running"}},
    "Figure": {"name": "accuracy", "title": "Accuracy", "png": f"/v1/jobs/{JOB}/figures/accuracy.png"},
    "Report": {"kind": "ladd", "versions": {"torch": "2.8.0"}, "hardware": "2 cores of an AMD EPYC", "scores": []},
    "ReportInput": {"role": "source", "warnings": []},
    "Readiness": {"status": "ok", "checks": {"redis": "ok", "s3": "ok", "workers": "ok"}},
    "Preset": {"name": "paper-table1", "title": "Table 1", "kind": "ladd", "sets": None},
    "Comparison": {"arm": "ladd", "minus": "baseline", "difference": 6.6, "verdict": "better"},
    "PageLinks": {"next": None},
}
"""Fields of an answer, by its model, where their names alone do not tell."""

VALUES: Mapping[str, Any] = {
    "id": JOB,
    "dataset": DATASET,
    "source_dataset": SOURCE,
    "labeler": LABELER,
    "job": JOB,
    "name": _DISTILLED["name"],
    "sha256": SHA256,
    "digest": SHA256,
    "params": {"dataset": DATASET, "protocol": "quick"},
    "tags": {"experiment": "dm-ipc10"},
    "stage": "evaluate",
    "unit": "images",
    "done": 42000,
    "total": 84000,
    "rate": 510.0,
    "eta_seconds": 82.4,
    "worker": "gpu-1:4242",
    "queue": "gpu",
    "after": [],
    "work": 84000,
    "flops": 1400000000000,
    "bytes": 16777216,
    "seconds": 164.0,
    "seconds_range": [150.0, 190.0],
    "basis": "measured",
    "num_classes": 10,
    "ipc": 10,
    "num_images": 100,
    "image_shape": [1, 28, 28],
    "dtype": "float32",
    "architecture": "ConvNetD3",
    "architectures": ["ConvNetD3"],
    "arm": "ladd",
    "epoch": 10,
    "epochs": 10,
    "ratio": 0.625,
    "n": 5,
    "encoding": "float32",
    "temperature": 1.0,
    "lr": 0.01,
    "batch_size": 256,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "mean": [0.2861],
    "std": [0.353],
    "train_loss": 0.38,
    "train_accuracy": 86.4,
    "val_accuracy": 85.9,
    "mean_entropy": 0.41,
    "checkpoint": "epoch_010.safetensors",
    "accuracy": 80.3,
    "cae_mean": 75.8,
    "cae_std": 0.94,
    "class_names": ["T-shirt/top", "Trouser"],
    "number": 1,
    "part_bytes": 16777216,
    "url": "https://s3.example/ladd/uploads?partNumber=1&X-Amz-Signature=...",
    "trial": 0,
    "status": "ok",
    "notes": [],
    "warnings": [],
    "augmentation": "dsa",
    "seed": 0,
}
"""By the name of a field, wherever its type allows them."""

NULL = frozenset(
    {
        "candidates",
        "error",
        "example",
        "finished_at",
        "grad_cam",
        "held_out",
        "held_out_images",
        "labeler_normalizations",
        "next_cursor",
        "parent",
        "permutation",
        "permuted_agreement",
        "plus",
        "report",
        "result",
        "retried_as",
        "reused_from",
    }
)
"""Fields that are null in examples where they may be."""

TEXTS: Mapping[str, str] = {
    "text/event-stream": 'id: 1772357400000-0\nevent: state\ndata: {"id": "1772357400000-0", "type": "state", ...}\n\n',
    "text/markdown": "# LADD: Fashion-MNIST, DM\n\n| architecture | baseline | LADD |\n|---|---|---|\n",
    "text/html": "<!doctype html><title>LADD: Fashion-MNIST, DM</title>",
    "text/csv": "dataset,arm,architecture,trial,accuracy\n",
    "text/plain": "epoch 10: 85.9 % on val\n",
}
"""By media type."""
