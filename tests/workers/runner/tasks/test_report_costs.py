"""What sets took before deployment, and the bytes that stand beside those of dense labels."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from api_schemas.evaluation import Report
from api_schemas.runner import RunnerTask, TaskType
from api_schemas.storage import StorageCount
from tests.workers.runner.tasks.test_report import LABELLED, SET, documents
from workers.ladd.archive.encoding_costs import zipped_bytes
from workers.ladd.engine.normalization import normalize
from workers.runner.reporter import Reporter
from workers.runner.tasks.report import run

COUNTED: dict[str, Any] = {
    **{key: {"plain_bytes": 4, "augmented_bytes": 5, "overhead": 0.25} for key in ("paper", "raw", "stored")},
    "encoding": "float32",
    "full_labels_bytes": 4,
    "encodings": [],
}


@pytest.mark.parametrize(
    "planned",
    [
        {"preparations": [{"dataset": SET, "distillation": 1e12, "labelled_by": "generate_labels"}]},
        {"distillation": {"flops": 1e12, "sets": [SET]}},  # By an earlier version.
        {"preparations": [{"dataset": SET, "distillation": 1e12, "labelling": 7, "labeler_training": None}]},
    ],
)
def test_what_came_before_deployment_is_drawn_where_the_distillation_is_known(
    planned: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "outputs").mkdir()
    params = {"job": "job_" + "0" * 26, "kind": "ladd", "params": {}, "source_dataset": SET, "test_images": 100}
    params |= {"points": [], "inputs": []} | planned
    found = documents("evaluate", "baseline", "ViT", [50.0]) | documents("evaluate", "ladd", "ViT", [60.0])
    found["generate_labels"] = {"flops": 7, "labelling": LABELLED, "storage": COUNTED}
    task = RunnerTask(type=TaskType.REPORT, params=params, inputs={}, documents=found, device="cpu", threads=1)
    [figure] = [
        figure
        for figure in run(task, tmp_path, Reporter(io.BytesIO())).result["figures"]
        if figure["name"] == "preparation_cost"
    ]
    assert [(point["arm"], point["flops"]) for point in figure["data"]["points"]] == [
        ("baseline", 1e12),
        ("ladd", 1e12 + 7),
    ]


@pytest.mark.parametrize("normalised", [False, True])
def test_the_bytes_of_one_image_more_per_class_stand_beside_those_of_the_labels(
    normalised: bool, tmp_path: Path
) -> None:
    (tmp_path / "outputs").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    mean, std = [0.5] * 3, [0.25] * 3
    floats = normalize(torch.from_numpy(pixels), mean, std).numpy()
    np.save(tmp_path / "images.npy", floats if normalised else pixels)
    np.save(tmp_path / "labels.npy", np.arange(3))
    normalization = {"name": "custom", "mean": mean, "std": std, "reason": "", "applied": normalised}
    document = {"stats": {"normalization": normalization}}
    params = {"job": "job_" + "0" * 26, "kind": "ladd", "params": {}, "source_dataset": SET, "test_images": 100}
    task = RunnerTask(
        type=TaskType.REPORT,
        params=params | {"points": [], "preparations": [], "inputs": []},
        inputs={"plus": {file: file for file in ("images.npy", "labels.npy")}},
        documents={"generate_labels": {"flops": 7, "labelling": LABELLED, "storage": COUNTED}, "plus": document},
        device="cpu",
        threads=1,
    )
    report = Report.model_validate(run(task, tmp_path, Reporter(io.BytesIO())).result["report"])
    assert report.storage is not None
    zipped = zipped_bytes({"images": pixels, "labels": np.arange(3, dtype=np.float32)})
    assert report.storage.plus == StorageCount(plain_bytes=4, augmented_bytes=zipped, overhead=zipped / 4 - 1)
