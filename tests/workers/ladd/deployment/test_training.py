"""Loss and gradient of Eq. 5 and of each arm, against slow references."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from method.arms import ARMS, Arm
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.step import Step, Streams, accumulate, plan_epoch
from workers.ladd.deployment.training import Training, train_trial
from workers.ladd.deployment.training_set import FULL_IMAGE, TrainingSet
from workers.ladd.engine.dsa import Draw, draw_dsa
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

pytestmark = pytest.mark.slow

NETWORKS = ["ConvNetD3", "AlexNet", "VGG11", "ResNet18", "ViT"]
CLASSES = 4
NONE = Draw("none", {})


def training_set(images: int, grid: ViewGrid, size: int = 32, dtype: torch.dtype = torch.float32) -> TrainingSet:
    draws = torch.Generator().manual_seed(11)
    return TrainingSet(
        images=torch.randn(images, 3, size, size, generator=draws, dtype=dtype),
        labels=torch.arange(images) % CLASSES,
        dense_labels=torch.randn(images, grid.count, CLASSES, generator=draws, dtype=dtype).softmax(dim=2),
        grid=grid,
        full_labels=torch.randn(images, CLASSES, generator=draws, dtype=dtype).softmax(dim=1),
    )


def network(name: str, size: int = 32, dropout: bool = False) -> nn.Module:
    model = build_model(name, num_classes=CLASSES, channels=3, size=size, seed=5).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout) and not dropout:
            module.p = 0.0
    return model


def gradient(
    model: nn.Module, data: TrainingSet, step: Step, micro_batch: int, arm: str = "ladd"
) -> tuple[Tensor, Tensor]:
    """Loss and gradient, as one vector, of a step."""
    model.zero_grad()
    targets = data.targets(ARMS[arm], CLASSES)
    losses = [loss for _, loss in accumulate(model, data, step, targets, micro_batch)]
    return torch.stack(losses).sum(), flat_gradient(model)


def flat_gradient(model: nn.Module) -> Tensor:
    parts = [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
    assert len(parts) == len(list(model.parameters()))
    return torch.cat(parts)


def whole_step(data: TrainingSet, arm: str = "ladd", draw: Draw = NONE, **overrides: Any) -> Step:
    """The one step of an epoch in which all images are one batch, with a given augmentation."""
    recipe = resolve_recipe("glad", "ConvNetD3", {"augmentation": "none", **overrides})
    size = (data.images.shape[2], data.images.shape[3])
    (step,) = plan_epoch(len(data.images), data.view_count, size, ARMS[arm], recipe, Streams(3))
    return replace(step, augmentation=draw)


# First pixels of the crops in 32 px at R = 0.625, that is of 20 px: the paper's grid and a small one.
OFFSETS = {5: [0, 3, 6, 9, 12], 2: [0, 12]}


def equation_5(model: nn.Module, data: TrainingSet, n: int, reduction: str) -> Tensor:
    """Eq. 5 as it is printed, with a forward pass for the images and one for each of the n x n views (26 at n = 5)."""
    assert data.dense_labels is not None
    loss = F.cross_entropy(model(data.images), data.labels)
    total = torch.zeros((), dtype=torch.float64)
    for j in range(n * n):
        top, left = OFFSETS[n][j // n], OFFSETS[n][j % n]
        crop = data.images[:, :, top : top + 20, left : left + 20]
        view = F.interpolate(crop, size=(32, 32), mode="bilinear", align_corners=False, antialias=False)
        logits = model(view)
        total = total - (data.dense_labels[:, j] * logits.log_softmax(dim=1)).sum(dim=1).mean()
    return loss + (total if reduction == "sum" else total / n**2)


@pytest.mark.parametrize(
    ("name", "n", "reduction"),
    [("ConvNetD3", 5, "sum"), ("ConvNetD3", 5, "mean"), *((name, 2, "sum") for name in NETWORKS[1:])],
)
def test_loss_and_gradient_are_those_of_equation_5_in_float64(name: str, n: int, reduction: str) -> None:
    data = training_set(2, ViewGrid(n), dtype=torch.float64)
    model = network(name).double()
    expected = equation_5(model, data, n, reduction)
    torch.autograd.backward(expected)
    expected_gradient = flat_gradient(model)
    step = whole_step(data, reduction=reduction)
    assert len(step.image) == 2 * (1 + n * n)
    # Weights are float32: 1/2 is exact, 1/50 is not.
    exact = 1e-12 if reduction == "sum" else 1e-7
    loss, found = gradient(model, data, step, micro_batch=7)
    assert abs(loss - expected) / expected < exact
    assert (found - expected_gradient).norm() / expected_gradient.norm() < exact


@pytest.mark.parametrize("name", NETWORKS)
def test_micro_batches_give_the_gradient_of_one_batch(name: str) -> None:
    data = training_set(2, ViewGrid(n=2), dtype=torch.float64)
    assert data.dense_labels is not None
    draw = draw_dsa(10, (32, 32), torch.Generator().manual_seed(2), "rotate")
    step, model = whole_step(data, draw=draw), network(name)
    single = TrainingSet(data.images.float(), data.labels, data.dense_labels.float(), data.grid)
    whole_32, parts_32 = (gradient(model, single, step, micro_batch=size)[1] for size in (10, 4))
    model = model.double()
    (whole_loss, whole), (loss, parts) = (gradient(model, data, step, micro_batch=size) for size in (10, 4))
    assert abs(loss - whole_loss) / whole_loss < 1e-12
    assert (parts - whole).norm() / whole.norm() < 1e-12
    # In float32 the two sum up in another order: their distance is that of rounding, measured beside it.
    rounding = (whole_32 - whole).norm() / whole.norm()
    assert (parts_32 - whole_32).norm() / whole.norm() < max(1e-5, 3 * rounding)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_sampled_views_have_the_gradient_of_all_views_on_average(reduction: str) -> None:
    data = training_set(1, ViewGrid(n=2), size=16, dtype=torch.float64)
    model = network("ConvNetD3", size=16).double()
    loss, full = gradient(model, data, whole_step(data, reduction=reduction), micro_batch=8)
    recipe = resolve_recipe("glad", "ConvNetD3", {"views": "sampled:2", "reduction": reduction})
    streams = Streams(0)
    drawn: dict[tuple[int, ...], Step] = {}
    while len(drawn) < 6:
        (step,) = plan_epoch(1, 4, (16, 16), ARMS["ladd"], recipe, streams)
        drawn[tuple(sorted(step.view[1:].tolist()))] = replace(step, augmentation=NONE)
    assert sorted(drawn) == list(combinations(range(4), 2))
    found = [gradient(model, data, step, micro_batch=8) for step in drawn.values()]
    assert abs(torch.stack([each for each, _ in found]).mean() - loss) / loss < 1e-7
    mean = torch.stack([each for _, each in found]).mean(dim=0)
    assert (mean - full).norm() / full.norm() < 1e-7
    assert all((each - full).norm() / full.norm() > 1e-3 for _, each in found)


def test_the_pool_has_equation_5_divided_by_its_rows_on_average() -> None:
    data = training_set(1, ViewGrid(n=2), size=16, dtype=torch.float64)
    model = network("ConvNetD3", size=16).double()
    loss, full = gradient(model, data, whole_step(data), micro_batch=8)
    streams = Streams(0)
    drawn: dict[int, Step] = {}
    recipe = resolve_recipe("glad", "ConvNetD3", {"views": "pool"})
    while len(drawn) < 5:
        (step,) = plan_epoch(1, 4, (16, 16), ARMS["ladd"], recipe, streams)
        drawn[int(step.view)] = replace(step, augmentation=NONE)
    found = [gradient(model, data, step, micro_batch=8) for step in drawn.values()]
    assert abs(torch.stack([each for each, _ in found]).mean() * 5 - loss) / loss < 1e-12
    mean = torch.stack([each for _, each in found]).mean(dim=0)
    assert (mean * 5 - full).norm() / full.norm() < 1e-12


def test_the_baseline_is_plain_cross_entropy_of_the_images() -> None:
    data = training_set(3, ViewGrid(n=2), size=16)
    model = network("ConvNetD3", size=16)
    plain = TrainingSet(data.images, data.labels)
    loss, _ = gradient(model, plain, whole_step(data, arm="baseline"), micro_batch=2, arm="baseline")
    assert loss.item() == pytest.approx(F.cross_entropy(model(data.images), data.labels).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("arm", "full", "views"),
    [
        ("baseline", ["hard"], []),
        ("full_soft", ["soft"], []),
        ("full_both", ["hard", "soft"], []),
        ("sub_hard", [], ["hard"]),
        ("sub_soft", [], ["soft"]),
        ("sub_both", [], ["hard", "soft"]),
        ("ladd", ["hard"], ["soft"]),
    ],
)
def test_every_row_of_table_6_is_the_sum_of_its_cross_entropies(arm: str, full: list[str], views: list[str]) -> None:
    data = training_set(2, ViewGrid(n=2), dtype=torch.float64)
    assert data.dense_labels is not None
    assert data.full_labels is not None
    model = network("ConvNetD3").double()
    step = whole_step(data, arm=arm)
    assert len(step.image) == 2 * bool(full) + 2 * 4 * bool(views)
    expected = torch.zeros((), dtype=torch.float64)
    for kind in full:
        expected = expected + F.cross_entropy(model(data.images), data.labels if kind == "hard" else data.full_labels)
    for j in range(4 if views else 0):
        top, left = OFFSETS[2][j // 2], OFFSETS[2][j % 2]
        crop = data.images[:, :, top : top + 20, left : left + 20]
        view = F.interpolate(crop, size=(32, 32), mode="bilinear", align_corners=False, antialias=False)
        for kind in views:
            target = data.labels if kind == "hard" else data.dense_labels[:, j]
            expected = expected + F.cross_entropy(model(view), target)
    torch.autograd.backward(expected)
    expected_gradient = flat_gradient(model)
    loss, found = gradient(model, data, step, micro_batch=3, arm=arm)
    assert abs(loss - expected) / expected < 1e-12
    assert (found - expected_gradient).norm() / expected_gradient.norm() < 1e-12


def test_mixed_rows_of_a_tempered_loss_by_hand_and_in_micro_batches() -> None:
    data = training_set(3, ViewGrid(n=2), dtype=torch.float64)
    assert data.dense_labels is not None
    model = network("ConvNetD3").double()
    recipe = resolve_recipe("rded", "ConvNetD3", {"batch_size": 3, "views": "sampled:1", "augmentation": "none"})
    (step,) = plan_epoch(3, 4, (32, 32), ARMS["ladd"], recipe, Streams(3))
    step = replace(step, view=torch.tensor([FULL_IMAGE] * 3 + [1, 1, 1]))
    drawn = step.mix.parameters
    top, bottom, left, right = (int(drawn[edge][0]) for edge in ("top", "bottom", "left", "right"))
    assert 0 < (bottom - top) * (right - left) < 32 * 32
    share = 1 - (bottom - top) * (right - left) / 32**2
    # View 1 of 2 x 2: the upper right one.
    crop = F.interpolate(data.images[:, :, :20, 12:], size=(32, 32), mode="bilinear", align_corners=False)
    pixels = torch.cat([data.images[step.image[:3]], crop[step.image[3:]]])
    mixed = pixels.clone()
    mixed[:, :, top:bottom, left:right] = pixels[drawn["partner"]][:, :, top:bottom, left:right]
    logits = model(mixed)
    classes = F.one_hot(data.labels, CLASSES).double()[step.image[:3]]
    classes = share * classes + (1 - share) * classes[drawn["partner"][:3]]
    said = data.dense_labels[step.image[3:], 1] ** (1 / 20)
    said = said / said.sum(dim=1, keepdim=True)
    said = share * said + (1 - share) * said[drawn["partner"][3:] - 3]
    divergence = (said * (said.log() - (logits[3:] / 20).log_softmax(dim=1))).sum(dim=1)
    # Eq. 5's weights: a mean over images, and N^2 = 4 times that over the views.
    expected = -(classes * logits[:3].log_softmax(dim=1)).sum(dim=1).mean() + 4 * divergence.mean()
    torch.autograd.backward(expected)
    expected_gradient = flat_gradient(model)
    for micro_batch in (6, 4):
        model.zero_grad()
        targets = data.targets(ARMS["ladd"], CLASSES, recipe.temperature)
        loss = torch.stack([part for _, part in accumulate(model, data, step, targets, micro_batch)]).sum()
        # Weights and shares are float32.
        assert abs(loss - expected) / expected < 1e-6
        assert (flat_gradient(model) - expected_gradient).norm() / expected_gradient.norm() < 1e-6


def test_rows_hold_images_and_views_with_their_targets() -> None:
    data = training_set(2, ViewGrid(n=1, ratio=1.0), size=16)
    assert data.dense_labels is not None
    chosen = (torch.tensor([1, 0, 1]), torch.tensor([FULL_IMAGE, 0, 0]), 1)
    pixels, targets = data.pixels(*chosen), data.targets(ARMS["ladd"], CLASSES).rows(*chosen)
    torch.testing.assert_close(pixels, data.images[[1, 0, 1]])
    assert targets[0].tolist() == [0, 1, 0, 0]
    assert torch.equal(targets[1:], data.dense_labels[[0, 1], 0])


def test_a_trial_is_a_function_of_its_seed_and_leaves_the_global_generator_alone() -> None:
    data = training_set(3, ViewGrid(n=2), size=16)
    recipe = resolve_recipe("glad", "ViT", {"epochs": 2, "lr": 0.01, "views": "sampled:1", "batch_size": 2})
    torch.manual_seed(123)
    before = torch.get_rng_state()
    runs = []
    for seed in (1, 1, 2):
        trained = train_trial(data, ARMS["ladd"], "ViT", recipe, seed, "cpu", CLASSES)
        weights = trained.model.state_dict().values()
        runs.append((trained.losses, torch.cat([values.flatten() for values in weights])))
        torch.rand(1)
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])
    assert runs[0][0] != runs[2][0]
    torch.set_rng_state(before)
    train_trial(data, ARMS["ladd"], "ViT", recipe, 1, "cpu", CLASSES)
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_and_images_are_told() -> None:
    data = training_set(3, ViewGrid(n=2), size=16)
    recipe = resolve_recipe("mtt", "ConvNetD3", {"epochs": 2, "batch_size": 2, "micro_batch": 4})
    epochs: list[tuple[int, int, float]] = []
    images: list[int] = []
    listener = Listener(on_epoch=lambda *told: epochs.append(told), on_images=images.append)
    trained = train_trial(data, ARMS["ladd"], "ConvNetD3", recipe, 0, "cpu", CLASSES, listener)
    assert epochs == [(epoch + 1, 3, loss) for epoch, loss in enumerate(trained.losses)]
    assert images == [4, 4, 2, 4, 1] * 3


@pytest.mark.parametrize(
    ("arm", "change", "message"),
    [
        (ARMS["ladd"], {"dense_labels": None}, "dense_labels must be given for the arm 'ladd'"),
        (ARMS["sub_both"], {"dense_labels": None}, "dense_labels must be given for the arm 'sub_both'"),
        (ARMS["sub_hard"], {"dense_labels": None, "grid": None}, "grid must be given for the arm 'sub_hard'"),
        (ARMS["full_soft"], {"full_labels": None}, "full_labels must be given for the arm 'full_soft'"),
        (ARMS["full_both"], {"full_labels": torch.rand(3, 7)}, "full_labels must have 4 classes, .*; got 7"),
        (ARMS["online"], {}, "labeler must be given for the arm 'online'"),
        (ARMS["baseline"], {"labels": torch.tensor([0, 4, 1])}, "labels must lie between 0 and 3; got 0 to 4"),
        (ARMS["ladd"], {"dense_labels": torch.rand(3, 4, 7)}, "dense_labels must have 4 classes, .*; got 7"),
    ],
)
def test_an_arm_without_its_labels_is_refused(arm: Arm, change: dict[str, Any], message: str) -> None:
    data = TrainingSet(**{**vars(training_set(3, ViewGrid(n=2), size=16)), **change})
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 1})
    with pytest.raises(ValueError, match=message):
        Training(network("ConvNetD3", size=16), data, arm, recipe, 0, "cpu", CLASSES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(3, 3, 16, 8)}, r"images must be \[M, C, H, H\].*\[3, 3, 16, 8\]"),
        ({"images": torch.zeros(0, 3, 16, 16)}, "images must be .* M of at least 1"),
        ({"labels": torch.zeros(2, dtype=torch.long)}, r"labels must be \[3\] for 3 images; got \[2\]"),
        ({"grid": None}, r"dense_labels must be \[3, 0, C\] for this grid; got \[3, 4, 4\]"),
        ({"full_labels": torch.zeros(2, 4)}, r"full_labels must be \[3, C\]; got \[2, 4\]"),
        ({"grid": ViewGrid(n=3)}, r"dense_labels must be \[3, 9, C\] for this grid; got \[3, 4, 4\]"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSet(**{**vars(training_set(3, ViewGrid(n=2), size=16)), **change})


def test_soft_labels_of_a_set_take_the_place_of_its_classes() -> None:
    data = training_set(3, ViewGrid(2, 0.7))
    own = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.2, 0.4, 0.2, 0.2], [0.0, 0.0, 0.5, 0.5]])
    targets = replace(data, soft_labels=own).targets(ARMS["ladd"], CLASSES)
    assert targets.images is not None
    assert targets.views is not None
    torch.testing.assert_close(targets.images, own)
    torch.testing.assert_close(targets.views, data.dense_labels)


def test_soft_labels_of_other_classes_are_an_error() -> None:
    data = replace(training_set(3, ViewGrid(2, 0.7)), soft_labels=torch.rand(3, 7))
    with pytest.raises(ValueError, match=r"soft_labels must have 4 classes, .*; got 7"):
        data.check_arm(ARMS["baseline"], CLASSES)
