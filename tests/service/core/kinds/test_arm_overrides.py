"""What an arm changes in a recipe: its epochs with all that follows from them, its augmentation, its images."""

from typing import Any

import pytest

from api_schemas.jobs import EvaluateParams
from method.architectures import training_flops
from method.arms import ARMS
from method.layers import Shape
from service.core.foundation.errors import ServiceError
from service.core.kinds import evaluate
from service.core.queue.plan import Ref, TaskPlan
from workers.ladd.deployment.cost import training_counts
from workers.ladd.recipes import resolve_recipe


def overrides_of(shelf: Any, arm: str, dataset: str | None = None, **spec: Any) -> tuple[dict[str, Any], TaskPlan]:
    wanted = {"arms": [arm], "architectures": ["ViT"], "trials": 1} | spec
    params = EvaluateParams.model_validate({"dataset": dataset or shelf.augmented, **wanted})
    plan = evaluate.plan(shelf.core, params)
    [trial] = [task for task in plan.tasks if task.stage == "evaluate"]
    return dict(trial.params["overrides"]), trial


@pytest.mark.parametrize(
    ("spec", "epochs"),
    [
        # As many forwards as 26, 4, 1 and 26 an image and step, and as many as 1,001 passes of MTT's loop have.
        ({}, 26_000),
        ({"overrides": {"views": "sampled:3", "epochs": 100}}, 400),
        ({"overrides": {"views": "pool", "epochs": 100}}, 100),
        ({"recipe": "mtt", "overrides": {"views": "sampled:1"}}, 2001),
    ],
)
def test_the_matched_baseline_makes_as_many_forwards_as_ladd(shelf: Any, spec: dict[str, Any], epochs: int) -> None:
    overrides, matched = overrides_of(shelf, "baseline_matched", **spec)
    _, ladd = overrides_of(shelf, "ladd", **spec)
    assert overrides.get("epochs", 1000) == epochs
    assert matched.work == ladd.work
    assert matched.cost is not None
    assert ladd.cost is not None
    assert matched.cost.flops == ladd.cost.flops
    recipe = resolve_recipe(spec.get("recipe", "glad"), "ViT", overrides)
    assert training_counts(20, 25, ARMS["baseline_matched"], recipe).forwards == ladd.work - 100


def test_the_matched_baseline_needs_views_to_count(shelf: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        overrides_of(shelf, "baseline_matched", dataset=shelf.distilled)
    assert [reason.rule for reason in caught.value.reasons] == ["arm_has_dense_labels"]


def test_what_follows_from_the_epochs_is_stretched_with_them(shelf: Any) -> None:
    asked = {"views": "sampled:1", "epochs": 100, "warmup_epochs": 30}
    assert overrides_of(shelf, "ladd", overrides=asked)[0]["ema_beta"] == 0.95
    overrides, _ = overrides_of(shelf, "baseline_matched", overrides=asked)
    assert (overrides["epochs"], overrides["warmup_epochs"], overrides["ema_beta"]) == (200, 60, 0.975)
    overrides, _ = overrides_of(shelf, "real", overrides=asked)
    assert (overrides["epochs"], overrides["warmup_epochs"], overrides["ema_beta"]) == (50, 15, 0.9)
    # What is given stands.
    assert overrides_of(shelf, "baseline_matched", overrides=asked | {"ema_beta": 0.5})[0]["ema_beta"] == 0.5
    # A recipe without an average gets none.
    assert "ema_beta" not in overrides_of(shelf, "ladd", recipe="mtt", overrides=asked)[0]


@pytest.mark.parametrize(("asked", "epochs"), [({}, 50), ({"epochs": 1000}, 50), ({"real_epochs": 7}, 7)])
def test_all_real_images_are_gone_through_fifty_times(shelf: Any, asked: dict[str, Any], epochs: int) -> None:
    overrides, trial = overrides_of(shelf, "real", overrides=asked)
    assert overrides["epochs"] == epochs
    assert "real_epochs" not in overrides
    # 1,000 images in the train split, 100 in val.
    assert trial.work == epochs * 1000 + 100
    assert trial.cost is not None
    assert trial.cost.flops == epochs * 1000 * training_flops("ViT", Shape(num_classes=10, channels=3, size=32))
    assert trial.params["dataset"] == shelf.source
    assert trial.inputs == {
        "dataset": Ref("dataset", shelf.source, []),
        "source": Ref(
            "dataset", shelf.source, ["val_images.npy", "val_labels.npy", "train_images.npy", "train_labels.npy"]
        ),
    }
    # A learned rate was distilled with other images.
    assert (trial.params["learned_lr"], trial.after) == (None, ())


@pytest.mark.parametrize("arm", ["baseline_noaug", "random_noaug", "real_noaug"])
def test_an_arm_without_augmentation_has_none_whatever_is_asked(shelf: Any, arm: str) -> None:
    overrides, trial = overrides_of(shelf, arm, overrides={"augmentation": "flip"})
    assert overrides["augmentation"] == "none"
    plain, other = overrides_of(shelf, arm.removesuffix("_noaug"), overrides={"augmentation": "flip"})
    assert overrides | {"augmentation": "flip"} == plain
    assert trial.work == other.work


@pytest.mark.parametrize(
    ("recipe", "asked", "mix"),
    [
        ("rded", {}, {"mix": "none"}),
        ("sre2l", {"mix": "mixup"}, {"mix": "none"}),
        ("glad", {"mix": "cutmix"}, {"mix": "none"}),
        ("rded", {"mix": "none"}, {"mix": "none"}),
        ("glad", {}, {}),
    ],
)
def test_an_arm_without_augmentation_mixes_no_images(
    shelf: Any, recipe: str, asked: dict[str, Any], mix: dict[str, Any]
) -> None:
    overrides, _ = overrides_of(shelf, "baseline_noaug", recipe=recipe, overrides=asked)
    plain, _ = overrides_of(shelf, "baseline", recipe=recipe, overrides=asked)
    assert overrides == plain | {"augmentation": "none"} | mix
    resolved = resolve_recipe(recipe, "ViT", overrides)
    assert (resolved.augmentation, resolved.mix) == ("none", "none")


@pytest.mark.parametrize("named", [{"view_weight": 4}, {"reduction": "mean"}, {"reduction": "sum"}])
def test_the_weight_of_the_views_is_carried_as_it_was_given(shelf: Any, named: dict[str, Any]) -> None:
    overrides, _ = overrides_of(shelf, "ladd", overrides=named)
    assert {name: overrides[name] for name in ("view_weight", "reduction") if name in overrides} == named
