"""A job names a set that is still checked, waits for it, and takes the trials that another job has run."""

from pathlib import Path
from typing import Any

import numpy as np
from ladd_client.api import LaddClient
from safetensors.numpy import load_file

from api_schemas.datasets import Dataset
from api_schemas.jobs import EvaluateParams, EvaluateRequest, Job, JobKind
from tests.end_to_end.conftest import DISTILLED

EVALUATION: dict[str, Any] = {
    "arms": ["baseline"],
    "architectures": ["ConvNetD3"],
    "recipe": "mtt",
    "overrides": {"epochs": 1, "batch_size": 50},
    "keep_models": True,
    "seed": 20,
}


def evaluate(client: LaddClient, dataset: str, trials: int) -> Job:
    params = EvaluateParams.model_validate({"dataset": dataset, "trials": trials, **EVALUATION})
    return client.wait(client.submit(EvaluateRequest(kind=JobKind.EVALUATE, params=params)).id)


def test_a_set_is_named_at_once_and_its_trials_are_those_that_were_run(
    client: LaddClient, distilled: Dataset, tmp_path: Path
) -> None:
    first = evaluate(client, distilled.id, 1)
    uploaded = client.upload_dataset(distilled.metadata, [DISTILLED / "images_best.pt", DISTILLED / "labels_best.pt"])
    second = evaluate(client, uploaded.id, 2)
    assert [task.reused_from for task in second.tasks] == [first.id, None, None]
    rows = []
    for job in (first, second):
        evaluation = client.report(job.id).evaluation
        assert evaluation is not None
        rows += evaluation.rows
    assert (rows[1].dataset, rows[1].trials[0].accuracy) == (uploaded.id, rows[0].trials[0].accuracy)
    assert second.cost is not None
    assert second.cost.counted.deployment is not None
    assert second.cost.counted.deployment.flops == rows[0].flops
    kept = rows[1].trials[0].model
    assert kept is not None
    assert kept == rows[0].trials[0].model
    weights = load_file(client.download_model(second.id, kept.sha256, tmp_path / "network.safetensors"))
    assert all(np.isfinite(tensor).all() for tensor in weights.values())
    compared = client.compare([first.id, second.id])
    assert [each.verdict for each in compared.differences] == ["too few trials"] * 2
    with np.load(client.export_dataset(uploaded.id, tmp_path / "set.npz"), allow_pickle=False) as arrays:
        assert arrays["images"].shape[0] == len(arrays["labels"]) == 100
