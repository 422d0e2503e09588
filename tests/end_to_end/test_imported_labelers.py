"""A labeler trained elsewhere comes in over HTTP, writes labels, and tells a set whose classes are permuted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ladd_client.api import LaddClient
from safetensors.torch import save_file
from torch import nn

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.ensemble import Ensemble
from api_schemas.jobs import (
    GenerateLabelsParams,
    GenerateLabelsRequest,
    Job,
    JobKind,
    JobState,
    TrainLabelerParams,
    TrainLabelerRequest,
)
from api_schemas.labelers import Architecture, ExportedImport, LabelerImportKind, LabelerMetadata, WeightsImport
from api_schemas.problems import ErrorCode, ErrorOrigin
from workers.ladd.models import build_model

DISTILLED = Path(__file__).parents[2] / "examples" / "fashion_mnist_dm_ipc10"
ORDER = [8, 0, 1, 9, 2, 3, 4, 5, 6, 7]
"""The true class of each label in the permuted set: none keeps its place."""


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Trained on the distilled set, which the service knows nothing of."""
    images = torch.load(DISTILLED / "images_best.pt", weights_only=True)
    labels = torch.load(DISTILLED / "labels_best.pt", weights_only=True)
    model = build_model("ConvNetD3", num_classes=10, channels=1, size=32, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(40):
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(model(images), labels))
        optimizer.step()
    return model.eval()


def sent(client: LaddClient, metadata: LabelerMetadata, file: Path) -> Job:
    return client.wait(client.import_labeler(metadata, [file]).id, check=False)


def labeler_of(job: Job) -> str:
    assert job.state is JobState.SUCCEEDED, job.error
    assert job.result is not None
    assert job.result.labeler is not None
    return job.result.labeler


def weights_metadata(source: Dataset, architecture: Architecture = "ConvNetD3") -> WeightsImport:
    return WeightsImport(
        kind=LabelerImportKind.WEIGHTS,
        name="mine",
        source_dataset=source.id,
        architecture=architecture,
        normalization="fashion_mnist",
    )


@pytest.fixture(scope="module")
def own(client: LaddClient, source: Dataset, network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("own") / "mine.safetensors"
    save_file(network.state_dict(), file)
    return labeler_of(sent(client, weights_metadata(source), file))


@pytest.fixture(scope="module")
def label(client: LaddClient) -> Callable[..., Job]:
    """Write labels for whole images, which the network was trained on: `label(dataset, labeler=..., ...)`."""

    def labelled(dataset: Dataset, **params: Any) -> Job:
        asked = {"dataset": dataset.id, "views": {"n": 1, "ratio": 1.0}, **params}
        request = GenerateLabelsRequest(kind=JobKind.GENERATE_LABELS, params=GenerateLabelsParams.model_validate(asked))
        job = client.wait(client.submit(request).id)
        assert job.state is JobState.SUCCEEDED, job.error
        return job

    return labelled


def arrays(client: LaddClient, job: Job, path: Path) -> dict[str, Any]:
    assert job.result is not None
    assert job.result.dataset is not None
    with np.load(client.download_archive(job.result.dataset, path), allow_pickle=False) as archive:
        return {name: archive[name] for name in ("labels", "dense_labels")}


def test_own_weights_are_tested_and_shown(client: LaddClient, own: str) -> None:
    labeler = client.labeler(own)
    assert (labeler.name, labeler.architecture, labeler.recipe) == ("mine", "ConvNetD3", None)
    assert [file.name for file in labeler.files] == ["mine.safetensors"]
    [row] = labeler.epochs
    assert row.checkpoint == "epoch_001.safetensors"
    assert row.val_accuracy > 40
    assert labeler.warnings == []


def test_labels_in_another_order_of_classes_are_told(
    client: LaddClient, source: Dataset, own: str, label: Callable[..., Job], tmp_path: Path
) -> None:
    labels = torch.load(DISTILLED / "labels_best.pt", weights_only=True)
    torch.save(torch.tensor(np.argsort(ORDER))[labels], tmp_path / "labels_best.pt")
    metadata = DatasetMetadata(
        name="permuted",
        role=DatasetRole.DISTILLED,
        normalization="fashion_mnist",
        source_dataset=source.id,
    )
    uploaded = client.upload_dataset(metadata, [DISTILLED / "images_best.pt", tmp_path / "labels_best.pt"])
    assert client.wait(uploaded.job).state is JobState.SUCCEEDED

    job = label(uploaded, labeler=own)
    assert job.result is not None
    assert job.result.labelling is not None
    agreement = job.result.labelling.agreement
    assert agreement.permutation == ORDER
    assert agreement.permuted_agreement is not None
    assert agreement.permuted_agreement > 80 > 20 > agreement.agreement
    [warning] = job.result.labelling.warnings
    assert str(ORDER) in warning
    assert job.result.dataset is not None
    stats = client.dataset(job.result.dataset).stats
    assert stats is not None
    assert warning in stats.warnings
    assert warning in client.report(job.id).notes
    # Told, not applied.
    kept = arrays(client, job, tmp_path / "archive.zip")["labels"]
    assert kept.tolist() == np.argsort(ORDER)[labels].tolist()


def test_an_exported_network_and_an_ensemble_write_labels(
    client: LaddClient,
    source: Dataset,
    distilled: Dataset,
    network: nn.Module,
    own: str,
    label: Callable[..., Job],
    tmp_path: Path,
) -> None:
    program = torch.export.export(
        network, (torch.zeros(2, 1, 32, 32),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
    )
    torch.export.save(program, tmp_path / "mine.pt2")
    metadata = ExportedImport(
        kind=LabelerImportKind.EXPORTED,
        name="exported",
        source_dataset=source.id,
        normalization="fashion_mnist",
    )
    exported = labeler_of(sent(client, metadata, tmp_path / "mine.pt2"))
    assert client.labeler(exported).architecture is None
    assert client.labeler(exported).epochs[0].val_accuracy == client.labeler(own).epochs[0].val_accuracy

    alone = label(distilled, labeler=own)
    together = label(distilled, labeler=Ensemble(ensemble=[own, exported]).model_dump())
    assert alone.result is not None
    assert alone.result.labelling is not None
    assert alone.result.labelling.agreement.permutation is None
    assert alone.result.labelling.warnings == []
    assert together.result is not None
    assert together.result.labelling is not None
    assert [used.labeler for used in together.result.labelling.labelers] == [own, exported]
    # Both are the same network: so is their mean.
    expected, found = (arrays(client, job, tmp_path / f"{job.id}.zip") for job in (alone, together))
    np.testing.assert_allclose(found["dense_labels"], expected["dense_labels"], atol=1e-5)


def test_epoch_and_temperature_are_chosen_on_images_held_out(
    client: LaddClient, source: Dataset, distilled: Dataset, label: Callable[..., Job]
) -> None:
    params = TrainLabelerParams(
        source_dataset=source.id, epochs=2, batch_size=64, held_out=0.25, checkpoint_epochs=[1, 2]
    )
    training = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    trained = labeler_of(client.wait(training.id))
    job = label(distilled, labeler=trained, epoch="auto", temperature="auto")
    assert job.result is not None
    assert job.result.labelling is not None
    [used] = job.result.labelling.labelers
    assert used.candidates is not None
    assert [candidate.epoch for candidate in used.candidates] == [1, 2]
    assert used.held_out_images == 60
    best = min(used.candidates, key=lambda candidate: candidate.cross_entropy)
    assert (used.epoch, used.temperature) == (best.epoch, best.temperature)


def test_weights_of_another_network_fail_the_import_with_reasons(
    client: LaddClient, source: Dataset, network: nn.Module, tmp_path: Path
) -> None:
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    job = sent(client, weights_metadata(source, "AlexNet"), tmp_path / "mine.safetensors")
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert [reason.rule for reason in job.error.reasons] == ["tensors_match_architecture"]
