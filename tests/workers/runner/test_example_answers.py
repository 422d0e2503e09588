"""The answers to one image are those of every kept checkpoint, of few classes and the right one."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from safetensors.torch import save_file

from api_schemas.datasets import Normalization
from api_schemas.labelers import Labeler, LabelerEpoch
from workers.ladd.engine.normalization import normalize
from workers.ladd.models import build_model
from workers.ladd.sets.stored_set import DistilledSet
from workers.runner.example_answers import MOST_CLASSES, example_answers
from workers.runner.label_writers import LabelWriter

CLASSES = 12
MEAN, STD = [0.5], [0.25]
STORED = DistilledSet(np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8), np.array([7, 0, 1]))
PIXELS = Normalization(name="mnist", mean=MEAN, std=STD, applied=False, reason="")


Model = TypeVar("Model", bound=BaseModel)


def part(model: type[Model], **fields: Any) -> Model:
    """A model with the fields that are looked at."""
    return model.model_construct(**fields)


def network(seed: int) -> torch.nn.Module:
    return build_model("ConvNetD3", num_classes=CLASSES, channels=1, size=16, seed=seed, border=0)


def writer(folder: Path, epochs: dict[int, dict[str, torch.Tensor]], temperature: float = 1.0) -> LabelWriter:
    for epoch, weights in epochs.items():
        save_file(weights, folder / f"{epoch}.safetensors")
    rows = [
        part(LabelerEpoch, epoch=epoch, checkpoint=f"{epoch}.safetensors" if epoch in epochs else None)
        for epoch in range(1, max(epochs) + 1)
    ]
    labeler = part(
        Labeler,
        architecture="ConvNetD3",
        num_classes=CLASSES,
        image_shape=[1, 16, 16],
        metadata=None,
        mean=MEAN,
        std=STD,
        epochs=rows,
    )
    files = {f"{epoch}.safetensors": folder / f"{epoch}.safetensors" for epoch in epochs}
    return LabelWriter(labeler, files, max(epochs), temperature)


def test_every_kept_epoch_answers_the_first_image(tmp_path: Path) -> None:
    epochs = {2: network(2).state_dict(), 5: network(5).state_dict()}
    found = example_answers([writer(tmp_path, epochs, temperature=2.0)], STORED, PIXELS, {}, "cpu")
    assert found is not None
    assert (found.image, found.label, found.epochs) == (0, 7, [2, 5])
    assert len(found.classes) == MOST_CLASSES
    assert 7 in found.classes
    image = normalize(torch.from_numpy(STORED.images[:1].astype(np.uint8)), MEAN, STD)
    with torch.inference_mode():
        for seed, shown in zip((2, 5), found.probabilities, strict=True):
            answer = (network(seed).eval()(image) / 2).softmax(1)[0]
            assert shown == pytest.approx(answer[found.classes].tolist(), abs=1e-4)


def test_a_broken_checkpoint_is_left_out(tmp_path: Path) -> None:
    broken = {name: torch.full_like(weight, torch.nan) for name, weight in network(0).state_dict().items()}
    epochs = {1: network(1).state_dict(), 2: network(2).state_dict(), 3: broken}
    found = example_answers([writer(tmp_path, epochs)], STORED, PIXELS, {}, "cpu")
    assert found is not None
    assert found.epochs == [1, 2]


def test_one_epoch_or_several_labelers_show_nothing(tmp_path: Path) -> None:
    single = writer(tmp_path, {1: network(1).state_dict()})
    double = writer(tmp_path, {1: network(1).state_dict(), 2: network(2).state_dict()})
    assert example_answers([single], STORED, PIXELS, {}, "cpu") is None
    assert example_answers([double, double], STORED, PIXELS, {}, "cpu") is None
