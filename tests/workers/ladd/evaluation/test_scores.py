"""DD-Ranking's scores, against values worked out by hand."""

from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from api_schemas.evaluation import EvaluationRow
from workers.ladd.evaluation.scores import missing_arms, scores

SET, RANDOM_SET, LABELLED, SOURCE, OTHER = (f"ds_{digit * 26}" for digit in "01234")
MEANS = {
    "ConvNetD3": {
        (SET, "baseline"): 50.0,
        (SET, "ladd"): 60.0,
        (SET, "baseline_noaug"): 40.0,
        (RANDOM_SET, "random"): 30.0,
        (RANDOM_SET, "random_noaug"): 25.0,
        (LABELLED, "random_ladd"): 56.0,
        (SOURCE, "real"): 80.0,
    },
    # Nothing is left to wish for: as good as all images, where random ones are worth nothing.
    "ViT": {
        (SET, "baseline"): 100.0,
        (SET, "ladd"): 100.0,
        (SET, "baseline_noaug"): 100.0,
        (RANDOM_SET, "random"): 0.0,
        (RANDOM_SET, "random_noaug"): 0.0,
        (LABELLED, "random_ladd"): 0.0,
        (SOURCE, "real"): 100.0,
    },
}

Model = TypeVar("Model", bound=BaseModel)


def part(model: type[Model], **fields: Any) -> Model:
    """A model of these fields alone."""
    return model.model_construct(**fields)


def rows(without: Sequence[str] = (), architectures: Sequence[str] = tuple(MEANS)) -> list[EvaluationRow]:
    return [
        part(EvaluationRow, dataset=dataset, arm=arm, architecture=architecture, mean=mean, in_summary=True, trials=[])
        for architecture in architectures
        for (dataset, arm), mean in MEANS[architecture].items()
        if arm not in without
    ]


# With e - 1/e = 2.350402 and 1/e = 0.367879:
# ladd: IOR = 0.60 - 0.56, HLR = 0.80 - 0.50; alpha = 0.02 - 0.15 = -0.13; (0.878095 - 0.367879) / 2.350402.
# baseline: IOR = 0.50 - 0.30 = 0.20; alpha = 0.10 - 0.15 = -0.05; (0.951229 - 0.367879) / 2.350402.
# beta = (0.50 - 0.30) / 2 + (0.40 - 0.25) / 2 = 0.175; (1.191246 - 0.367879) / 2.350402.
# ViT: alpha = 0.5 - 0 and beta = 1; (1.648721 - 0.367879) / 2.350402, and 1.
BY_HAND = {
    ("LRS", "ladd", "ConvNetD3"): 0.217076,
    ("LRS", "baseline", "ConvNetD3"): 0.248192,
    ("ARS", "baseline", "ConvNetD3"): 0.350309,
    ("LRS", "ladd", "ViT"): 0.544946,
    ("LRS", "baseline", "ViT"): 0.544946,
    ("ARS", "baseline", "ViT"): 1.0,
}


def test_scores_are_those_worked_out_by_hand() -> None:
    found = scores(rows())
    assert {each.dataset for each in found} == {SET}
    by_place = {(each.name, each.arm, each.architecture): each.score for each in found}
    means = {
        (name, arm, None): (BY_HAND[name, arm, "ConvNetD3"] + BY_HAND[name, arm, "ViT"]) / 2
        for name, arm, architecture in BY_HAND
    }
    assert by_place == pytest.approx(BY_HAND | means, abs=1e-6)
    # The mean comes after those that it is of.
    assert [each.architecture for each in found] == ["ConvNetD3", "ViT", None] * 3


def test_a_score_names_the_accuracies_that_went_in() -> None:
    first, _, mean, *_ = scores(rows())
    assert first.accuracies == {"ladd": 60.0, "random_ladd": 56.0, "real": 80.0, "baseline": 50.0}
    assert mean.accuracies == {"ladd": 80.0, "random_ladd": 28.0, "real": 90.0, "baseline": 75.0}


def test_a_set_that_is_worse_than_random_images_in_all_has_nothing() -> None:
    worst = [(SET, "baseline", 0.0), (RANDOM_SET, "random", 100.0), (SOURCE, "real", 100.0)]
    found = scores(
        [
            part(EvaluationRow, dataset=dataset, arm=arm, architecture="ViT", mean=mean, in_summary=True)
            for dataset, arm, mean in worst
        ]
    )
    assert [each.score for each in found] == [pytest.approx(0.0)] * 2


@pytest.mark.parametrize(
    "gone", ["baseline", "random", "real", "random_ladd", "baseline_noaug", "random_noaug", "ladd"]
)
def test_without_an_arm_there_is_no_score_that_needs_it(gone: str) -> None:
    needed = {
        ("LRS", "ladd"): {"ladd", "random_ladd", "real", "baseline"},
        ("LRS", "baseline"): {"baseline", "random", "real"},
        ("ARS", "baseline"): {"baseline", "random", "baseline_noaug", "random_noaug"},
    }
    assert {(each.name, each.arm) for each in scores(rows([gone]))} == {
        score for score, arms in needed.items() if gone not in arms
    }


def test_an_architecture_that_an_arm_lacks_leaves_out_the_mean() -> None:
    left = [row for row in rows() if (row.arm, row.architecture) != ("real", "ViT")]
    lrs = [(each.arm, each.architecture) for each in scores(left) if each.name == "LRS"]
    assert lrs == [("ladd", "ConvNetD3"), ("baseline", "ConvNetD3")]


def test_points_of_a_sweep_share_what_is_trained_once() -> None:
    other = [row.model_copy(update={"dataset": OTHER, "mean": 70.0}) for row in rows() if row.arm == "ladd"]
    found = {each.dataset: each for each in scores([*rows(), *other]) if each.arm == "ladd" and each.architecture}
    assert set(found) == {SET, OTHER}
    assert found[OTHER].accuracies["baseline"] == found[SET].accuracies["baseline"]


def test_a_row_that_is_not_quoted_does_not_count() -> None:
    cheap = [row.model_copy(update={"mean": 1.0, "in_summary": False}) for row in rows() if row.arm == "ladd"]
    assert scores([*cheap, *rows()]) == scores(rows())


def test_what_is_missing_is_named() -> None:
    assert missing_arms(["baseline", "ladd"]) == {
        "LRS": ["random_ladd", "real"],
        "ARS": ["random", "baseline_noaug", "random_noaug"],
    }
    assert missing_arms(["baseline", "random"]) == {"LRS": ["real"], "ARS": ["baseline_noaug", "random_noaug"]}
    assert missing_arms({arm for _, arm in MEANS["ViT"]}) == {}
