"""A whitened set with soft labels and a learned learning rate, as DATM saves it, from upload to an evaluation."""

import pytest
import torch
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole, DatasetState
from api_schemas.evaluation import EvaluationRow
from api_schemas.jobs import EvaluateParams, EvaluateRequest, JobKind, JobState

LEARNED_LR = 0.02


@pytest.fixture(scope="module")
def datm(client: LaddClient, source: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("datm")
    draws = torch.Generator().manual_seed(3)
    tensors = {
        "images_best.pt": torch.randn(10, 1, 32, 32, generator=draws),
        "labels_best.pt": 4 * torch.eye(10) + torch.randn(10, 10, generator=draws),
        "lr_best.pt": torch.tensor(LEARNED_LR),
    }
    for name, tensor in tensors.items():
        torch.save(tensor, folder / name)
    metadata = DatasetMetadata(
        name="DATM, 1 image per class",
        role=DatasetRole.DISTILLED,
        normalization="zca",
        source_dataset=source.id,
    )
    uploaded = client.upload_dataset(metadata, [folder / name for name in tensors])
    client.wait(uploaded.job)
    return client.dataset(uploaded.id)


@pytest.fixture(scope="module")
def row(client: LaddClient, datm: Dataset) -> EvaluationRow:
    params = EvaluateParams.model_validate(
        {
            "dataset": datm.id,
            "arms": ["baseline"],
            "architectures": ["ConvNetD3"],
            "trials": 1,
            "recipe": "datm",
            "overrides": {"epochs": 1},
        }
    )
    job = client.wait(client.submit(EvaluateRequest(kind=JobKind.EVALUATE, params=params)).id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert job.result is not None
    assert job.result.evaluation is not None
    [row] = job.result.evaluation.rows
    return row


def test_it_is_recognised_and_says_why(datm: Dataset) -> None:
    assert datm.state is DatasetState.READY, datm.reasons
    assert datm.stats is not None
    assert (datm.stats.soft_labels, datm.stats.learned_lr) == ("logits", LEARNED_LR)
    assert datm.stats.detection.format == "datm"
    assert (datm.stats.normalization.name, datm.stats.normalization.applied) == ("zca", False)
    assert "un-whitened with ZCA" in datm.stats.normalization.reason
    assert "labels_best.pt holds logits" in datm.stats.detection.reason


def test_an_evaluation_trains_on_its_soft_labels_at_its_learning_rate(row: EvaluationRow) -> None:
    assert row.labels == "soft"
    assert (row.recipe["name"], row.recipe["lr"], row.recipe["batch_size"]) == ("datm", LEARNED_LR, 128)
