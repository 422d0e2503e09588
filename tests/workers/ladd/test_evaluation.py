from typing import Any

import pytest
import torch
from torch import Tensor

from api_schemas.evaluation import EvaluationRow
from workers.ladd.arms import ARMS
from workers.ladd.deployment import TrainingSet
from workers.ladd.evaluation import TestSet, evaluate_arm
from workers.ladd.normalization import normalize
from workers.ladd.recipes import resolve_recipe
from workers.ladd.seeds import trial_seed
from workers.ladd.views import ViewGrid

MEAN, STD = (0.5,), (0.25,)
DATASET = "ds_" + "0" * 26


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


def evaluate(arm: str = "ladd", trials: int = 3, **changes: Any) -> dict[str, Any]:
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 6, "lr": 0.01, "batch_size": 4, "augmentation": "crop"})
    images, labels = stripes(40, seed=1)
    return evaluate_arm(
        training_set(),
        TestSet(images.numpy(), labels.numpy(), MEAN, STD),
        ARMS[arm],
        "ConvNetD3",
        **{"trials": trials, "recipe": recipe, "seed": 4, "device": "cpu", "num_classes": 2, **changes},
    )


def without_seconds(trial: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in trial.items() if key != "seconds"}


def test_row_says_what_was_done_in_the_form_of_the_api() -> None:
    row = evaluate()
    EvaluationRow.model_validate({"dataset": DATASET, **row})
    assert [trial["trial"] for trial in row["trials"]] == [0, 1, 2]
    assert [trial["seed"] for trial in row["trials"]] == [trial_seed(4, trial) for trial in range(3)]
    assert len({tuple(trial["losses"]) for trial in row["trials"]}) == 3
    accuracies = [trial["accuracy"] for trial in row["trials"]]
    assert row["mean"] == pytest.approx(sum(accuracies) / 3)
    # 40 test images, 20 of each class: the accuracy is the mean over the classes.
    assert all(trial["accuracy"] == pytest.approx(sum(trial["per_class_accuracy"]) / 2) for trial in row["trials"])
    assert (row["epochs"], row["steps"], row["forwards"], row["images_seen"]) == (6, 6, 120, 24)
    assert row["recipe"]["micro_batch"] == 256
    assert row["recipe"]["views"] == "full"
    assert row["seconds"] == pytest.approx(sum(trial["seconds"] for trial in row["trials"]))


def test_training_teaches() -> None:
    row = evaluate(trials=1)
    assert row["mean"] > 90
    assert row["ci95"] is None
    assert row["trials"][0]["losses"][-1] < row["trials"][0]["losses"][0]


def test_flops_are_those_of_all_rows_forwarded() -> None:
    ladd, baseline = evaluate(trials=1), evaluate("baseline", trials=2)
    assert (baseline["forwards"], baseline["images_seen"]) == (24, 24)
    assert ladd["flops"] * 2 == baseline["flops"] * 5


def test_the_arms_of_a_trial_start_from_the_same_seed() -> None:
    ladd, baseline = evaluate(trials=2), evaluate("baseline", trials=2)
    assert [trial["seed"] for trial in ladd["trials"]] == [trial["seed"] for trial in baseline["trials"]]


def test_finished_trials_are_kept_and_the_others_are_as_without_the_interruption() -> None:
    whole = evaluate()
    ran: list[dict[str, Any]] = []
    told: list[tuple[int, int]] = []
    finished = [whole["trials"][2], whole["trials"][0]]
    row = evaluate(finished=finished, on_trial=ran.append, progress=lambda done, total: told.append((done, total)))
    assert [trial["trial"] for trial in ran] == [1]
    assert row["trials"][0] == whole["trials"][0]
    assert row["trials"][2] == whole["trials"][2]
    assert without_seconds(row["trials"][1]) == without_seconds(whole["trials"][1])
    # 120 forwards and 40 test images each.
    assert told[0] == (320, 480)
    assert told[-1] == (480, 480)
    told.clear()
    assert evaluate(finished=row["trials"], progress=lambda *now: told.append(now)) == row
    assert told == [(480, 480)]


def test_progress_moves_within_an_epoch() -> None:
    told: list[int] = []
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 2, "micro_batch": 8, "views": "sampled:3"})
    evaluate(trials=1, recipe=recipe, progress=lambda done, total: told.append(done))
    assert told == [0, 8, 16, 24, 32, 72]


def test_a_finished_trial_of_another_evaluation_is_refused() -> None:
    trial = evaluate(trials=1)["trials"][0]
    with pytest.raises(ValueError, match=f"finished trial 0 must have seed .* seed 5; got {trial['seed']}"):
        evaluate(seed=5, finished=[trial])


def test_a_training_that_diverges_is_told_and_not_hidden() -> None:
    recipe = resolve_recipe("mtt", "ConvNetD3", {"epochs": 3, "lr": 1e30, "augmentation": "none"})
    row = evaluate(trials=1, recipe=recipe)
    assert row["trials"][0]["losses"][0] is not None
    assert row["trials"][0]["losses"][-1] is None
    assert row["mean"] == 50.0
