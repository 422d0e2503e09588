"""Which images and views a step forwards, and with which weights."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import torch

from method.arms import ARMS
from workers.ladd.deployment.cost import TrainingCounts, training_counts
from workers.ladd.deployment.step import Step, Streams, plan_epoch
from workers.ladd.deployment.training_set import FULL_IMAGE
from workers.ladd.recipes import Recipe, resolve_recipe

VIEWS = 4


def recipe(**overrides: Any) -> Recipe:
    return resolve_recipe("glad", "ConvNetD3", {"batch_size": 3, **overrides})


def plan(overrides: dict[str, Any], images: int = 5, arm: str = "ladd", seed: int = 0) -> list[Step]:
    return list(plan_epoch(images, VIEWS, (16, 16), ARMS[arm], recipe(**overrides), Streams(seed)))


def test_the_baseline_sees_every_image_once_in_a_drawn_order() -> None:
    steps = plan({}, arm="baseline")
    assert [step.samples for step in steps] == [3, 2]
    assert sorted(torch.cat([step.image for step in steps]).tolist()) == list(range(5))
    assert all(bool((step.view == FULL_IMAGE).all()) for step in steps)
    assert [step.weight.tolist() for step in steps] == [[pytest.approx(1 / 3)] * 3, [0.5] * 2]
    orders = {tuple(torch.cat([step.image for step in plan({}, seed=seed)]).tolist()) for seed in range(5)}
    assert len(orders) == 5


def test_full_takes_all_views_of_the_images_the_baseline_would_take() -> None:
    for step, plain in zip(plan({}), plan({}, arm="baseline"), strict=True):
        assert step.samples == plain.samples
        batch = plain.image.tolist()
        assert step.image.tolist() == batch + [image for image in batch for _ in range(VIEWS)]
        assert step.view.tolist() == [FULL_IMAGE] * len(batch) + list(range(VIEWS)) * len(batch)
        assert step.weight.tolist() == [pytest.approx(1 / len(batch))] * len(step.image)


def test_mean_divides_the_weight_of_the_views_by_their_number() -> None:
    step = plan({"reduction": "mean"})[0]
    assert step.weight.tolist() == [pytest.approx(1 / 3)] * 3 + [pytest.approx(1 / 12)] * 12


@pytest.mark.parametrize("views", ["full", "sampled:2"])
@pytest.mark.parametrize("weight", [0.5, 1, 4, 10])
def test_the_views_of_a_batch_have_the_weight_that_is_given(views: str, weight: float) -> None:
    step = plan({"views": views, "view_weight": weight})[0]
    assert step.weight[:3].sum().item() == pytest.approx(1)
    assert step.weight[3:].sum().item() == pytest.approx(weight)


@pytest.mark.parametrize("views", ["full", "sampled:3"])
@pytest.mark.parametrize(("reduction", "weight"), [("sum", 4), ("mean", 1)])
def test_a_reduction_has_the_bits_of_the_weight_that_it_names(views: str, reduction: str, weight: float) -> None:
    named = plan({"views": views, "reduction": reduction})
    for one, other in zip(named, plan({"views": views, "view_weight": weight}), strict=True):
        assert torch.equal(one.weight, other.weight)


@pytest.mark.parametrize(("reduction", "weight"), [("sum", 4 / 2 / 3), ("mean", 1 / 2 / 3)])
def test_sampled_views_are_different_ones_and_carry_the_weight_of_all(reduction: str, weight: float) -> None:
    step = plan({"views": "sampled:2", "reduction": reduction})[0]
    assert step.image[3:].tolist() == [image for image in step.image[:3].tolist() for _ in range(2)]
    assert all(len(set(pair)) == 2 for pair in step.view[3:].reshape(3, 2).tolist())
    assert step.weight.tolist() == [pytest.approx(1 / 3)] * 3 + [pytest.approx(weight)] * 6


def test_every_choice_of_views_is_as_likely() -> None:
    streams = Streams(0)
    counts: Counter[tuple[int, ...]] = Counter()
    for _ in range(100):
        for step in plan_epoch(12, VIEWS, (16, 16), ARMS["ladd"], recipe(views="sampled:2", batch_size=12), streams):
            counts.update(tuple(sorted(pair)) for pair in step.view[12:].reshape(12, 2).tolist())
    assert sorted(counts) == list(combinations(range(VIEWS), 2))
    # 1,200 draws, 6 choices: chi-square with 5 degrees of freedom is below 20.5 in 999 cases of 1,000.
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 20.5


def test_a_pool_epoch_has_the_batches_of_the_baseline_and_repeats_no_row() -> None:
    steps = plan({"views": "pool"})
    assert [step.samples for step in steps] == [3, 2] == [len(step.image) for step in steps]
    rows = [row for step in steps for row in zip(step.image.tolist(), step.view.tolist(), strict=True)]
    assert len(set(rows)) == 5
    assert steps[0].weight.tolist() == [pytest.approx(1 / 3)] * 3


def test_every_row_of_the_pool_is_as_likely() -> None:
    streams = Streams(0)
    counts: Counter[tuple[int, int]] = Counter()
    for _ in range(400):
        for step in plan_epoch(5, VIEWS, (16, 16), ARMS["ladd"], recipe(views="pool"), streams):
            counts.update(zip(step.image.tolist(), step.view.tolist(), strict=True))
    assert sorted(counts) == [(image, view) for image in range(5) for view in range(FULL_IMAGE, VIEWS)]
    # 2,000 draws, 25 rows: chi-square with 24 degrees of freedom is below 51.2 in 999 cases of 1,000.
    assert sum((count - 80) ** 2 / 80 for count in counts.values()) < 51.2


def test_one_augmentation_is_drawn_for_all_rows_of_a_step() -> None:
    streams = Streams(0)
    steps = [step for _ in range(30) for step in plan_epoch(3, VIEWS, (16, 16), ARMS["ladd"], recipe(), streams)]
    assert {step.augmentation.family for step in steps} == {"color", "crop", "cutout", "flip", "scale", "rotate"}
    assert all(len(values) == 15 for step in steps for values in step.augmentation.parameters.values())


def test_all_arms_share_the_family_of_a_step_under_the_present_rule_alone() -> None:
    def families(arm: str, views: str, rule: int) -> list[str]:
        streams = Streams(0, rule)
        chosen = recipe(views=views)
        plans = [plan_epoch(6, VIEWS, (16, 16), ARMS[arm], chosen, streams) for _ in range(12)]
        return [step.augmentation.family for steps in plans for step in steps]

    policies = [("ladd", "full"), ("ladd", "sampled:2"), ("sub_soft", "full"), ("ladd", "pool")]
    baseline, old = families("baseline", "full", 2), families("baseline", "full", 1)
    assert all(families(*each, 2) == baseline for each in policies)
    assert not any(families(*each, 1) == old for each in policies[:3])


@pytest.mark.parametrize("views", ["full", "sampled:3", "pool"])
@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("name", ["glad", "mtt"])
def test_counts_are_those_of_the_plans(name: str, arm: str, views: str) -> None:
    chosen = resolve_recipe(name, "ConvNetD3", {"epochs": 200, "batch_size": 3, "views": views})
    counts = training_counts(5, VIEWS, ARMS[arm], chosen)
    streams = Streams(1)
    steps = [step for _ in range(chosen.passes) for step in plan_epoch(5, VIEWS, (16, 16), ARMS[arm], chosen, streams)]
    assert counts.steps == len(steps)
    assert counts.forwards == sum(len(step.image) for step in steps)
    assert counts.largest_step == max(len(step.image) for step in steps)
    # Of a pool the expected number is told.
    seen = sum(int((step.view == FULL_IMAGE).sum()) for step in steps)
    assert counts.images_seen == pytest.approx(seen, rel=0.15 if views == "pool" and "ladd" in arm else 0)


def test_counts_of_the_paper() -> None:
    ladd = resolve_recipe("glad", "ConvNetD5", {})
    assert training_counts(100, 25, ARMS["ladd"], ladd) == TrainingCounts(1000, 2_600_000, 100_000, 2600)
    assert training_counts(100, 25, ARMS["baseline"], ladd) == TrainingCounts(1000, 100_000, 100_000, 100)
    pool = resolve_recipe("glad", "ConvNetD5", {"views": "pool"})
    assert training_counts(260, 25, ARMS["ladd"], pool) == TrainingCounts(2000, 260_000, 10_000, 256)
