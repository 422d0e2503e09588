"""One trial from its arm to its row."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from api_schemas.evaluation import TrialRow
from method.arms import ARMS
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution
from workers.ladd.engine.normalization import normalize
from workers.ladd.engine.seeds import trial_seed
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.lr_choice import held_out_rows
from workers.ladd.evaluation.trial import TestSet, TrialResult, evaluate_trial
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import resolve_recipe

MEAN, STD = (0.5,), (0.25,)


def stripes(images: int, seed: int) -> tuple[Tensor, Tensor]:
    """Grey images uint8 [n, 16, 16, 1] with horizontal (0) or vertical (1) stripes under noise."""
    draws = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % 2
    wave = (torch.arange(16) // 2 % 2 * 120.0 + 60)[None, :, None]
    pictures = torch.stack([wave.expand(16, 16, 1).transpose(0, 1 - int(label)) for label in labels])
    noisy = pictures + torch.randint(-50, 50, pictures.shape, generator=draws)
    return noisy.clamp(0, 255).to(torch.uint8), labels


def training_set() -> TrainingSet:
    images, labels = stripes(4, seed=0)
    dense = torch.nn.functional.one_hot(labels, 2).float()[:, None].expand(-1, 4, -1) * 0.8 + 0.1
    return TrainingSet(normalize(images, MEAN, STD), labels, dense, ViewGrid(n=2))


def evaluate(arm: str = "ladd", **changes: Any) -> TrialResult:
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 6, "lr": 0.01, "batch_size": 4, "augmentation": "crop"})
    images, labels = stripes(40, seed=1)
    return evaluate_trial(
        training_set(),
        TestSet(images.numpy(), labels.numpy(), MEAN, STD),
        ARMS[arm],
        "ConvNetD3",
        **{"trial": 0, "recipe": recipe, "seed": 4, "device": "cpu", "num_classes": 2, **changes},
    )


def test_a_row_says_what_was_done() -> None:
    rows = [evaluate(trial=trial) for trial in range(3)]
    trials = [TrialRow.model_validate(asdict(row.trial)) for row in rows]
    assert [trial.seed for trial in trials] == [trial_seed(4, trial, "ConvNetD3") for trial in range(3)]
    assert len({tuple(trial.losses) for trial in trials}) == 3
    for row, trial in zip(rows, trials, strict=True):
        # 40 test images, 20 of each class: the accuracy is the mean over the classes.
        assert 100 * unpack_answers(trial.correct, 40).mean() == pytest.approx(trial.accuracy)
        assert trial.accuracy == pytest.approx(sum(part or 0 for part in trial.per_class_accuracy) / 2)
        assert (row.epochs, row.steps, row.forwards, row.images_seen) == (6, 6, 120, 24)
        assert row.recipe["micro_batch"] == 20
        assert row.recipe["views"] == "full"
        assert row.recipe["arithmetic"] == asdict(Execution())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rded", "sre2l"])
def test_the_recipes_of_tempered_labels_teach_a_network_with_batch_norm(name: str) -> None:
    overrides = {"epochs": 10, "batch_size": 4, "views": "sampled:1"}
    recipe = resolve_recipe(name, "ResNet18BN", overrides)
    images, labels = (torch.from_numpy(part) for part in larger(*stripes(8, seed=0)))
    dense = torch.nn.functional.one_hot(labels, 2).float()[:, None].expand(-1, 4, -1) * 0.8 + 0.1
    data = TrainingSet(normalize(images, MEAN, STD), labels, dense, ViewGrid(n=2))
    row = evaluate_trial(
        data,
        TestSet(*larger(*stripes(20, seed=1)), MEAN, STD),
        ARMS["sub_soft"],
        "ResNet18BN",
        trial=0,
        recipe=recipe,
        seed=4,
        device="cpu",
        num_classes=2,
    )
    # Two steps of four views each in ten epochs; four rows at once, as the network must have them.
    assert (row.epochs, row.steps, row.forwards, row.images_seen) == (10, 20, 80, 0)
    assert row.recipe["micro_batch"] == 4
    assert row.recipe["optimizer"] == "adamw"
    assert "re-tempered" in row.recipe["label_rule"]
    assert all(loss is not None for loss in row.trial.losses)
    # A divergence of distributions at T = 20, which are all but uniform.
    assert 0 < (row.trial.losses[-1] or 0) < (row.trial.losses[0] or 0) < 0.1


def larger(images: Tensor, labels: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images [n, 16, 16, 1] with every pixel as 3 x 3, and their labels, as arrays."""
    return images.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2).numpy(), labels.numpy()


def test_float32_is_that_of_the_precision_in_the_test_as_well() -> None:
    cudnn: Any = torch.backends.cudnn
    seen: dict[bool, set[str]] = {}

    def look(module: nn.Module, inputs: Any) -> None:
        # The memory of a training is predicted with a pass that computes nothing.
        if not inputs[0].is_meta:
            seen.setdefault(module.training, set()).add(cudnn.conv.fp32_precision)

    for precision, tested_in in (("exact", "ieee"), ("published", "tf32")):
        seen.clear()
        recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 1, "precision": precision})
        handle = nn.modules.module.register_module_forward_pre_hook(look)
        try:
            row = evaluate(recipe=recipe)
        finally:
            handle.remove()
        # Nothing but IEEE float32 is there on a CPU, and so it is called.
        assert row.recipe["arithmetic"]["dtype"] == "float32"
        assert seen == {True: {"ieee"}, False: {tested_in}}


def test_on_a_cpu_published_and_deterministic_have_the_bits_of_exact() -> None:
    base = {"epochs": 4, "lr": 0.01, "batch_size": 4}
    rows = [
        evaluate(recipe=resolve_recipe("glad", "ConvNetD3", base | changes))
        for changes in ({"precision": "exact"}, {}, {"deterministic": True})
    ]
    assert len({(tuple(row.trial.losses), row.trial.correct) for row in rows}) == 1


def test_grad_cam_is_kept_of_the_first_images_of_each_class() -> None:
    assert evaluate().trial.grad_cam is None
    kept = evaluate(explained_images=3).trial.grad_cam
    assert kept is not None
    # Labels alternate: images 0 and 1 are the first of their classes, image 2 the second of class 0.
    assert (kept.images, kept.classes) == ([0, 1, 2], [0, 1, 0])
    assert np.shape(kept.maps) == (3, 2, 2)
    assert 0 <= np.min(kept.maps) <= np.max(kept.maps) == 1


def test_the_baseline_at_the_learning_rate_that_suits_it() -> None:
    images, labels = stripes(20, seed=2)
    held_out = TestSet(images, labels, MEAN, STD)
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 6, "lr": 0.0001, "augmentation": "none"})
    told: list[tuple[int, int]] = []
    row = evaluate("baseline_best_lr", recipe=recipe, held_out=held_out, progress=lambda *now: told.append(now))
    sweep = row.recipe["lr_sweep"]
    assert list(sweep) == ["0.0001", "0.0003", "0.001", "0.003"]
    chosen = next(lr for lr, accuracy in sweep.items() if accuracy == max(sweep.values()))
    assert row.recipe["lr"] == pytest.approx(float(chosen))
    # The network that is tested is the baseline of that learning rate.
    alone = evaluate("baseline", recipe=replace(recipe, lr=row.recipe["lr"]))
    for field in ("losses", "accuracy", "correct"):
        assert getattr(row.trial, field) == getattr(alone.trial, field)
    for field in ("steps", "forwards", "images_seen", "flops"):
        assert getattr(row, field) == 4 * getattr(alone, field)
    assert told[-1] == (4 * 24 + 40, 4 * 24 + 40)


def test_a_learning_rate_is_not_chosen_without_held_out_images() -> None:
    with pytest.raises(ValueError, match="held_out must be given for the arm 'baseline_best_lr'"):
        evaluate("baseline_best_lr")


def test_held_out_images_are_the_last_of_each_class() -> None:
    labels = np.array([0, 1] * 600 + [2])
    rows = held_out_rows(labels, 3)
    assert np.bincount(labels[rows]).tolist() == [333, 333, 1]
    assert rows.tolist() == sorted(rows)
    assert rows[0] == 1200 - 666


def test_training_teaches() -> None:
    trial = evaluate().trial
    assert trial.accuracy > 90
    assert (trial.losses[-1] or 0) < (trial.losses[0] or 0)


def test_flops_are_those_of_all_rows_forwarded() -> None:
    ladd, baseline = evaluate(), evaluate("baseline")
    assert (baseline.forwards, baseline.images_seen) == (24, 24)
    assert ladd.flops == baseline.flops * 5


def test_the_arms_of_a_trial_start_from_the_same_seed() -> None:
    assert evaluate(trial=1).trial.seed == evaluate("baseline", trial=1).trial.seed


def test_a_trial_does_not_depend_on_the_others() -> None:
    alone, after = evaluate(trial=2).trial, [evaluate(trial=trial) for trial in (0, 2)][1].trial
    for field in ("losses", "accuracy", "per_class_accuracy"):
        assert getattr(alone, field) == getattr(after, field)


def test_progress_moves_within_an_epoch() -> None:
    told: list[tuple[int, int]] = []
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 2, "micro_batch": 8, "views": "sampled:3"})
    evaluate(recipe=recipe, progress=lambda *now: told.append(now))
    assert told == [(done, 72) for done in (0, 8, 16, 24, 32, 72)]


def test_a_training_that_diverges_is_told_and_not_hidden() -> None:
    recipe = resolve_recipe("mtt", "ConvNetD3", {"epochs": 3, "lr": 1e30, "augmentation": "none"})
    trial = evaluate(recipe=recipe).trial
    assert trial.losses[0] is not None
    assert trial.losses[-1] is None
    assert trial.accuracy == 50.0
