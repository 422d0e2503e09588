"""A label-augmented set moves to another deployment by its download: what comes back is the set that went."""

from pathlib import Path

import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.jobs import EvaluateParams, EvaluateRequest, JobKind, LaddParams, LaddRequest
from tests.end_to_end.conftest import ready
from tests.end_to_end.finished import Finished


@pytest.fixture(scope="module")
def augmented(client: LaddClient, distilled: Dataset) -> Dataset:
    params = LaddParams.model_validate(
        {
            "dataset": distilled.id,
            "labeler": {"epochs": 2, "batch_size": 64},
            "views": {"n": 2, "ratio": 0.7},
            "encoding": "uint8",
            "evaluation": None,
        }
    )
    made = Finished(client, LaddRequest(kind=JobKind.LADD, params=params)).result.dataset
    assert made is not None
    return client.dataset(made)


def test_it_is_the_same_set_and_is_evaluated(
    client: LaddClient, source: Dataset, augmented: Dataset, tmp_path: Path
) -> None:
    assert augmented.stats is not None
    assert augmented.augmentation is not None
    metadata = DatasetMetadata(name="moved", role=DatasetRole.DISTILLED, source_dataset=source.id)
    first = client.download_archive(augmented.id, tmp_path / "archive.zip")
    moved = ready(client, metadata, [first])
    assert moved.stats is not None
    # The labeler stays where it is, with what is known of it alone.
    left = {"parent": None, "labeler": None, "digest": None, "labeler_normalizations": None}
    assert moved.augmentation == augmented.augmentation.model_copy(update=left)
    assert moved.stats.sha256 == augmented.stats.sha256
    assert moved.stats.normalization.name == augmented.stats.normalization.name
    assert moved.stats.class_counts == augmented.stats.class_counts
    again = client.download_archive(moved.id, tmp_path / "again.zip")
    assert again.read_bytes() == first.read_bytes()
    params = EvaluateParams.model_validate(
        {
            "dataset": moved.id,
            "arms": ["baseline", "ladd"],
            "architectures": ["ConvNetD3"],
            "trials": 1,
            "overrides": {"epochs": 1, "views": "sampled:1"},
        }
    )
    evaluation = Finished(client, EvaluateRequest(kind=JobKind.EVALUATE, params=params)).result.evaluation
    assert evaluation is not None
    assert {row.arm for row in evaluation.rows} == {"baseline", "ladd"}
