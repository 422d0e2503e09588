"""Recipes, and the fields that a caller changes."""

from typing import Any

import pytest

from method.architectures import ARCHITECTURES
from method.recipes import RECIPES
from workers.ladd.recipes import resolve_recipe


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_glad_has_the_learning_rates_of_the_paper_and_ignores_a_learned_one(architecture: str) -> None:
    recipe = resolve_recipe("glad", architecture, {}, learned_lr=0.5)
    assert recipe.lr == (1e-4 if architecture == "VGG11" else 1e-3)
    assert (recipe.epochs, recipe.passes, recipe.warmup_epochs, recipe.batch_size) == (1000, 1000, 500, 256)
    assert (recipe.momentum, recipe.weight_decay, recipe.ema_beta) == (0.9, 5e-4, 0.995)
    # Eq. 5 as written: the sum over the views.
    assert (recipe.views, recipe.view_weight) == ("full", None)
    assert (recipe.precision, recipe.deterministic) == ("published", False)


def test_mtt_takes_the_learned_learning_rate_for_every_architecture() -> None:
    assert {resolve_recipe("mtt", name, {}, learned_lr=0.023).lr for name in ARCHITECTURES} == {0.023}
    recipe = resolve_recipe("mtt", "VGG11", {})
    assert (recipe.lr, recipe.epochs, recipe.passes, recipe.ema_beta) == (0.01, 1000, 1001, None)


def test_overrides_replace_fields_and_none_leaves_them() -> None:
    overrides = {"epochs": 20, "views": "sampled:5", "reduction": "mean", "momentum": None, "ema_beta": 0}
    recipe = resolve_recipe("glad", "ConvNetD5", overrides)
    assert (recipe.epochs, recipe.warmup_epochs) == (20, 10)
    assert (recipe.views, recipe.view_weight, recipe.momentum, recipe.ema_beta) == ("sampled:5", 1, 0.9, None)
    assert resolve_recipe("glad", "ViT", {"epochs": 20, "warmup_epochs": 3}).warmup_epochs == 3
    assert resolve_recipe("mtt", "ViT", {"epochs": 20}).warmup_epochs == 0


@pytest.mark.parametrize(
    ("epochs", "beta"),
    # A fifth of the training, as 1 / (1 - 0.995) = 200 of 1,000 epochs are.
    [
        (1000, 0.995),
        (3000, 0.995),
        (999, 1 - 5 / 999),
        (200, 0.975),
        (24, 1 - 5 / 24),
        (6, 1 - 5 / 6),
        (5, None),
        (1, None),
    ],
)
def test_the_moving_average_spans_the_same_part_of_any_training(epochs: int, beta: float | None) -> None:
    assert resolve_recipe("glad", "ViT", {"epochs": epochs}).ema_beta == beta
    assert resolve_recipe("glad", "ViT", {"epochs": epochs, "ema_beta": 0.9}).ema_beta == 0.9
    assert resolve_recipe("glad", "ViT", {"epochs": epochs, "ema_beta": 0}).ema_beta is None
    assert resolve_recipe("mtt", "ViT", {"epochs": epochs}).ema_beta is None


@pytest.mark.parametrize(
    ("overrides", "views", "weight", "reduction"),
    [
        ({}, 25, 25, "sum"),
        ({"reduction": "sum"}, 25, 25, "sum"),
        ({"reduction": "mean"}, 25, 1, "mean"),
        ({"view_weight": 1}, 25, 1, "mean"),
        ({"view_weight": 25}, 25, 25, "sum"),
        ({"view_weight": 25}, 9, 25, None),
        ({"view_weight": 2.5}, 25, 2.5, None),
        ({}, 0, None, "sum"),
    ],
)
def test_a_result_has_the_weight_of_the_views_and_its_name(
    overrides: dict[str, Any], views: int, weight: float | None, reduction: str | None
) -> None:
    shown = resolve_recipe("glad", "ViT", overrides).shown(views)
    assert (shown["view_weight"], shown.get("reduction")) == (weight, reduction)


def test_lr_may_be_given_per_architecture() -> None:
    lr = {"ViT": 0.02}
    assert resolve_recipe("glad", "ViT", {"lr": lr}).lr == 0.02
    assert resolve_recipe("glad", "VGG11", {"lr": lr}).lr == 1e-4
    assert resolve_recipe("glad", "VGG11", {"lr": 0.5}).lr == 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"learning_rate": 0.1}, "overrides must be fields out of .*; got 'learning_rate'"),
        ({"name": "mine"}, "got 'name'"),
        ({"lr": 0.0}, "lr must be a number above 0; got 0.0"),
        ({"lr": float("nan")}, "lr must be a number above 0; got nan"),
        ({"lr": "fast"}, "lr must be a number above 0; got 'fast'"),
        ({"lr": {"ConvNet": 0.1}}, "lr must name architectures out of .*; got 'ConvNet'"),
        ({"momentum": 1.0}, r"momentum must be a number in \[0, 1\); got 1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be a number at least 0; got -1.0"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1; got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number of at least 1; got 2.5"),
        ({"batch_size": True}, "batch_size must be a whole number of at least 1; got True"),
        ({"warmup_epochs": 1001}, "warmup_epochs must be at most epochs, (1000|300); got 1001"),
        ({"schedule": "linear"}, "schedule must be one of warmup_cosine, step, cosine, half_cosine; got 'linear'"),
        ({"ema_beta": 1.0}, r"ema_beta must be a number in \(0, 1\), or null; got 1.0"),
        ({"augmentation": "colour"}, "augmentation must be .*'colour'"),
        ({"views": "sampled:0"}, "views must be 'full', 'pool' or 'sampled:K' .*; got 'sampled:0'"),
        ({"views": "sampled"}, "got 'sampled'"),
        ({"reduction": "max"}, "reduction must be one of sum, mean; got 'max'"),
        ({"view_weight": 0}, "view_weight must be a number above 0, or null; got 0"),
        ({"view_weight": 2, "reduction": "mean"}, "one of both must be given; got 'mean' and 2"),
        ({"precision": "quick"}, "precision must be one of published, exact, fast; got 'quick'"),
        ({"deterministic": "yes"}, "deterministic must be one of False, True; got 'yes'"),
        ({"micro_batch": 0}, "micro_batch must be a whole number of at least 1; got 0"),
        ({"optimizer": "adam"}, "optimizer must be one of sgd, adamw; got 'adam'"),
        ({"temperature": -1.0}, "temperature must be a number above 0, or null; got -1.0"),
        ({"mix": "cut"}, "mix must be one of none, cutmix, mixup; got 'cut'"),
        ({"augmentation": "resized_crop:0"}, "augmentation must be .*'resized_crop:A'.*; got 'resized_crop:0'"),
    ],
)
@pytest.mark.parametrize("name", RECIPES)
def test_a_bad_field_is_named_with_its_rule_and_value(name: str, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_recipe(name, "ConvNetD3", overrides)


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ValueError, match="recipe must be one of glad, mtt, datm, rded, sre2l; got 'sgd'"):
        resolve_recipe("sgd", "ConvNetD3", {})


def test_rded_is_adamw_on_a_tempered_divergence_with_batches_by_ipc() -> None:
    recipe = resolve_recipe("rded", "ResNet18", {}, learned_lr=0.5)
    assert (recipe.optimizer, recipe.lr, recipe.momentum, recipe.weight_decay) == ("adamw", 1e-3, 0.9, 0.01)
    assert (recipe.epochs, recipe.schedule, recipe.ema_beta) == (300, "half_cosine", None)
    assert (recipe.mix, recipe.temperature, recipe.augmentation) == ("cutmix", 20.0, "resized_crop:0.5")
    lrs = {name: resolve_recipe("rded", name, {}).lr for name in ("ConvNetD5", "VGG11", "AlexNet", "ViT")}
    assert lrs == {"ConvNetD5": 1e-3, "VGG11": 5e-4, "AlexNet": 1e-4, "ViT": 1e-4}

    def batch(ipc: int, classes: int) -> int:
        return resolve_recipe("rded", "ResNet18", {}, images=ipc * classes, num_classes=classes).batch_size

    assert [batch(ipc, 10) for ipc in (1, 9, 10, 50)] == [10, 10, 50, 100]
    assert [batch(ipc, 1000) for ipc in (1, 10, 50)] == [20, 100, 200]


def test_another_mixture_brings_its_temperature_into_a_recipe_that_has_one() -> None:
    assert resolve_recipe("rded", "ResNet18", {"mix": "mixup"}).temperature == 4.0
    assert resolve_recipe("rded", "ResNet18", {"mix": "mixup", "temperature": 20}).temperature == 20
    assert resolve_recipe("rded", "ResNet18", {"mix": "none"}).temperature == 20
    assert resolve_recipe("rded", "ResNet18", {"temperature": 0}).temperature is None
    assert resolve_recipe("glad", "ResNet18", {"mix": "mixup"}).temperature is None


def test_more_sampled_views_than_there_are_is_refused() -> None:
    recipe = resolve_recipe("glad", "ConvNetD3", {"views": "sampled:5"})
    assert recipe.views_per_image(25) == 5
    with pytest.raises(ValueError, match="views must not sample more than the 4 views there are; got 'sampled:5'"):
        recipe.views_per_image(4)
