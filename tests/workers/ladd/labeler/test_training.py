"""Training of the labeler: its recipe, its checkpoints, going on after a cut."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from workers.ladd.engine.dsa import apply_dsa, draw_dsa
from workers.ladd.engine.normalization import normalize
from workers.ladd.engine.seeds import derive_seed, generator
from workers.ladd.labeler import training
from workers.ladd.labeler.diverged import TrainingDivergedError
from workers.ladd.labeler.training import LabelerEpoch, train_labeler
from workers.ladd.models import build_model
from workers.ladd.sets.stored_set import SourceSet

pytestmark = pytest.mark.slow

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
TRAIN, VAL = 20, 9


class CutError(Exception):
    """The end of a training in the middle."""


def source() -> SourceSet:
    """Noise whose brighter half, left or right, is the class."""
    draws = np.random.default_rng(0)
    images_of, labels_of = {}, {}
    for count in (TRAIN, VAL):
        labels = np.arange(count) % 2
        images = draws.integers(0, 150, (count, 16, 16, 3))
        for image, label in zip(images, labels, strict=True):
            image[:, 8 * label : 8 * label + 8] += 100
        images_of[count], labels_of[count] = images.astype(np.uint8), labels.astype(np.int64)
    return SourceSet(images_of[TRAIN], labels_of[TRAIN], images_of[VAL], labels_of[VAL], num_classes=2)


def enlarged(to: int) -> SourceSet:
    """The same images with every pixel as a square of `to` pixels."""
    found = source()
    train, val = (
        np.repeat(np.repeat(images, to, axis=1), to, axis=2) for images in (found.train_images, found.val_images)
    )
    return replace(found, train_images=train, val_images=val)


def train(folder: Path, **changes: Any) -> list[LabelerEpoch]:
    settings: dict[str, Any] = {
        "architecture": "ConvNetD3",
        "epochs": 4,
        "lr": 0.02,
        "batch_size": 8,
        "momentum": 0.9,
        "weight_decay": 1e-3,
        "augmentation": "color_crop_scale",
        "checkpoint_epochs": [2, 4],
        "seed": 3,
        "mean": MEAN,
        "std": STD,
        "device": "cpu",
        "out_dir": folder,
    }
    return train_labeler(changes.pop("source", None) or source(), **{**settings, **changes})


def without_seconds(rows: list[LabelerEpoch]) -> list[LabelerEpoch]:
    return [replace(row, seconds=0.0) for row in rows]


def test_it_learns_and_says_so_by_epoch(tmp_path: Path) -> None:
    told: list[LabelerEpoch] = []
    rows = train(tmp_path, epochs=8, checkpoint_epochs=[8], augmentation="none", on_epoch=told.append)
    assert told == rows
    assert [row.epoch for row in rows] == list(range(1, 9))
    assert [row.checkpoint for row in rows] == [None] * 7 + ["epoch_008.safetensors"]
    assert rows[-1].val_accuracy > 85
    assert (rows[-1].train_loss or 0) < (rows[0].train_loss or 0)
    assert all(0 <= row.mean_entropy <= np.log(2) + 1e-6 for row in rows)
    assert rows[-1].mean_entropy < rows[0].mean_entropy


def test_the_kept_weights_are_those_the_row_speaks_of(tmp_path: Path) -> None:
    rows = train(tmp_path)
    data = source()
    for epoch in (2, 4):
        model = build_model("ConvNetD3", num_classes=2, channels=3, size=16, seed=0)
        model.load_state_dict(load_file(tmp_path / f"epoch_{epoch:03d}.safetensors"))
        with torch.no_grad():
            said = model.eval()(normalize(torch.from_numpy(data.val_images), MEAN, STD)).double().softmax(dim=1)
        right = (said.argmax(dim=1).numpy() == data.val_labels).mean()
        assert rows[epoch - 1].val_accuracy == pytest.approx(100 * right)
        assert rows[epoch - 1].mean_entropy == pytest.approx(-(said * said.log()).sum(dim=1).mean().item(), rel=1e-5)


def plain_training(epochs: int, lr: float) -> tuple[list[float], dict[str, Tensor]]:
    """The same training as a plain loop of whole batches; returns mean losses and the weights."""
    data = source()
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    model = build_model("ConvNetD3", num_classes=2, channels=3, size=16, seed=derive_seed(3, "model"))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-3, foreach=False)
    losses = []
    for epoch in range(1, epochs + 1):
        order, draws = generator(3, "order", epoch), generator(3, "augmentation", epoch)
        shuffled = torch.randperm(TRAIN, generator=order)
        total = 0.0
        for start in range(0, TRAIN, 8):
            batch = shuffled[start : start + 8]
            inputs = normalize(images[batch], MEAN, STD)
            inputs = apply_dsa(inputs, draw_dsa(len(batch), (16, 16), draws, "color_crop_scale"))
            loss = F.cross_entropy(model(inputs), labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / TRAIN)
    return losses, model.state_dict()


def test_it_is_plain_sgd_with_dsa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.ladd.engine.micro_batch.CPU_PIXELS", 3 * 16 * 16)
    # A small rate, with which rounding does not grow.
    losses, weights = plain_training(4, lr=0.001)
    rows = train(tmp_path, lr=0.001)
    assert [row.train_loss for row in rows] == pytest.approx(losses, rel=1e-4)
    kept = load_file(tmp_path / "epoch_004.safetensors")
    assert kept.keys() == weights.keys()
    for name, values in weights.items():
        torch.testing.assert_close(kept[name], values, rtol=1e-4, atol=1e-5)


# In the first epoch; in the second; in the fourth, among the validation images; with dropout.
@pytest.mark.parametrize(
    ("architecture", "images"),
    [
        ("ConvNetD3", 5),
        ("ConvNetD3", TRAIN + VAL + 3),
        ("ConvNetD3", 3 * (TRAIN + VAL) + TRAIN + 1),
        ("ViT", 3 * (TRAIN + VAL) + 4),
    ],
)
def test_a_cut_training_goes_on_to_the_same_weights(tmp_path: Path, architecture: str, images: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    rows = train(whole, architecture=architecture)

    def stop(done: int, total: int) -> None:
        if done >= images:
            raise CutError

    with pytest.raises(CutError):
        train(cut, architecture=architecture, resume=cut / "resume.pt", progress=stop)
    assert (cut / "resume.pt").exists() == (images > TRAIN + VAL)
    told: list[tuple[int, int]] = []
    again = train(cut, architecture=architecture, resume=cut / "resume.pt", progress=lambda *now: told.append(now))
    assert without_seconds(again) == without_seconds(rows)
    assert sorted(path.name for path in cut.iterdir()) == sorted(path.name for path in whole.iterdir())
    for name in ("epoch_002.safetensors", "epoch_004.safetensors"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert told[0] == (images // (TRAIN + VAL) * (TRAIN + VAL), 4 * (TRAIN + VAL))
    assert told[-1] == (4 * (TRAIN + VAL), 4 * (TRAIN + VAL))


def test_a_member_of_an_enum_as_architecture_does_not_keep_a_training_from_going_on(tmp_path: Path) -> None:
    changes = {"architecture": "ConvNetD3", "checkpoint_epochs": [1]}
    first = train(tmp_path, epochs=1, **changes)
    assert train(tmp_path, epochs=2, resume=tmp_path / "resume.pt", **changes)[:1] == first


def test_a_network_with_batch_norm_sees_whole_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on larger images.
    def few(height: int, width: int, device: torch.device) -> int:
        return 4

    monkeypatch.setattr(training, "micro_batch_size", few)
    train(tmp_path, architecture="ResNet18BN", source=enlarged(3), epochs=2, checkpoint_epochs=[2])
    kept = load_file(tmp_path / "epoch_002.safetensors")
    # 20 images in batches of 8, in two epochs.
    assert kept["bn1.num_batches_tracked"] == 2 * 3


def test_every_epoch_leaves_a_whole_resume_file(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def look(path: Path) -> None:
        assert path == tmp_path / "resume.pt"
        seen.append(sorted(each.name for each in tmp_path.iterdir()))

    train(tmp_path, checkpoint_epochs=[2], on_checkpoint=look)
    assert seen == [["resume.pt"]] + 3 * [["epoch_002.safetensors", "resume.pt"]]


def test_another_training_is_not_resumed(tmp_path: Path) -> None:
    train(tmp_path, epochs=2, checkpoint_epochs=[2])
    resume = tmp_path / "resume.pt"
    with pytest.raises(ValueError, match=r"lr of resume.pt must be 0.5, .*; got 0.02"):
        train(tmp_path, checkpoint_epochs=[2], resume=resume, lr=0.5)
    # A state of a version without a border lacks it: then there was none.
    with pytest.raises(ValueError, match=r"border of resume.pt must be 2, .*; got None"):
        train(tmp_path, checkpoint_epochs=[2], resume=resume, border=2)
    (tmp_path / "epoch_002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"epoch_002.safetensors, kept before the interruption"):
        train(tmp_path, checkpoint_epochs=[2], resume=resume)


def test_the_seed_decides_and_the_global_generator_does_not(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = train(tmp_path)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert without_seconds(train(tmp_path)) == without_seconds(first)
    assert torch.equal(torch.get_rng_state(), before)
    assert without_seconds(train(tmp_path, seed=4)) != without_seconds(first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checkpoint_epochs": [5]}, "checkpoint_epochs must lie between 1 and epochs, 4; got 5"),
        ({"augmentation": "colour"}, "augmentation must be .*'colour'"),
        ({"architecture": "LeNet"}, "architecture must be one of .*'LeNet'"),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(tmp_path, **change)


@pytest.mark.parametrize(("batch_size", "what"), [(8, "loss"), (TRAIN, "mean entropy")])
def test_a_training_that_blows_up_names_its_learning_rate(tmp_path: Path, batch_size: int, what: str) -> None:
    # With one step an epoch the loss is still that of the weights from before it.
    with pytest.raises(TrainingDivergedError, match=rf"with 1e\+30 the {what} of epoch 1 is (nan|inf)") as raised:
        train(tmp_path, lr=1e30, batch_size=batch_size)
    assert raised.value.lr == 1e30
    assert not list(tmp_path.iterdir())
