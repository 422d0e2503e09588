"""Arms need the files that their labels say, and a trial of one trains as many networks as it compares rates."""

from dataclasses import replace

import pytest

from method.arms import ARMS, LR_FACTORS, TABLE_6, VIEWS_LR_FACTORS
from method.files import DENSE_LABELS, FULL_LABELS, TRAIN_IMAGES


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_needs_the_labels_that_it_trains_towards(name: str) -> None:
    arm = ARMS[name]
    soft = {FULL_LABELS: arm.full_images, DENSE_LABELS: arm.views}
    assert arm.label_files == [file for file, kind in soft.items() if kind in ("soft", "both")]
    # Equal accuracies go to the lower rate, and the recipe's own is among them.
    assert list(arm.lr_factors) == sorted(arm.lr_factors)
    assert 1 in arm.lr_factors
    assert arm.networks == (4 if name.endswith("best_lr") else 1)
    assert (TRAIN_IMAGES in arm.source_files) == (arm.best_lr or arm.images == "real")
    assert arm.full_images or arm.views
    assert arm.asks_labeler == (name == "online")


def test_table_6_has_full_images_views_and_ladd() -> None:
    assert TABLE_6 == ("baseline", "full_soft", "full_both", "sub_hard", "sub_soft", "sub_both", "ladd")
    assert (ARMS["sub_hard"].full_images, ARMS["sub_hard"].views) == (None, "hard")
    assert (ARMS["ladd"].full_images, ARMS["ladd"].views) == ("hard", "soft")


def test_controls_train_on_other_images() -> None:
    assert {name: arm.images for name, arm in ARMS.items() if arm.images != "own"} == {
        "random": "random",
        "random_ladd": "random",
        "random_noaug": "random",
        "real": "real",
        "real_noaug": "real",
        "baseline_plus": "plus",
    }


def test_a_control_differs_from_its_arm_in_one_thing() -> None:
    assert replace(ARMS["ladd"], name="ladd_best_lr", lr_factors=VIEWS_LR_FACTORS) == ARMS["ladd_best_lr"]
    assert replace(ARMS["baseline"], name="baseline_best_lr", lr_factors=LR_FACTORS) == ARMS["baseline_best_lr"]
    assert replace(ARMS["baseline"], name="baseline_matched", matched=True) == ARMS["baseline_matched"]
    for name in ("baseline", "random", "real"):
        assert replace(ARMS[name], name=f"{name}_noaug", augmented=False) == ARMS[f"{name}_noaug"]
