"""A training that is killed goes on to the same bits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from method.arms import ARMS
from method.views import REDUCTIONS
from workers.ladd.deployment import training
from workers.ladd.deployment.listener import SILENT, Listener
from workers.ladd.deployment.training import CHECKPOINT_FILE, Trained, train_trial
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.resume import read_state
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import Recipe, resolve_recipe

pytestmark = pytest.mark.slow

CLASSES = 3


class KilledError(Exception):
    """Stands for the death of the process."""


def training_set(size: int) -> TrainingSet:
    draws = torch.Generator().manual_seed(2)
    return TrainingSet(
        images=torch.randn(5, 3, size, size, generator=draws),
        labels=torch.arange(5) % CLASSES,
        dense_labels=torch.randn(5, 4, CLASSES, generator=draws).softmax(dim=2),
        grid=ViewGrid(n=2),
    )


def recipe(name: str, architecture: str, **changes: Any) -> Recipe:
    overrides = {"epochs": 4, "batch_size": 3, "lr": 0.01, "micro_batch": 4, "views": "sampled:3"}
    # So few epochs would have no average to save.
    average = {"ema_beta": 0.995} if name == "glad" else {}
    if architecture == "ResNet18BN":
        overrides["micro_batch"] = 12
    return resolve_recipe(name, architecture, overrides | average | changes)


def run(
    recipe: Recipe,
    architecture: str,
    folder: Path | None = None,
    listener: Listener = SILENT,
    seed: int = 6,
    border: int | None = None,
) -> Trained:
    data = replace(training_set(size=33 if architecture == "ResNet18BN" else 16), border=border)
    return train_trial(data, ARMS["ladd"], architecture, recipe, seed, "cpu", CLASSES, listener, folder)


def weights(trained: Trained) -> Tensor:
    return torch.cat([values.flatten() for values in trained.model.state_dict().values()])


@pytest.fixture
def eager_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place at which a training may be saved is one at which it is."""
    monkeypatch.setattr(training, "BETWEEN_STEPS_SECONDS", 0.0)
    monkeypatch.setattr(training, "WITHIN_A_STEP_SECONDS", 0.0)


@pytest.mark.usefixtures("eager_to_save")
@pytest.mark.parametrize(
    ("name", "architecture", "kills"),
    # ViT has dropout; its checkpoints are large.
    [
        ("glad", "ViT", (3, 6)),
        *((name, "ConvNetD3", (1, 2, 3, 4, 7, 9, 15, 22)) for name in ("mtt", "rded")),
        # Two steps an epoch, neither of which is cut.
        ("rded", "ResNet18BN", (1, 2, 3)),
    ],
)
def test_a_training_killed_anywhere_ends_with_the_bits_of_an_unbroken_one(
    tmp_path: Path, name: str, architecture: str, kills: tuple[int, ...]
) -> None:
    plain = recipe(name, architecture, epochs=4 if architecture == "ConvNetD3" else 2)
    whole = run(plain, architecture)
    # 12 and 8 rows a step, 4 at once: saves after each micro-batch and each step.
    for survived in kills:
        folder = tmp_path / str(survived)
        folder.mkdir()
        left = survived

        def kill() -> None:
            nonlocal left
            left -= 1
            if not left:
                raise KilledError

        with pytest.raises(KilledError):
            run(plain, architecture, folder, Listener(on_checkpoint=kill))
        resumed = run(plain, architecture, folder)
        assert resumed.losses == whole.losses
        assert torch.equal(weights(resumed), weights(whole))


@pytest.mark.usefixtures("eager_to_save")
def test_what_was_done_before_counts(tmp_path: Path) -> None:
    plain = recipe("mtt", "ConvNetD3")
    saves = iter(range(100))

    def kill() -> None:
        if next(saves) == 10:
            raise KilledError

    told: list[int] = []
    with pytest.raises(KilledError):
        run(plain, "ConvNetD3", tmp_path, Listener(on_images=told.append, on_checkpoint=kill))
    again: list[int] = []
    run(plain, "ConvNetD3", tmp_path, Listener(on_images=again.append))
    # What the killed training had done is told first, and the sum is that of an unbroken one: 5 passes over 20 rows.
    assert again[0] == sum(told)
    assert sum(again) == 100


@pytest.mark.usefixtures("eager_to_save")
def test_a_training_does_not_go_on_with_the_state_of_another_one(tmp_path: Path) -> None:
    plain = recipe("mtt", "ConvNetD3", epochs=1)
    run(plain, "ConvNetD3", tmp_path)
    with pytest.raises(ValueError, match=r"seed of trial.pt must be 7, .* got 6"):
        run(plain, "ConvNetD3", tmp_path, seed=7)
    with pytest.raises(ValueError, match=r"lr of trial.pt must be 0.02, .* got 0.01"):
        run(replace(plain, lr=0.02), "ConvNetD3", tmp_path)
    with pytest.raises(ValueError, match=r"model of trial.pt must be 'AlexNet', .* got 'ConvNet'"):
        run(plain, "AlexNet", tmp_path)
    # A state of a version without this choice lacks it: then it was false.
    with pytest.raises(ValueError, match=r"deterministic of trial.pt must be True, .* got None"):
        run(replace(plain, deterministic=True), "ConvNetD3", tmp_path)
    with pytest.raises(ValueError, match=r"border of trial.pt must be 2, .* got None"):
        run(plain, "ConvNetD3", tmp_path, border=2)
    run(plain, "ConvNetD3", tmp_path, border=0)
    # Nor had it weights of the views besides those with a name.
    settings = read_state(tmp_path / CHECKPOINT_FILE, "settings", {"reduction": "sum"})["settings"]
    assert "view_weight" not in settings
    with pytest.raises(ValueError, match=r"view_weight of trial.pt must be 2.0, .* got None"):
        run(replace(plain, view_weight=2.0), "ConvNetD3", tmp_path)
    # Of one view the sum is the mean, and a training has the name under which it began.
    for reduction in REDUCTIONS:
        shown = recipe("mtt", "ConvNetD3", reduction=reduction).shown(1)
        assert (shown["reduction"], shown["view_weight"]) == (reduction, 1.0)
    other: dict[str, Any] = {"optimizer": "adamw", "temperature": 20.0, "mix": "cutmix"}
    for field, value in other.items():
        with pytest.raises(ValueError, match=rf"{field} of trial.pt must be '?{value}'?, .* got None"):
            run(replace(plain, **{field: value}), "ConvNetD3", tmp_path)


def test_saves_are_rare_when_work_is_quick(tmp_path: Path) -> None:
    run(recipe("mtt", "ConvNetD3"), "ConvNetD3", tmp_path)
    assert not list(tmp_path.iterdir())
